# SPDX-License-Identifier: MIT
"""Where real data and a GPU's toolkit are, if they are."""
import os
import pathlib
import subprocess

from common import cuda_architecture, fail, find_tool, root

_folders = {"mnist": ("mnist", "."), "cifar10": ("cifar10", "cifar-10-batches-bin", "cifar10/exact", ".")}
_files = {"mnist": ("train-images-idx3-ubyte.gz", "train-images-idx3-ubyte"), "cifar10": ("data_batch_1.bin",)}


def data_folder(named):
    """The folder named, or $MPAD_DATA, or data/ in the checkout, or shared/data beside it; None if there is none."""
    if named:
        if not pathlib.Path(named).is_dir():
            fail(f"--data: expected a directory, got '{named}'")
        return pathlib.Path(named).resolve()
    places = (os.environ.get("MPAD_DATA"), root / "data", root.parent / "shared/data")
    return next((pathlib.Path(place).resolve() for place in places if place and pathlib.Path(place).is_dir()), None)


def place_of(dataset, data):
    """The folder that holds the files of a data set, in or below `data`; None if none does."""
    places = [data / folder for folder in _folders[dataset]] if data else []
    return next((place for place in places if any((place / name).exists() for name in _files[dataset])), None)


def gpu_architecture():
    """What to build for on this machine's GPU, "86-real"; None without a GPU or a toolkit to build with."""
    try:
        command = ["nvidia-smi", "--query-gpu=compute_cap", "--format=csv,noheader"]
        listed = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.split()
    except (OSError, subprocess.SubprocessError):
        return None
    return cuda_architecture(listed[0]) if listed and find_tool("nvcc") else None
