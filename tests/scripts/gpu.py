# SPDX-License-Identifier: MIT
"""gpu.py SOURCE: scripts/gpu runs every step and reports each failure; the programs it calls are stubs here."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

source = pathlib.Path(sys.argv[1])
failures = []
benchmark = ('[ "$1" = --device=cuda ] || exit 2\n[ "$FAULT" != "benchmark" ] || { echo "illegal address" >&2; exit 1; }\n'
             'echo \'{"benchmarks": [{"name": "a/real_time", "real_time": 2.0, "time_unit": "us", "images/s": 10, '
             '"peak MiB": 1, "faults/step": 0, "FLOP/s": 5}]}\'')
stubs = {
    "nvidia-smi": '[ "$FAULT" != "no gpu" ] || { echo "No devices were found"; exit 6; }\n'
                  'echo "Stub GPU, 9.0, 580.1, 80000 MiB, 1980 MHz, 3201 MHz"',
    "cmake": '[ "$FAULT" != "slow build" ] || sleep 60\n'
             '[ "$FAULT" != "build" ] || { echo "no compiler"; exit 1; }\n'
             '[ "$1" = --build ] && exit\n'
             'mkdir -p "$4/bin"\ncp "$STUBS"/bench_* "$4/bin"\necho "$5 $6" >"$4/options"',
    "ctest": '[ "$FAULT" != "no device" ] || echo "  skipped on CUDA: no CUDA device"\n'
             'echo "100% tests passed, 0 tests failed out of 1"',
    "compute-sanitizer": '[ "$MPAD_MEMORY $MPAD_TEST_BACKENDS" = "exact cuda" ] || exit 3\n'
                         '[ "$FAULT" != "race" ] || [ "$2" != racecheck ] || { echo "a hazard"; exit 9; }',
    **{f"bench_{family}": benchmark for family in ("maxpool", "conv2d", "batch_norm", "step")},
}


def check(fault, code, said, files, *options, minutes=1.0):
    """With a fault in one stub: the exit code, what is printed, and words that files of results hold."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for program, body in stubs.items():
            (folder / program).write_text("#!/bin/sh\n" + body + "\n")
            (folder / program).chmod(0o755)
        environment = {**os.environ, "FAULT": fault, "STUBS": name, "PATH": f"{name}:{os.environ['PATH']}"}
        command = [sys.executable, source / "scripts/gpu", "--out", folder / "out", "--build", folder / "build",
                   "--minutes", str(minutes), "-DCMAKE_PREFIX_PATH=/somewhere", *options]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        got = done.stdout + done.stderr
        if done.returncode != code or said not in got:
            failures.append(f"{fault or 'no fault'}: expected exit {code} and '{said}', got {done.returncode} and\n{got}")
        for file, words in files.items():
            text = (folder / file).read_text() if (folder / file).exists() else "no such file"
            if words not in text:
                failures.append(f"{fault or 'no fault'}: {file}: expected '{words}', got\n{text}")
        if (folder / "out/machine.json").exists():
            json.loads((folder / "out/machine.json").read_text())


check("", 0, "4 of 4 steps passed", {
    "build/options": "-DCMAKE_CUDA_ARCHITECTURES=90a-real -DCMAKE_PREFIX_PATH=/somewhere",
    "out/machine.json": "Stub GPU", "out/tests.txt": "100% tests passed", "out/sanitizer.txt": "== initcheck",
    "out/results.md": "| benchmark | passed |", "out/bench/results.md": "# mpad on Stub GPU",
    "out/bench/pools.json": "real_time", "out/bench/steps.json": "VGG-11, BN/16"})
check("no gpu", 1, "gpu: expected a GPU that nvidia-smi lists, got none\n", {"out/machine.json": "no such file"})
check("build", 1, "failed: build, benchmark", {"out/tests.txt": "100% tests passed", "out/results.md": "exit code 1"})
check("slow build", 1, "cmake: not done in time", {"out/results.md": "| build | FAILED |"}, minutes=0.05)
check("no device", 1, "failed: tests;", {"out/results.md": "skipped on CUDA: no CUDA"})
check("race", 1, "failed: sanitizers;", {"out/sanitizer.txt": "a hazard", "out/bench/pools.json": "real_time"})
check("benchmark", 1, "failed: benchmark;", {"out/bench.txt": "illegal address", "out/bench/pools.json": "no such file"})
check("", 0, "1 of 1 steps passed", {"out/tests.txt": "100% tests passed", "out/bench.txt": "no such file"}, "--steps", "tests")

print("\n".join(failures) or "scripts/gpu reports what fails")
sys.exit(bool(failures))
