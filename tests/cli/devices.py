# SPDX-License-Identifier: MIT
"""devices.py PROGRAM off|nvcc|emulated: a training program, built so, computes where --device says and records it; where
there is no device it says why, in one line. On CUDA its results do not depend on --graph."""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

program, cuda = sys.argv[1:]
name = pathlib.Path(program).name
no_device, no_driver = "no CUDA device", r"no NVIDIA driver for CUDA \d+\.\d+ or newer"
failures = []


def train(device, machine, *options, images=32, epochs=1):
    """Exit code, standard error, run.json (empty if there is none) and rows of results.csv, without the time that is
    their last, of a small training."""
    sizes = ["--train-limit", str(images), "--test-limit", "8", "--batch-size", "16", "--epochs", str(epochs)]
    environment = {**os.environ, "MPAD_EMULATION_DEVICE": machine}
    with tempfile.TemporaryDirectory() as out:
        run = subprocess.run(
            [program, "--dataset", "synthetic", *sizes, "--quiet", "--out", out, "--device", device, *options],
            env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        record, results = (pathlib.Path(out, name) for name in ("run.json", "results.csv"))
        rows = [line.rsplit(",", 1)[0] for line in results.read_text().splitlines()] if results.exists() else []
        return run.returncode, run.stderr, json.loads(record.read_text()) if record.exists() else {}, rows


def check_graph(*options):
    """Of three steps, the last on fewer images, and then of two epochs of them."""
    plain, graph = (train("cuda", "", *options, *graph, images=40, epochs=2) for graph in ([], ["--graph"]))
    if plain[0] or graph[0] or len(plain[3]) != 3 or plain[3] != graph[3]:
        failures.append(f"{' '.join(options)} --graph: expected {plain}, got {graph}")


def check(device, machine, code, message, computed_on):
    got_code, got_message, record, _ = train(device, machine)
    trained_on = record.get("settings", {}).get("device")
    if got_code != code or not re.fullmatch(message, got_message) or trained_on != computed_on:
        failures.append(f"--device {device} with MPAD_EMULATION_DEVICE='{machine}': expected exit {code}, {message!r}, "
                        f"training on {computed_on}, got {got_code}, {got_message!r}, {trained_on}")
    gpu = record.get("machine", {}).get("gpu")
    if computed_on == "cuda":
        if not (gpu and gpu["name"] and gpu["memory"] > 0 and re.fullmatch(r"\d+\.\d", gpu["compute_capability"])
                and re.fullmatch(r"\d+\.\d", gpu["driver"])):
            failures.append(f"--device {device}: expected a description of the GPU, got {gpu}")
    elif gpu:
        failures.append(f"--device {device}: expected no GPU in the record, got {gpu}")


def check_machine(machine, reason):
    """`reason` is why there is no CUDA; None if there is."""
    if reason is None:
        check("cuda", machine, 0, "", "cuda")
        check("auto", machine, 0, "", "cuda")
        check_graph("--bits", "mixed")
        check_graph("--bits", "32", "--optimizer", "adam")
        return
    check("cuda", machine, 1, rf"{name}: --device: expected cpu or auto \({reason}\), got cuda\n", None)
    check("auto", machine, 0, "" if cuda == "off" else rf"{name}: computing on the CPU: {reason}\n", "cpu")


check("cpu", "", 0, "", "cpu")
check("cudo", "", 2, rf"{name}: --device: expected cpu\|cuda\|auto, got 'cudo' \(did you mean 'cuda'\?\)\n", None)
if cuda == "off":
    check_machine("", "this build has no CUDA")
elif cuda == "emulated":
    check_machine("", None)
    check_machine("none", no_device)
    check_machine("old-driver", no_driver)
else:
    # The machine decides; a device that cannot be used for any other reason is a failure.
    check_machine("", None if train("cuda", "")[0] == 0 else f"(?:{no_device}|{no_driver})")

print("\n".join(failures) or f"{name} computes where it is told to")
sys.exit(bool(failures))
