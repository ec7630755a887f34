# SPDX-License-Identifier: MIT
"""How far replicas that differ in their tie rule have drifted apart after the last epoch."""
from studies import text
from studies.files import group, published_like, subject
from studies.tables.table import Table, agree, differ, incomparable

keys = (*subject, "bits")


def rows(results):
    return results.rows("drift", "drift", *keys, "replica", "rule", "epoch", "distance", "relative_distance",
                        "test_accuracy", "collapsed")


def replicas(found):
    """Rows of one training by epoch, for each replica, which is called as its rule, the twin of the first apart."""
    by_replica = group(sorted(found, key=lambda row: (int(row["replica"]), int(row["epoch"]))), "replica", "rule")
    first = next(iter(by_replica))[1]
    return {f"{rule} (again)" if rule == first and replica != "0" else rule: epochs
            for (replica, rule), epochs in by_replica.items()}


def _published(row):
    """Published distances of the same precision and rule, as text."""
    return "; ".join(f"{text.network(other['network'])}, epoch {other['epochs']}: "
                     + text.span([float(other["low"]), float(other["high"])], text.number)
                     for other in published_like(row, "drift", "bits", "rule"))


def _verdict(name, last, known):
    if name.endswith("(again)"):
        return agree if float(last["distance"]) == 0 else differ
    return f"{incomparable}: network, epochs" if known else ""


def tables(results):
    body = []
    for _, found in group(rows(results), *keys).items():
        for name, epochs in replicas(found).items():
            last = epochs[-1]
            known = _published(last) if last["replica"] != "0" else ""
            body.append((text.setting(last), text.bits(last["bits"]), name, str(int(last["epoch"]) + 1),
                         text.number(last["distance"]), text.number(last["relative_distance"]),
                         text.percent(float(last["test_accuracy"])), last["collapsed"], known,
                         _verdict(name, last, known)))
    if body:
        yield Table("drift", "L1 distance of all weights to those of the first replica",
                    ("network", "precision", "rule", "epoch", "distance", "relative", "test accuracy", "collapsed",
                     "published", "verdict"), body,
                    "Same weights and mini-batches at the start. The second beta:0 agrees if its distance is exactly "
                    "0, as it has to be where kernels are deterministic; the study's 32 and 64 bits were not.")
