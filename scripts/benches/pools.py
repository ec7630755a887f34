# SPDX-License-Identifier: MIT
"""MaxPool, forward and backward, beside PyTorch's and the study's separate operations, in turn."""
import json
import subprocess
import sys
import tempfile
import pathlib

from common import root

title = "Max pooling"


def measure(programs, plan):
    ours, peers = [], []
    for _ in range(plan.rounds):
        ours += programs.bench("bench_maxpool", f"^(relu_)?maxpool_(forward|backward/(native|minimal))/{plan.pools}",
                               min(programs.seconds, 0.3))[0]
        if plan.torch:
            peers += programs.peer_records("maxpool_torch.py", "--device", "cpu", "--filter", plan.pools)
    return {"ours": ours, "peers": peers}


def table(results):
    """bench/compare's, of the medians over the rounds."""
    if not results["peers"]:
        yield "No peer measured: no PyTorch."
        return
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for side, records in results.items():
            files.append(pathlib.Path(folder) / f"{side}.json")
            files[-1].write_text(json.dumps({"benchmarks": records}))
        yield from subprocess.run([sys.executable, root / "bench/compare", *files], capture_output=True, text=True,
                                  check=True).stdout.splitlines()
