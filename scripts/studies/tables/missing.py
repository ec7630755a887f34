# SPDX-License-Identifier: MIT
"""What was published and is not among the results, with the command that would run it."""
from studies import text
from studies.files import group, published, published_like, subject
from studies.tables import drift, sweep, zones
from studies.tables.table import Table


def _rate(row):
    """The published rate of a training, that found for beta 0."""
    found = [other["lr"] for other in published_like(row, "rates", *sweep.training) if other["beta"] == "0"]
    return found[0] if found else "0.1"


_as_published = ("cifar10", "true", "false")  # the rest of the subject: augmented, on weights that are drawn
_of_data = {"cifar10": " --augment",
            "imagenet": " --batch-size 512 --schedule step --step-every 30 --weight-decay 1e-4"}


def _sweep_command(rows):
    row, betas = rows[0], ",".join(other["beta"] for other in rows)
    of_data = _of_data.get(row["dataset"], "")
    batch_norm = "on" if row["batch_norm"] == "true" else "off"
    return (f"sweep --networks {row['network']} --dataset {row['dataset']}{of_data} --bits {row['bits']} "
            f"--optimizers {row['optimizer']} --batch-norm {batch_norm} --betas {betas} --pool-forward composed "
            f"--pool-backward composed --lr {_rate(row)} --epochs {row['epochs']} --runs {row['runs']} --out DIR")


def _trainings(results):
    have = group(sweep.rows(results), *sweep.training, "planned")
    for key, rows in group(published("training"), *sweep.training).items():
        if (*key, rows[0]["epochs"]) not in have:
            yield f"{sweep.training_name(rows[0])}, {rows[0]['epochs']} epochs", _sweep_command(rows)


def _zones(results):
    have = group(zones.summary(results), *subject, "batch_size")
    for network, size in [(f"vgg{depth}", "128") for depth in (11, 13, 16, 19)] + [
            ("vgg19", size) for size in ("64", "256", "512", "1024")]:
        if (network, *_as_published, size) not in have:
            yield (f"zone: {text.network(network)}, batch size {size}",
                   f"zones --network {network} --dataset cifar10 --augment --bits 16,32,64 --batch-size {size} "
                   "--batch-norm off,on --draws 5 --out DIR")


def _drift(results):
    if ("vgg11", *_as_published) not in group(drift.rows(results), *subject):
        yield ("drift: VGG-11, 200 epochs",
               "drift --network vgg11 --dataset cifar10 --augment --bits 16,32,64 --epochs 200 --lr 0.01 --momentum 0 "
               "--out DIR")


def tables(results):
    found = [*_zones(results), *_drift(results), *_trainings(results)]
    rows = [(what, "not run", f"build/cuda/bin/{command}") for what, command in found]
    if rows:
        yield Table("missing", "Published, and not run here at the study's size", ("what", "", "command"), rows,
                    "They need the whole data sets and a GPU; scripts/study --full runs the most valuable of them.")
