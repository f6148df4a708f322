"""Stories of the errors about GPUs, beyond the sum of the fractions."""

from __future__ import annotations

from tfdeploy.errors.entries import Entry, Exit

GPU_ENTRIES: dict[str, Entry] = {
    "TFD303": Entry(
        Exit.USAGE,
        "The GPU inventory is wrong",
        "An inventory is a JSON file with the devices of a box: `tfdeploy gpu list --write FILE` "
        "makes it. With it a stack for a GPU box is planned and checked on any machine. It lies "
        "beside the stack file or in the stacks folder, as gpus.json, or is named with "
        "--inventory.",
    ),
    "TFD304": Entry(
        Exit.RUNTIME,
        "There is no GPU here",
        "Devices are read through NVML, the library of the NVIDIA driver. It isn't there, or it "
        "finds no device. On a machine without a GPU give an inventory of the box that has one.",
    ),
    "TFD305": Entry(
        Exit.USAGE,
        "A GPU share takes an inventory to tell",
        "`memory: 6GiB` becomes the fraction of a device whose size must be known, `device: auto` "
        "chooses among devices, and `replicas: per-gpu` counts them. Where the devices aren't on "
        "this machine, an inventory file tells of them.",
    ),
    "TFD306": Entry(
        Exit.USAGE,
        "A service asks for a GPU that isn't there",
        "`device:` is an index or a UUID of the inventory, or a MIG instance. While MIG is on, the "
        "card itself can't be used.",
    ),
    "TFD307": Entry(
        Exit.USAGE,
        "The shares of a GPU don't fit with what comes on top",
        "per_process_gpu_memory_fraction is what a server's memory pool takes of the device's "
        "total. The process takes a CUDA context besides, outside the pool "
        "(tensorflow/serving#1668). So the sum of shares and contexts must fit into the total "
        "without a reserve. Where it doesn't, the last server to start fails, or runs on less than "
        "its models need. A context counts with its measured size, or 512 MiB.",
    ),
    "TFD308": Entry(
        Exit.USAGE,
        "The services can't be placed on the GPUs",
        "Every service needs its share and a context on one device. The message says why no "
        "placement exists: one service is too large, all together are, more large ones than "
        "devices can't stand beside each other, or every way was ruled out.",
    ),
    "TFD309": Entry(
        Exit.USAGE,
        "The models don't fit into their GPU share",
        "Weights of all versions that serve lie in the share, all models together, and what a "
        "request needs besides. As a warning: the weights fit, but activations may not.",
    ),
    "TFD310": Entry(
        Exit.USAGE,
        "A version change doesn't fit into the GPU share",
        "The server loads a new version before it unloads the old one "
        "(tensorflow_serving/core/availability_preserving_policy.cc), and both lie in the same "
        "share. A share that fits one copy runs out of memory in the change, and the new version "
        "fails to load.",
    ),
    "TFD311": Entry(
        Exit.USAGE,
        "Other programs hold GPU memory that the plan needs",
        "A fraction is of the device's total, whatever is free: a server that finds less fails at "
        "its start.",
    ),
    "TFD312": Entry(
        Exit.USAGE,
        "A service takes its GPU share bit by bit",
        "With `growth: true` the server starts with little and takes more when requests need it, "
        "up to its share. It never gives any back. What it hasn't taken yet another program can "
        "take; requests fail with out of memory then, hours after a start that looked fine.",
    ),
    "TFD313": Entry(
        Exit.RUNTIME,
        "The NVIDIA driver is too old for the image",
        "Each CUDA major has a least driver (docs.nvidia.com/deploy/cuda-compatibility). Below it "
        "cuInit fails, and TensorFlow Serving goes on with the CPU without an error.",
    ),
    "TFD314": Entry(
        Exit.RUNTIME,
        "The image has no kernels for this GPU",
        "A release is compiled for a range of compute capabilities. Older cards find no kernels; "
        "newer ones compile for minutes at the first start, or fail with CUDA_ERROR_INVALID_PTX "
        "(tensorflow/serving#4112).",
    ),
    "TFD315": Entry(
        Exit.USAGE,
        "How much GPU memory a service needs isn't known",
        "`memory: auto` goes by the weights of the versions on disk. Where there are none, the "
        "stack file must state the share.",
    ),
    "TFD316": Entry(
        Exit.DEPLOY,
        "A service that asked for a GPU runs on the CPU",
        "TensorFlow goes on with the CPU when it finds no usable GPU, and says so in its log only. "
        "`up` reads the log for `Created device /job:localhost/.../device:GPU:0`, and asks NVML "
        "for the server's process. Where running on the CPU is fine, write `required: false`.",
    ),
    "TFD317": Entry(
        Exit.DEPLOY,
        "Whether a service got its GPU can't be told",
        "The log holds no line about GPUs, because TF_CPP_MIN_LOG_LEVEL hides it, and NVML isn't "
        "at hand to ask. Nothing is stopped for it.",
    ),
    "TFD318": Entry(
        Exit.MODEL,
        "A model's GPU memory can't be measured",
        "`tfdeploy gpu profile` loads the model with TensorFlow in a process of its own and runs "
        "it with made-up requests of several batch sizes. TensorFlow must be installed and see "
        "the GPU, and the model must take such requests.",
    ),
    "TFD319": Entry(
        Exit.USAGE,
        "A service with a GPU share has an image without GPU support",
        "tensorflow/serving:X.Y.Z is built for the CPU; its -gpu twin has CUDA. With the first, "
        "the share is silently ignored.",
    ),
}
