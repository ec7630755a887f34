# SPDX-License-Identifier: MIT
"""Shares of pairs in the zone, their classes, and ties by layer."""
from studies import intervals, text
from studies.files import bits_order, by_record, group, numbers, published, published_like, subject
from studies.tables.table import Table, compare, incomparable

keys = (*subject, "batch_norm", "batch_size", "first", "second", "noise")
tie_keys = ("network", "dataset", "bits", "batch_norm", "draw", "layer")
tie_counts = ("windows", "zero_ties", "positive_ties")
classes = ("bifurcation", "compensation", "none")


def summary(results):
    """Shares, of each network in order of normalisation and batch size, whichever files they come from."""
    rows = results.rows("zones", "summary", "bits", *keys, "draws", "pairs", "quantity", "threshold", "share", "low",
                        "high")
    return [row for found in group(rows, *subject).values()
            for row in sorted(found, key=lambda row: (row["batch_norm"], int(row["batch_size"])))]


def without_batches(rows, *others):
    """Windows and ties of each draw, by setting, layer and others: sums over mini-batches, whatever their size."""
    names = (*tie_keys, *others)
    return [{**dict(zip(names, key)), **{name: sum(int(row[name]) for row in found) for name in tie_counts}}
            for key, found in group(rows, *names).items()]


def ties(results):
    return without_batches(results.rows("zones", "ties", *tie_keys, *tie_counts), *by_record)


def at_tau(rows):
    """Of one cell's shares of the zone that at the study's threshold, or else the first."""
    taus = {row["bits"]: float(row["tau"]) for row in published("thresholds")}
    return next((row for row in rows if float(row["threshold"]) == taus.get(row["bits"])), rows[0])


def _percent(row):
    return text.percent(*(float(row[name]) for name in ("share", "low", "high")))


def _verdict(row):
    """Published shares as text, and how ours compares."""
    if not row or row["trained"] == "true":
        return "", ""
    known = published_like(row, "zones", "dataset", "bits", "batch_norm", "batch_size")
    if not known:
        return "", ""
    by_network = group(known, "network")
    network = row["network"]
    for name, doubt in ((network, ""), (f"{network} (probably)", f", if it is {text.network(network)}")):
        if found := by_network.get((name,)):
            shares = numbers(found, "share")
            verdict = (compare(float(row["low"]), float(row["high"]), shares) + doubt
                       if found[0]["augmented"] == row["augmented"] else f"{incomparable}: other images")
            return text.span(shares, text.percent), verdict
    return text.span(numbers(known, "share"), text.percent), f"{incomparable}: other network"


def _programs(first, second, noise):
    return f"{first} against {second}" + (f", noise {noise} on the images" if float(noise) else "")


def _shares(rows):
    """The zone's shares, a table for each two programs."""
    zone = [row for row in rows if row["quantity"] == "zone"]
    present = [bits for bits in bits_order if any(row["bits"] == bits for row in zone)]
    for number, (programs, found) in enumerate(group(zone, "first", "second", "noise").items()):
        body, taus = [], {}
        for _, cells in group(found, *subject, "batch_norm", "batch_size").items():
            by_bits = {bits: at_tau(same) for (bits,), same in group(cells, "bits").items()}
            taus |= {bits: text.number(row["threshold"]) for bits, row in by_bits.items()}
            row = cells[0]
            counts = (text.span(numbers(by_bits.values(), column), text.number) for column in ("draws", "pairs"))
            body.append((text.setting(row), text.normalised(row["batch_norm"]), row["batch_size"], *counts,
                         *(_percent(by_bits[bits]) if bits in by_bits else "" for bits in present),
                         *_verdict(by_bits.get("32"))))
        yield Table("zones" + (f"-{number}" if number else ""), f"Pairs in the zone (D > tau), {_programs(*programs)}",
                    ("network", "normalisation", "batch size", "draws", "pairs", *map(text.bits, present),
                     "published, 32 bits", "verdict"), body,
                    "Shares of (weights, mini-batch) pairs with 95 % intervals; tau = "
                    + ", ".join(f"{taus[bits]} in {text.bits(bits)}" for bits in present if bits in taus)
                    + ". Published: one draw of weights, mini-batches of the augmented training set.")


def _classes(rows):
    """What the difference is, without a threshold."""
    body = []
    for key, found in group([row for row in rows if row["quantity"] in classes], "bits", *keys).items():
        shares = {row["quantity"]: row for row in found}
        row = found[0]
        body.append((text.setting(row), text.normalised(row["batch_norm"]), text.bits(row["bits"]), row["batch_size"],
                     _programs(*key[-3:]), *(_percent(shares[name]) if name in shares else "" for name in classes)))
    if body:
        yield Table("classes", "What the difference is, without a threshold",
                    ("network", "normalisation", "precision", "batch size", "programs", "bifurcation", "compensation",
                     "no difference"), body,
                    "Both backward passes are replayed from what the forward pass saved: what remains is a bifurcation, what "
                    "vanishes was compensation.")


def tie_shares(rows):
    """(share, low, high) of ties that are positive over draws, and of windows that tie."""
    tied = [row["zero_ties"] + row["positive_ties"] for row in rows]
    positive = [row["positive_ties"] / count for row, count in zip(rows, tied) if count]
    windows = intervals.mean_share([count / row["windows"] for row, count in zip(rows, tied)])
    return (intervals.mean_share(positive) if positive else None), windows


def _ties(rows):
    present = [bits for bits in bits_order if any(row["bits"] == bits for row in rows)]
    body = []
    for _, found in group(rows, *subject, "batch_norm", "layer").items():
        cells = []
        for bits in present:
            draws = [row for row in found if row["bits"] == bits]
            positive, tied = tie_shares(draws) if draws else (None, None)
            cells += [text.percent(*tied), text.percent(*positive) if positive else "no ties"] if draws else ["", ""]
        body.append((text.setting(found[0]), text.normalised(found[0]["batch_norm"]), found[0]["layer"], *cells))
    if body:
        yield Table("ties", "Ties by layer: windows that tie, and which share of them is positive",
                    ("network", "normalisation", "layer",
                     *(f"{text.bits(bits)}: {what}" for bits in present for what in ("tied", "positive"))), body,
                    "Ties at 0 behind a ReLU carry no gradient where ReLU'(0) = 0; positive ties do. Intervals are "
                    "over draws of weights, by Student's t.")


def tables(results):
    rows = summary(results)
    yield from _shares(rows)
    yield from _classes(rows)
    yield from _ties(ties(results))
