"""Lines of TensorFlow and CUDA about GPUs, the most telling of each kind first.

Paths are of tensorflow/tensorflow; the CUDA ones moved from tensorflow/stream_executor to
third_party/xla/xla/stream_executor, and their texts stayed.
"""

from __future__ import annotations

from tfdeploy.serverlog.known import Known, Matters, Tells

_DRIVER = "stream_executor/cuda/cuda_driver.cc"
_DIAGNOSTICS = "stream_executor/cuda/cuda_diagnostics.cc"
_DEVICE = "core/common_runtime/gpu/gpu_device.cc"
_RESERVE = (
    "see that nvidia-smi works on the host, that CUDA_VISIBLE_DEVICES hides no GPU, and that a "
    "container gets it: `--gpus device=0`, with the NVIDIA Container Toolkit."
)
_RESERVE_IN_CONTAINER = (
    "give the container its GPU: `--gpus device=0`, or a reservation with device_ids and "
    "capabilities: [gpu]; the host needs the driver and the NVIDIA Container Toolkit."
)
_RESERVE_AS_PROCESS = (
    "see that nvidia-smi shows the GPU on this machine, whose driver the server uses, and that "
    "CUDA_VISIBLE_DEVICES doesn't hide it."
)
_NEWER = "take an image, or a TensorFlow, whose CUDA knows this GPU; or another GPU."
_LIBRARIES = "take the image's -gpu twin of the same version, with nothing changed in it."
_LIBRARIES_AS_PROCESS = (
    "install the libraries that the server's TensorFlow was built for: `pip install "
    "'tensorflow[and-cuda]'` brings those of the pip package."
)


def _on_cpu(
    pattern: str,
    code: str,
    means: str,
    fix: str,
    source: str,
    tells: Tells = Tells.NOTHING,
    matters: Matters = Matters.UNLESS_CPU,
) -> Known:
    in_container = _RESERVE_IN_CONTAINER if fix is _RESERVE else ""
    as_process = {_RESERVE: _RESERVE_AS_PROCESS, _LIBRARIES: _LIBRARIES_AS_PROCESS}.get(fix, "")
    return Known(
        pattern,
        code,
        means,
        fix,
        source,
        tells,
        matters,
        on_cpu=True,
        in_container=in_container,
        as_process=as_process,
    )


# All of these leave the server on the CPU.
FALLBACK_LINES = (
    _on_cpu(
        r"failed call to cuInit: .*CUDA_ERROR_NO_DEVICE",
        "TFD291",
        "CUDA finds no GPU, and TensorFlow goes on with the CPU.",
        _RESERVE,
        _DRIVER,
    ),
    _on_cpu(
        r"failed call to cuInit: .*(?:CUresult\(-1\)|UNKNOWN ERROR \(\d+\))",
        "TFD291",
        "The server finds no library of the driver, and TensorFlow goes on with the CPU.",
        _RESERVE,
        _DRIVER + "; #987, #1015",
    ),
    _on_cpu(
        r"failed call to cuInit: (?P<error>.+)",
        "TFD496",
        "The driver refuses to work ({error}), and TensorFlow goes on with the CPU.",
        "see whether nvidia-smi works on the host, and in a container; after an update of the "
        "driver, reboot.",
        _DRIVER + "; tensorflow/tensorflow#7653",
    ),
    _on_cpu(
        r"CUDA driver version is insufficient for CUDA runtime version",
        "TFD313",
        "The host's driver is older than the server's CUDA needs.",
        "update the driver, or take an older image or TensorFlow; `tfdeploy gpu list` shows the "
        "driver.",
        "cudaErrorInsufficientDriver; kubeflow/kubeflow#1009",
    ),
    _on_cpu(
        r"failed to allocate (?P<size>\S+) \(\d+ bytes\) from device: CUDA_ERROR_OUT_OF_MEMORY",
        "TFD311",
        "The GPU hasn't {size} free for the server's pool: others hold its memory.",
        "give each server a fraction whose sum leaves room; `tfdeploy gpu list` shows who holds "
        "what.",
        _DRIVER,
        Tells.HINT,
    ),
    _on_cpu(
        r"CUDA_ERROR_INVALID_PTX|no kernel image is available for execution on the device",
        "TFD314",
        "The server has no kernels for this GPU.",
        _NEWER,
        "compiler/mlir/tools/kernel_gen/tf_gpu_runtime_wrappers.cc; #4112",
        Tells.HINT,
    ),
    _on_cpu(
        r"CUDA_ERROR_UNSUPPORTED_PTX_VERSION",
        "TFD313",
        "The host's driver can't compile what the server's newer CUDA wrote.",
        "update the driver, or take an older image or TensorFlow.",
        "compiler/mlir/tools/kernel_gen/tf_gpu_runtime_wrappers.cc",
        Tells.HINT,
    ),
    _on_cpu(
        r"CUDA_ERROR_(?!INVALID_HANDLE)(?P<error>\w+)",
        "TFD496",
        "CUDA answers with the error {error}.",
        "see whether nvidia-smi works and shows no Xid error (dmesg); restart the server, then "
        "the host.",
        _DRIVER,
    ),
    _on_cpu(
        r"Could not load dynamic library 'libcuda\.so",
        "TFD291",
        "The server finds no library of the driver, and TensorFlow goes on with the CPU.",
        _RESERVE,
        "stream_executor/platform/default/dso_loader.cc",
    ),
    _on_cpu(
        r"Could not load dynamic library "
        r"'(?P<library>lib(?:cu(?:dart|dnn|blas|fft|rand|solver|sparse)|nccl)[^']*)'",
        "TFD495",
        "The library {library} isn't there, and TensorFlow goes on with the CPU.",
        _LIBRARIES,
        "stream_executor/platform/default/dso_loader.cc",
    ),
    _on_cpu(
        r"Could not find cuda drivers on your machine",
        "TFD291",
        "No driver is here. Without a GPU that is as it should be.",
        _RESERVE,
        "tsl/cuda/cudart_stub.cc",
        matters=Matters.IF_GPU,
    ),
    _on_cpu(
        r"Cannot dlopen some GPU libraries|Skipping registering GPU devices",
        "TFD495",
        "Libraries of CUDA or cuDNN aren't there, and TensorFlow goes on with the CPU.",
        _LIBRARIES,
        _DEVICE,
    ),
    _on_cpu(
        r"Ignoring visible gpu device .+ with Cuda compute capability (?P<has>[\d.]+?)\. "
        r"The minimum required Cuda capability is (?P<least>[\d.]+?)\.?$",
        "TFD314",
        "The GPU's compute capability is {has}, and the server wants {least} at least.",
        "take an older image or TensorFlow, or another GPU.",
        _DEVICE,
    ),
    _on_cpu(
        r"Ignoring visible gpu device (?P<device>.+)",
        "TFD314",
        "TensorFlow doesn't take the GPU {device}",
        _NEWER,
        _DEVICE,
    ),
    _on_cpu(
        r"kernel driver does not appear to be running on this host"
        r"|no NVIDIA GPU device is present",
        "TFD291",
        "No GPU and no driver are to be seen from the server.",
        _RESERVE,
        _DIAGNOSTICS,
    ),
    _on_cpu(
        r"kernel version (?P<kernel>[\d.]+) does not match DSO version (?P<library>[\d.]+)",
        "TFD496",
        "The kernel's driver is {kernel} and its library {library}: an update without a reboot.",
        "reboot the host, or start the server anew after the update.",
        _DIAGNOSTICS,
    ),
)

USE_LINES = (
    Known(
        r"OOM when allocating tensor with shape ?(?P<shape>\[[^\]]*\]).*?by allocator GPU",
        "TFD309",
        "The server's share of the GPU is full: there was no room for a tensor of shape {shape}.",
        "give it a larger share, send smaller batches, or serve fewer models and versions from it.",
        "core/framework/op_kernel.cc; #1107",
        Tells.LOAD,
    ),
    Known(
        r"OOM when allocating tensor with shape ?(?P<shape>\[[^\]]*\])",
        "TFD493",
        "There was no memory for a tensor of shape {shape}.",
        "give the server more memory, or send smaller batches.",
        "core/framework/op_kernel.cc",
        Tells.LOAD,
    ),
    Known(
        r"Allocator \(GPU_(?P<number>\d+)_bfc\) ran out of memory trying to allocate "
        r"(?P<size>[\d.]+\w+)",
        "TFD309",
        "The server's share of GPU {number} is full: {size} more were wanted.",
        "give it a larger share, send smaller batches, or serve fewer models and versions from it.",
        "core/common_runtime/bfc_allocator.cc",
        Tells.HINT,
    ),
    Known(
        r"failed to alloc (?P<bytes>\d+) bytes on host: CUDA_ERROR_OUT_OF_MEMORY",
        "TFD493",
        "The host had no {bytes} bytes for a buffer that the GPU can read.",
        "give the server more memory.",
        _DRIVER,
        Tells.HINT,
    ),
    Known(
        r"TensorFlow was not built with CUDA kernel binaries compatible with compute capability "
        r"(?P<capability>[\d.]+?)\. ",
        "TFD314",
        "The server has no kernels for compute capability {capability}: the first start compiles "
        "them, for minutes.",
        "wait (--timeout), and keep what is compiled: CUDA_CACHE_PATH on a volume, and "
        "CUDA_CACHE_MAXSIZE=4294967296.",
        _DEVICE + "; #1663",
        Tells.HINT,
    ),
    Known(
        r"ptxas fatal\s*: Value '(?P<gpu>sm_\d+)' is not defined for option 'gpu-name'",
        "TFD314",
        "The server's CUDA doesn't know {gpu} GPUs: the driver compiles in its place, slowly.",
        _NEWER,
        "stream_executor/gpu/asm_compiler.cc; #1821",
    ),
    Known(
        r"Loaded runtime CuDNN library: (?P<loaded>[\d.]*\d).*? but source was compiled with:? "
        r"(?P<built>[\d.]*\d)",
        "TFD495",
        "cuDNN {loaded} is loaded, and the server was built for {built}.",
        _LIBRARIES,
        "stream_executor/cuda/cuda_dnn.cc; tensorflow/tensorflow#60913",
        Tells.HINT,
    ),
    Known(
        r"Possibly insufficient driver version: (?P<driver>[\d.]+)",
        "TFD313",
        "The host's driver {driver} is too old for the server's cuDNN.",
        "update the driver, or take an older image or TensorFlow.",
        "stream_executor/cuda/cuda_dnn.cc; leondgarse/Keras_insightface#130",
        Tells.HINT,
    ),
    Known(
        r"(?:Could not create cudnn handle|failed to create cublas handle): (?P<status>\w+)",
        "TFD307",
        "A CUDA library couldn't start ({status}): mostly there is no GPU memory left beside the "
        "server's share.",
        "make the share smaller, so that contexts and handles fit beside it.",
        "stream_executor/cuda/cuda_dnn.cc, cuda_blas.cc",
        Tells.HINT,
    ),
    Known(
        r"DNN library is not found|DNN library initialization failed",
        "TFD495",
        "cuDNN isn't there or didn't start; the line before says which.",
        _LIBRARIES,
        "core/kernels/conv_ops.cc; tensorflow/tensorflow#60913",
        Tells.HINT,
    ),
    Known(
        r"could not select device driver .*?capabilities: \[\[?gpu",
        "TFD291",
        "Docker can't give GPUs to containers on this host.",
        "install the NVIDIA Container Toolkit, configure Docker with it and restart Docker.",
        "moby/moby, daemon/devices_linux.go",
        Tells.START,
    ),
)
