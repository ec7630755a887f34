# SPDX-License-Identifier: MIT
"""Whole training steps at batch 128, and the peak memory of a process that does nothing else."""
import dataclasses
import statistics

title = "Training steps, batch 128"


@dataclasses.dataclass(frozen=True)
class Subject:
    title: str
    name: str  # bench_step's
    options: tuple  # networks_torch.py's


lenet = Subject("LeNet-5", "lenet", ("--network", "lenet"))
vgg = Subject("VGG-11", "vgg11", ("--network", "vgg", "--depth", 11))
resnet = Subject("ResNet-18, BN", "resnet18_bn", ("--network", "resnet", "--depth", 18, "--batch-norm"))
_dtypes = {"32": "float", "64": "double", "16": "half"}


def ours(programs, subject, bits):
    (record,), found = programs.bench("bench_step", f"^step/{subject.name}/{_dtypes[bits]}/")
    return {"images_per_second": record["images/s"], "peak_memory_mib": record["peak MiB"],
            "faults_per_step": record["faults/step"], "cores": found.cores}


def peer(programs, subject, bits):
    # Steps of a large network take the peer seconds, in double half a minute.
    steps = 40 if subject is lenet else 1 if bits == "64" else 3
    answer, found = programs.peer("networks_torch.py", *subject.options, "--bits", bits, "--steps", steps)
    return {"images_per_second": answer["images_per_second"], "peak_memory_mib": answer["peak_memory_mib"],
            "cores": found.cores}


def measure(programs, plan):
    """For each network and precision what each round of either side gave; the peer has no 16 bits on a CPU."""
    measured = {}
    for subject in plan.networks:
        for bits in _dtypes:
            rows = measured[f"{subject.title}/{bits}"] = {"ours": [], "peers": []}
            for _ in range(plan.rounds):
                rows["ours"].append(ours(programs, subject, bits))
                if plan.torch and bits != "16":
                    rows["peers"].append(peer(programs, subject, bits))
    return measured


def median(rows, key):
    return statistics.median(row[key] for row in rows)


def table(results):
    yield ("| network | bits | mpad, images/s | PyTorch, images/s | ratio | mpad, MiB | PyTorch, MiB |"
           " mpad, page faults per step |")
    yield "|---|---|--:|--:|--:|--:|--:|--:|"
    for name, rows in results.items():
        network, bits = name.split("/")
        mine, peers = rows["ours"], rows["peers"]
        speed = median(mine, "images_per_second")
        other = median(peers, "images_per_second") if peers else None
        cells = [network, bits, f"{speed:.1f}", f"{other:.1f}" if peers else "",
                 f"{speed / other:.2f}" if peers else "", f"{median(mine, 'peak_memory_mib'):.0f}",
                 f"{median(peers, 'peak_memory_mib'):.0f}" if peers else "", f"{median(mine, 'faults_per_step'):.1f}"]
        yield f"| {' | '.join(cells)} |"
