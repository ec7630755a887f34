# SPDX-License-Identifier: MIT
"""A family of kernels: one of mpad's benchmarks beside its peer in PyTorch, in turn."""
import dataclasses
import json
import pathlib
import subprocess
import sys
import tempfile

from common import root


@dataclasses.dataclass(frozen=True)
class Family:
    """A part of scripts/bench: bench_<stem> and peers/<stem>_torch.py. `names` matches what of the benchmark has a peer,
    before the name of a case."""

    title: str
    stem: str
    names: str

    def measure(self, programs, plan):
        """The records of all rounds, of cases of the form float/vgg1/ties:0 that the plan's pattern matches."""
        cases, ours, peers, settings = plan.cases[self.stem], [], [], {}
        for _ in range(plan.rounds):
            ours += programs.bench(f"bench_{self.stem}", f"^{self.names}/({cases})", min(programs.seconds, 0.3))[0]
            if plan.torch:
                records, settings = programs.peer_records(f"{self.stem}_torch.py", "--device", programs.device,
                                                          "--filter", cases)
                peers += records
        return {"ours": ours, "peers": peers, "settings": settings}

    def table(self, results):
        """bench/compare's, of the medians over the rounds."""
        if not results["peers"]:
            yield "No peer measured: no PyTorch."
            return
        with tempfile.TemporaryDirectory() as folder:
            files = []
            for side in ("ours", "peers"):
                files.append(pathlib.Path(folder) / f"{side}.json")
                files[-1].write_text(json.dumps({"benchmarks": results[side]}))
            yield from subprocess.run([sys.executable, root / "bench/compare", *files], capture_output=True, text=True,
                                      check=True).stdout.splitlines()
        yield f"\nPyTorch: {', '.join(f'{key} {value}' for key, value in results['settings'].items())}."


pools = Family("Max pooling", "maxpool", "(relu_)?maxpool_(forward|backward/(native|minimal|beta:0.5))")
convolutions = Family("Convolution", "conv2d", "conv2d_[a-z_]+")
norms = Family("Batch normalisation in training", "batch_norm", "batch_norm_[a-z_]+")
