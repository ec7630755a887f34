# SPDX-License-Identifier: MIT
"""Whole training steps at batch 128, and the peak memory of a process that does nothing else."""
import dataclasses
import statistics

from benches import records
from benches.programs import Failed

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
resnet50 = Subject("ResNet-50, BN", "resnet50_bn", ("--network", "resnet", "--depth", 50, "--batch-norm"))
densenet = Subject("DenseNet-121, BN", "densenet121_bn", ("--network", "densenet", "--batch-norm"))
subjects = {it.name: it for it in (lenet, vgg, vgg_bn, resnet, resnet50, densenet)}
bits = {"32": "float", "64": "double", "16": "half", "mixed": "mixed"}  # bench_step's names of them
studied = (lenet, vgg)  # also in the study's arrangement, which takes long
_dtype = {"mixed": "half"}  # of what it multiplies, where that is another


def _quartiles_of(record):
    return {key: record[key] for key in records.quartiles if key in record}


def ours(programs, subject, one, kind="step"):
    (record,), found = programs.bench("bench_step", f"^{kind}/{subject.name}/{bits[one]}/")
    return {"images_per_second": record["images/s"], "peak_memory_mib": record["peak MiB"],
            "faults_per_step": record["faults/step"], "operations_per_second": record["FLOP/s"], "cores": found.cores,
            **_quartiles_of(record)}


def product_rate(programs, one):
    """Operations per second of a large product of matrices in a precision."""
    (record,), _ = programs.bench("bench_step", f"^product/{_dtype.get(bits[one], bits[one])}/")
    return record["FLOP/s"]


def steps_of_peer(programs, subject, precisions):
    """What a GPU does in a second; on a CPU steps of a large network take a second in float, many in half and double."""
    if programs.device == "cuda":
        return 200 if subject is lenet else 20
    return 40 if subject is lenet else 3 if precisions == ["32"] else 1


def peers(programs, subject, precisions, mode):
    """Precision to what PyTorch gave, of one process for all of them; what fails is said and left out."""
    try:
        answers, found = programs.peer("networks_torch.py", *subject.options, "--device", programs.device, "--bits",
                                       *precisions, "--mode", mode, "--steps",
                                       steps_of_peer(programs, subject, precisions))
    except Failed as failure:
        print(f"{subject.title}, PyTorch {mode}: FAILED: {failure}", flush=True)
        return {}
    for answer in answers:
        if "error" in answer:
            print(f"{subject.title}, PyTorch {mode}, {answer['bits']}: FAILED: {answer['error']}", flush=True)
    return {answer["bits"]: {"images_per_second": answer["images_per_second"],
                             "peak_memory_mib": answer["peak_memory_mib"], "cores": found.cores,
                             "settings": answer.get("settings", {}), **_quartiles_of(answer)}
            for answer in answers if "error" not in answer}


def peer(programs, subject, one):
    answers = peers(programs, subject, [one], "eager")
    if not answers:
        raise Failed(f"networks_torch.py: expected a time of {subject.title}, got none")
    return answers[one]


def measure(programs, plan):
    """For each network and precision what each round of mpad, on a GPU also as a graph, and of PyTorch in each mode gave.
    A mode that fails leaves its own rows empty.
    """
    measured, products = {}, {one: product_rate(programs, one) for together in plan.together for one in together}
    kinds = {"ours": "step"} | ({graph_of_ours: "graph"} if programs.device == "cuda" else {})
    for subject in plan.networks:
        for together in plan.together:
            rows = {one: {name: [] for name in (*kinds, *plan.modes)} for one in together}
            for _ in range(plan.rounds):
                for one in together:
                    for name, kind in kinds.items():
                        row = ours(programs, subject, one, kind)
                        row["per_cent_of_product"] = 100 * row["operations_per_second"] / products[one]
                        rows[one][name].append(row)
                with_peer = [one for one in together if one in plan.peer_bits]
                for mode in plan.modes if with_peer else ():
                    if mode == "study" and subject not in studied:
                        continue
                    for one, answer in peers(programs, subject, with_peer, mode).items():
                        rows[one][mode].append(answer)
            measured |= {f"{subject.title}/{one}": found for one, found in rows.items()}
    return measured


def median(rows, key):
    return statistics.median(row[key] for row in rows)


def settings(results):
    """What PyTorch's first time depends on; empty where there is none."""
    return next((row["settings"] for rows in results.values() for of_mode in rows.values() for row in of_mode
                 if row.get("settings")), {})


def speed_of(rows):
    """The median speed of rounds, and how far steps lie apart."""
    return records.with_spread(f"{median(rows, 'images_per_second'):.1f}", rows)


def table(results):
    """A ratio, and the part of a large product's operations per second, is of mpad's step as a graph where there is one."""
    keys = next(iter(results.values()), {})
    graphs = [graph_of_ours] if graph_of_ours in keys else []
    modes = [key for key in keys if key not in ("ours", *graphs)]
    titles = ["network", "bits", "mpad, images/s", *(["as a graph, images/s"] if graphs else []), "ms",
              "% of product", *(title for mode in modes for title in (f"PyTorch {mode}, images/s", "ratio")),
              "mpad, MiB", "PyTorch, MiB", "mpad, page faults per step"]
    yield f"| {' | '.join(titles)} |"
    yield "|---|---|" + "--:|" * (len(titles) - 2)
    for name, rows in results.items():
        best = rows[graph_of_ours if graphs else "ours"]
        speed = median(best, "images_per_second")
        others = [rows[mode] for mode in modes]
        first = rows[modes[0]] if modes else []
        cells = [*name.split("/"), *(speed_of(rows[key]) for key in ("ours", *graphs)), f"{1000 * 128 / speed:.2f}",
                 f"{median(best, 'per_cent_of_product'):.0f}" if "per_cent_of_product" in best[0] else "",
                 *(cell for other in others
                   for cell in ((speed_of(other), f"{speed / median(other, 'images_per_second'):.2f}") if other else ("", ""))),
                 f"{median(rows['ours'], 'peak_memory_mib'):.0f}",
                 f"{median(first, 'peak_memory_mib'):.0f}" if first else "",
                 f"{median(rows['ours'], 'faults_per_step'):.1f}"]
        yield f"| {' | '.join(cells)} |"
    if found := settings(results):
        yield f"\nPyTorch: {', '.join(f'{key} {value}' for key, value in found.items())}."
