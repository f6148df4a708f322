"""What `tfdeploy doctor` finds on a machine, where no other command has a code for it."""

from __future__ import annotations

from tfdeploy.errors.entries import Entry, Exit

DOCTOR_ENTRIES: dict[str, Entry] = {
    "TFD460": Entry(
        Exit.NO,
        "The processor lacks AVX",
        "TensorFlow's wheels and the images of tensorflow/serving are built with it. A program "
        "that uses an instruction which the processor lacks gets SIGILL: exit code 132, 'Illegal "
        "instruction', and nothing else in the log.",
        "Releases are built with -mavx and -msse4.2 (tensorflow/serving's .bazelrc, "
        "build:release; #1342, #1471, #1591). Virtual machines often show an older processor than "
        "they run on.",
        "Have the virtual machine show the host's processor. On a processor without AVX: the apt "
        "package tensorflow-model-server-universal, with --server-binary.",
    ),
    "TFD461": Entry(
        Exit.NO,
        "The Docker engine is too old",
        "Stacks are tried on engines from 20.10 on. Older ones don't know all that the rendered "
        "Compose file asks for, or newer Compose refuses to talk to them.",
        "Docker supports its newest release alone; a distribution's package may be years behind.",
        "Install Docker Engine from docs.docker.com/engine/install.",
    ),
    "TFD462": Entry(
        Exit.NO,
        "A clock is wrong",
        "This machine's clock is years off, or the Docker engine's differs from it by more than "
        "half a minute.",
        "Certificates and tokens hold from one time to another, so that pulls and TLS fail with "
        "'certificate is not yet valid'. The virtual machine of Docker Desktop stands still while "
        "its host sleeps.",
        "Let NTP set the clock: `timedatectl set-ntp true`. Restart Docker Desktop.",
    ),
    "TFD463": Entry(
        Exit.NO,
        "Files were written at a time to come",
        "A clock was ahead when they were written, or is behind now.",
        "The server takes versions by their number and doesn't mind. Copying and backing up by "
        "time (rsync, make) takes such a file for the newest for as long as its time hasn't come.",
        "Set the clock, then `touch` the files.",
    ),
    "TFD464": Entry(
        Exit.NO,
        "Containers don't get at the GPUs",
        "The driver works on the host, and Docker has no way to hand its devices to a container: "
        "neither a runtime `nvidia` nor CDI devices `nvidia.com/gpu`.",
        "Docker hands out GPUs through NVIDIA's container toolkit. Without it a start ends with "
        "'could not select device driver \"nvidia\" with capabilities: [[gpu]]' (#1768, "
        "docker/compose#8237).",
        "Install nvidia-container-toolkit, run `sudo nvidia-ctk runtime configure "
        "--runtime=docker`, and restart Docker.",
    ),
    "TFD465": Entry(
        Exit.NO,
        "An image is old, or its base is at the end of its life",
        "The image was made more than two years ago, or stands on a release of Ubuntu that gets "
        "no more security updates.",
        "A pinned image never changes, and neither do the holes in its libraries (#4056, #4109). "
        "Support ends as ubuntu.com/about/release-cycle says.",
        "Take a newer release of the server, or put the server on a newer base.",
    ),
    "TFD466": Entry(
        Exit.NO,
        "The disk is nearly full",
        "Less is free than the next change may take: an export writes a version beside those that "
        "are there, an image is packed and unpacked at once, and logs grow.",
        "What tfdeploy writes is never half there, for it is renamed when it is whole; a pull, a "
        "server's log and a client's answer on a full disk have no such care.",
        "`tfdeploy prune STACK --keep 3`, `docker system df`, `docker image prune -a`; "
        "docs/runbooks/disk-full.md goes through it.",
    ),
    "TFD467": Entry(
        Exit.NO,
        "SELinux keeps containers from the models",
        "On a host that enforces SELinux a container reads only what is labelled for containers. "
        "A folder in somebody's home isn't, whatever its mode says.",
        "The policy (container-selinux) lets the type container_t read container_file_t and a few "
        "more. The server says 'Permission denied' or finds no versions (#1748).",
        "Label the folder: `semanage fcontext -a -t container_file_t 'DIR(/.*)?'`, then "
        "`restorecon -R DIR`. Or have Docker do it at each start: `bind: {selinux: z}` in an "
        "override of compose.yaml.j2.",
    ),
    "TFD468": Entry(
        Exit.NO,
        "The stack may take more memory than there is",
        "The memory limits of all services add up to more than the machine has, or the models "
        "alone do. With Docker Desktop it is the memory of its virtual machine that counts.",
        "A limit is no reservation: all goes well until every service needs what it may have. "
        "Then the kernel kills one of them: exit code 137. A model takes 1.2 times its size and "
        "more (servables/tensorflow/bundle_factory_util.h).",
        "Lower `resources.memory`, serve fewer versions, or take a larger machine.",
    ),
    "TFD469": Entry(
        Exit.NO,
        "The kernel refuses memory that is free",
        "With vm.overcommit_memory=2 all processes together may reserve no more than the commit "
        "limit, which is half of the memory by default, whether or not it is used.",
        "TensorFlow reserves arenas and stacks of threads that it never fills "
        "(docs.kernel.org, mm/overcommit-accounting).",
        "`sysctl vm.overcommit_memory=0`, or raise vm.overcommit_ratio.",
    ),
    "TFD470": Entry(
        Exit.NO,
        "A process may open few files",
        "Every connection is a file. macOS allows 256 by default, some login shells less than a "
        "thousand.",
        "A server of the process runtime inherits the limit of the shell that started it; "
        "containers don't.",
        "`ulimit -n 65536` before `tfdeploy up`, or `nofile` in /etc/security/limits.conf.",
    ),
    "TFD471": Entry(
        Exit.NO,
        "A killed command has left something behind",
        "A half written file, a half copied or half deleted model, or the note of who held the "
        "stack. Nothing reads them: files and models are renamed when they are whole, and the "
        "lock itself ends with its process.",
        "A command that is killed (kill -9, power) can't clean up. The next change of the stack "
        "does, for what it meets.",
        "`tfdeploy doctor STACK --fix` removes them while it holds the stack.",
    ),
    "TFD472": Entry(
        Exit.NO,
        "Containers are there for services that the stack doesn't have",
        "A service was taken out of the stack file, or renamed, and its container is still there.",
        "Compose leaves alone what its file doesn't name.",
        "`tfdeploy up STACK` stops and removes it; `tfdeploy plan STACK` shows that first.",
    ),
    "TFD473": Entry(
        Exit.NO,
        "A change was cut short",
        "A command that changed the stack was killed, and no other has finished its work.",
        "The journal holds what it was about to do, and how the stack was before.",
        "`tfdeploy up STACK` goes on to what the stack file wants; `tfdeploy undo STACK` goes "
        "back; `tfdeploy history STACK` tells more.",
    ),
    "TFD474": Entry(
        Exit.NO,
        "A proxy stands between this machine and itself",
        "http_proxy is set, and no_proxy doesn't name localhost and 127.0.0.1: curl, Python's "
        "requests and gRPC ask the proxy for a service on this machine. It answers 403 or 503, or "
        "not at all. tfdeploy itself asks services directly over REST.",
        "Clients go by these variables, and few leave localhost out by themselves (#387).",
        "`export no_proxy=localhost,127.0.0.1 NO_PROXY=localhost,127.0.0.1`.",
    ),
    "TFD475": Entry(
        Exit.NO,
        "Docker stores images in a costly way",
        "The storage driver copies whole layers, or is one that newer engines have no more.",
        "vfs is Docker's last resort where the file system can't do better, in a container for "
        "instance. devicemapper was removed in Docker 25, aufs in 24.",
        "overlay2 on ext4 or xfs: `storage-driver` in /etc/docker/daemon.json.",
    ),
    "TFD476": Entry(
        Exit.NO,
        "The Docker engine is another machine's",
        "DOCKER_HOST or the context leads over a network. Folders are mounted from the machine "
        "that the engine runs on; what lies here isn't seen.",
        "A bind mount names a path, and the engine looks for it on its own machine.",
        "Run tfdeploy there, or keep the stack and models_dir at the same paths on both.",
    ),
    "TFD477": Entry(
        Exit.RUNTIME,
        "This user may not listen on the port",
        "Ports below 1024 are for root, unless net.ipv4.ip_unprivileged_port_start is lower.",
        "The process runtime's servers run as this user, and so does a rootless Docker.",
        "Publish a higher port, or lower that setting with sysctl.",
    ),
    "TFD478": Entry(
        Exit.NO,
        "MIG is on, and the card isn't cut up",
        "While MIG is on, programs see its instances and not the card; without an instance they "
        "see nothing.",
        "NVIDIA's MIG user guide; the mode outlives a restart on some cards, instances don't.",
        "`nvidia-smi mig -cgi PROFILE -C` makes instances, `nvidia-smi -mig 0` turns it off.",
    ),
    "TFD479": Entry(
        Exit.NO,
        "A service that was brought up isn't running",
        "Its process or container ended, and nothing has started it again: it crashed, somebody "
        "or the kernel killed it, or the machine was restarted.",
        "The stack is up as far as tfdeploy knows; a `down` would have said otherwise. Docker "
        "doesn't restart a container that was stopped or killed by hand.",
        "`tfdeploy status STACK` shows how it ended, `tfdeploy logs STACK` what it said last; "
        "`tfdeploy up STACK` starts it.",
    ),
    "TFD489": Entry(
        Exit.USAGE,
        "The file of facts is wrong",
        "`tfdeploy doctor --facts FILE` judges what `--save-facts FILE` has kept, here or on "
        "another machine.",
    ),
}
