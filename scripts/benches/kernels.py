# SPDX-License-Identifier: MIT
"""A family of kernels: one of mpad's benchmarks beside its peer in PyTorch, in turn."""
import dataclasses
import json
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Callable

from benches import bandwidth, records, roofline
from common import root

sys.path.append(str(root / "bench/peers"))
import shapes


@dataclasses.dataclass(frozen=True)
class Family:
    """A part of scripts/bench: bench_<stem> and peers/<stem>_torch.py. `names` matches what of the benchmark has a peer,
    before the name of a case. `figure` makes the picture of a title, results, and the bytes that a copy moves per second,
    None if that is not known. `fused` matches what is timed in one pass and apart, which differ on CUDA alone."""

    title: str
    stem: str
    names: str
    figure: Callable
    fused: str = ""

    def measure(self, programs, plan):
        """The records of all rounds, of cases of the form float/vgg1/ties:0 that the plan's pattern matches."""
        cases, ours, peers, settings = plan.cases[self.stem], [], [], {}
        names = f"({self.names}|{self.fused})" if self.fused and programs.device == "cuda" else self.names
        for _ in range(plan.rounds):
            ours += programs.bench(f"bench_{self.stem}", f"^{names}/({cases})", min(programs.seconds, 0.3))[0]
            if plan.torch:
                found, settings = programs.peer_records(f"{self.stem}_torch.py", "--device", programs.device,
                                                        "--filter", cases)
                peers += found
        return {"ours": ours, "peers": peers, "settings": settings}

    def table(self, results):
        """bench/compare's, of the medians over the rounds, and one of fused kernels."""
        if results["peers"]:
            yield from self._comparison(results)
        else:
            yield "No peer measured: no PyTorch."
        if rows := list(_fused(results)):
            yield "\n| in one pass against apart | us | % of product | apart, us | ratio |\n|---|--:|--:|--:|--:|"
            yield from rows

    @staticmethod
    def _comparison(results):
        with tempfile.TemporaryDirectory() as folder:
            files = []
            for side in ("ours", "peers"):
                files.append(pathlib.Path(folder) / f"{side}.json")
                files[-1].write_text(json.dumps({"benchmarks": results[side]}))
            yield from subprocess.run([sys.executable, root / "bench/compare", *files], capture_output=True, text=True,
                                      check=True).stdout.splitlines()
        yield f"\nPyTorch: {', '.join(f'{key} {value}' for key, value in results['settings'].items())}."


def _fused(results):
    """A row for each kernel that was timed in one pass and apart."""
    measured = records.ours(results)
    for what, one in measured.items():
        apart = measured.get(what._replace(kernel=what.kernel.replace("_one_pass", "_apart")))
        if what.kernel.endswith("_one_pass") and apart:
            times = [records.with_spread(f"{row['real_time']:.1f}", [row]) for row in (one, apart)]
            yield (f"| {what.kernel.removesuffix('_one_pass')}/{what.dtype}/{what.case} | {times[0]} |"
                   f" {one['per_cent_of_product']:.0f} | {times[1]} | {apart['real_time'] / one['real_time']:.2f} |")


def _text(shape):
    n, c, h, w = shape
    return f"{n}x{h}x{w}x{c}"


def _figure_of_pools(title, results, _):
    labels = {name: f"{_text(shape)}\n{kernel}x{kernel}/{stride}"
              for name, (shape, kernel, stride, _) in (shapes.POOLS | shapes.CUDA_POOLS).items()}
    return bandwidth.figure(title, results, labels)


def _figure_of_norms(title, results, _):
    return bandwidth.figure(title, results, {name: _text(it) for name, it in (shapes.NORMS | shapes.CUDA_NORMS).items()})


def _figure_of_convolutions(title, results, copy):
    return roofline.figure(title, results, {layer: shapes.work_of(layer) for layer in shapes.LAYERS}, copy)


pools = Family("Max pooling", "maxpool", "(relu_)?maxpool_(forward|backward/(native|minimal|beta:0.5))", _figure_of_pools)
convolutions = Family("Convolution", "conv2d", "conv2d_(forward|backward_data|backward_weight)", _figure_of_convolutions,
                      "(pooled|conv2d_batch_norm)_(one_pass|apart)")
norms = Family("Batch normalisation in training", "batch_norm", "batch_norm_[a-z_]+", _figure_of_norms)
