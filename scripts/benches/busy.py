# SPDX-License-Identifier: MIT
"""Training beside a process that keeps one core busy: what throughput is left, and what part of the cores' time."""
import contextlib
import subprocess
import sys

from benches import steps

title = "Beside a busy process"


@contextlib.contextmanager
def busy_process():
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def measure(programs, plan):
    """Alone and beside a busy process, in turn: steps of either side."""
    measured = {}
    sides = {"mpad": steps.ours} | ({"PyTorch": steps.peer} if plan.torch else {})
    for subject in plan.networks[:2]:
        for side, training in sides.items():
            rows = measured[f"{subject.title}/{side}"] = {"alone": [], "beside": []}
            for _ in range(plan.rounds):
                rows["alone"].append(training(programs, subject, "32"))
                with busy_process():
                    rows["beside"].append(training(programs, subject, "32"))
    return measured


def table(results):
    yield "| network | system | images/s alone | beside | throughput left | CPU time left |"
    yield "|---|---|--:|--:|--:|--:|"
    for name, rows in results.items():
        alone, beside = (steps.median(rows[when], "images_per_second") for when in ("alone", "beside"))
        before, after = (steps.median(rows[when], "cores") for when in ("alone", "beside"))
        network, side = name.split("/")
        yield (f"| {network} | {side} | {alone:.1f} | {beside:.1f} | {100 * beside / alone:.0f} % |"
               f" {100 * after / before:.0f} % |")
