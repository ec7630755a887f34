# SPDX-License-Identifier: MIT
"""Shared by the scripts in Python: imported, not run."""
import importlib.util
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

root = pathlib.Path(__file__).resolve().parent.parent
script = pathlib.Path(sys.argv[0]).name


def fail(message):
    sys.exit(f"{script}: {message}")


def restart_with(module):
    """Starts this script anew by the system's Python, for which scripts/install-dependencies installs modules, if that has
    the module and the Python that runs it has not."""
    system = "/usr/bin/python3"
    if importlib.util.find_spec(module) or not os.access(system, os.X_OK):
        return
    if subprocess.run([system, "-c", f"import {module}"], capture_output=True).returncode == 0:
        sys.stdout.flush()
        os.execv(system, [system, *sys.argv])


def find_tool(name):
    """The path of a program of the CUDA toolkit, in PATH or where toolkits lie; None if there is none."""
    folders = [os.environ[key] for key in ("CUDA_HOME", "CUDA_PATH") if os.environ.get(key)] + ["/usr/local/cuda"]
    return shutil.which(name) or shutil.which(name, path=os.pathsep.join(f"{folder}/bin" for folder in folders))


def recorded_file(folder, source, suffix):
    """Where a build that compiled the source, whatever its folder, recorded what a report reads; fails if it did not."""
    path = pathlib.Path(folder, pathlib.Path(source).name).with_suffix(suffix)
    if not path.is_file():
        fail(f"expected {path}, recorded when {source} was compiled, got no such file")
    return path


def report_or_record(report, record):
    """What a script returns that reports or, by --record DIR COMMAND..., is a build's launcher."""
    if sys.argv[1:2] != ["--record"]:
        return report()
    if len(sys.argv) < 4:
        fail(f"expected --record DIR COMMAND..., got {shlex.join(sys.argv[1:])}")
    return record(*sys.argv[2:])


def output_of(*command):
    """What a command prints in the checkout; "unknown" if it fails."""
    try:
        return subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def command_line():
    """This script's command, with the settings of mpad that decide what runs."""
    set_to = [f"{name}={os.environ[name]}" for name in ("MPAD_ISA", "MPAD_SM90") if os.environ.get(name)]
    return shlex.join([*set_to, f"scripts/{script}", *sys.argv[1:]])


def detect_gpu():
    """Name, compute capability, driver and memory of the first GPU."""
    fields = ["name", "compute_cap", "driver_version", "memory.total", "clocks.max.sm", "clocks.max.memory"]
    try:
        query = ["nvidia-smi", f"--query-gpu={','.join(fields)}", "--format=csv,noheader"]
        answer = subprocess.run(query, capture_output=True, text=True, timeout=60)
        first = [field.strip() for field in answer.stdout.splitlines()[0].split(",")] if answer.returncode == 0 else []
    except (OSError, IndexError, subprocess.TimeoutExpired):
        first = []
    if len(first) != len(fields):
        fail("expected a GPU that nvidia-smi lists, got none")
    return dict(zip(fields, first))


def cuda_architecture(capability):
    """What CMake is to build for a GPU of compute capability "8.6": "86-real"; for 9.0 what kernels/cuda/toolkit.cmake does."""
    number = capability.replace(".", "")
    return "90a-real" if number == "90" else f"{number}-real"


def commit():
    """The commit that is checked out, and whether files of it are changed."""
    changed = output_of("git", "status", "--porcelain", "--untracked-files=no")
    return output_of("git", "rev-parse", "HEAD") + (" and changes" if changed not in ("", "unknown") else "")


def tests_like(pattern):
    """Names of the tests that match a pattern as a whole."""
    return [path.stem for path in sorted((root / "tests").glob("test_*.cpp")) if re.fullmatch(pattern, path.stem)]


def kernel_tests():
    """Names of the tests that run kernels on CUDA where a build and a machine have it."""
    uses = re.compile(r"\b(on_each_backend|run_kernel|devices|can_use_cuda)\(|\bDevice::cuda\b")
    folder = root / "tests"

    def runs_kernels(path):
        text = path.read_text()
        helpers = set(re.findall(r'#include "(\w+\.h)"', text)) - {"backends.h", "kernel_run.h"}
        return uses.search(text) or any(runs_kernels(folder / name) for name in helpers if (folder / name).exists())

    return [path.stem for path in sorted(folder.glob("test_*.cpp")) if runs_kernels(path)]


def without_comments(text):
    """C++ with comments and the insides of literals blanked, every character at its place."""
    pattern = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', re.DOTALL)
    return pattern.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
