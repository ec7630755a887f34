# SPDX-License-Identifier: MIT
"""Whole training steps at batch 128, and the peak memory of a process that does nothing else."""
import dataclasses
import statistics

title = "Training steps, batch 128"
graph_of_ours = "ours as a graph"


@dataclasses.dataclass(frozen=True)
class Subject:
    title: str
    name: str  # bench_step's
    options: tuple  # networks_torch.py's


lenet = Subject("LeNet-5", "lenet", ("--network", "lenet"))
vgg = Subject("VGG-11", "vgg11", ("--network", "vgg", "--depth", 11))
vgg_bn = Subject("VGG-11, BN", "vgg11_bn", (*vgg.options, "--batch-norm"))
resnet = Subject("ResNet-18, BN", "resnet18_bn", ("--network", "resnet", "--depth", 18, "--batch-norm"))
_dtypes = {"32": "float", "64": "double", "16": "half"}


def ours(programs, subject, bits, kind="step"):
    (record,), found = programs.bench("bench_step", f"^{kind}/{subject.name}/{_dtypes[bits]}/")
    return {"images_per_second": record["images/s"], "peak_memory_mib": record["peak MiB"],
            "faults_per_step": record["faults/step"], "cores": found.cores}


def steps_of_peer(programs, subject, bits):
    """What a GPU does in a second; on a CPU steps of a large network take seconds, in double half a minute."""
    if programs.device == "cuda":
        return 200 if subject is lenet else 20
    return 40 if subject is lenet else 1 if "64" in bits else 3


def peers(programs, subject, bits, modes):
    """(bits, mode) to what PyTorch gave, of one process for all of them."""
    answers, found = programs.peer("networks_torch.py", *subject.options, "--device", programs.device, "--bits", *bits,
                                   "--mode", *modes, "--steps", steps_of_peer(programs, subject, bits))
    return {(str(answer["bits"]), answer["mode"]): {
        "images_per_second": answer["images_per_second"], "peak_memory_mib": answer["peak_memory_mib"],
        "cores": found.cores} for answer in answers}


def peer(programs, subject, bits):
    return peers(programs, subject, [bits], ["eager"])[bits, "eager"]


def measure(programs, plan):
    """For each network and precision what each round of mpad, on a GPU also as a graph, and of PyTorch in each mode gave.
    """
    measured = {}
    kinds = {"ours": "step"} | ({graph_of_ours: "graph"} if programs.device == "cuda" else {})
    for subject in plan.networks:
        for bits in plan.together:
            rows = {one: {name: [] for name in (*kinds, *plan.modes)} for one in bits}
            for _ in range(plan.rounds):
                for one in bits:
                    for name, kind in kinds.items():
                        rows[one][name].append(ours(programs, subject, one, kind))
                with_peer = [one for one in bits if programs.device == "cuda" or one != "16"]
                if with_peer and plan.modes:
                    for (one, mode), answer in peers(programs, subject, with_peer, plan.modes).items():
                        rows[one][mode].append(answer)
            measured |= {f"{subject.title}/{one}": found for one, found in rows.items()}
    return measured


def median(rows, key):
    return statistics.median(row[key] for row in rows)


def table(results):
    """A ratio is to mpad's step as a graph where there is one."""
    keys = next(iter(results.values()), {})
    graphs = [graph_of_ours] if graph_of_ours in keys else []
    modes = [key for key in keys if key not in ("ours", *graphs)]
    titles = ["network", "bits", "mpad, images/s", *(["as a graph, images/s"] if graphs else []), "ms",
              *(title for mode in modes for title in (f"PyTorch {mode}, images/s", "ratio")),
              "mpad, MiB", "PyTorch, MiB", "mpad, page faults per step"]
    yield f"| {' | '.join(titles)} |"
    yield "|---|---|" + "--:|" * (len(titles) - 2)
    for name, rows in results.items():
        plain = median(rows["ours"], "images_per_second")
        speed = median(rows[graph_of_ours], "images_per_second") if graphs else plain
        others = [median(rows[mode], "images_per_second") if rows[mode] else None for mode in modes]
        first = rows[modes[0]] if modes else []
        cells = [*name.split("/"), f"{plain:.1f}", *([f"{speed:.1f}"] if graphs else []), f"{1000 * 128 / speed:.2f}",
                 *(cell for other in others for cell in ((f"{other:.1f}", f"{speed / other:.2f}") if other else ("", ""))),
                 f"{median(rows['ours'], 'peak_memory_mib'):.0f}",
                 f"{median(first, 'peak_memory_mib'):.0f}" if first else "",
                 f"{median(rows['ours'], 'faults_per_step'):.1f}"]
        yield f"| {' | '.join(cells)} |"
