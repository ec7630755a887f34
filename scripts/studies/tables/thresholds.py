# SPDX-License-Identifier: MIT
"""Differences of program pairs, and the thresholds that they give."""
import statistics

from studies import intervals, text
from studies.files import by_bits, group, numbers, published, published_like, subject
from studies.tables.table import Table, compare

keys = (*subject, "bits", "pair")


def differences(results):
    return results.rows("thresholds", "differences", *keys, "draw", "batch", "difference", "class")


def zero_share(rows):
    """(share, low, high) of mini-batches whose difference is exactly 0."""
    draws = (numbers(found, "difference") for found in group(rows, "draw").values())
    return intervals.share_of([(sum(difference == 0 for difference in draw), len(draw)) for draw in draws])


def _published_zero(row):
    """Published shares that are exactly 0, of the same network, precision and pair, without noise on the images."""
    known = published_like(row, "differences", "network", "dataset", "bits", "pair")
    return [float(other["share_zero"]) for other in known if other["noise"] == "0"]


def _difference_row(rows):
    row, values = rows[0], numbers(rows, "difference")
    positive = [value for value in values if value > 0]
    zero = zero_share(rows)
    theirs = _published_zero(row)
    kinds = ", ".join(f"{text.percent(len(found) / len(rows))} {name}"
                      for (name,), found in sorted(group(rows, "class").items()) if name != "none")
    sizes = [text.number(choose(positive)) if positive else "" for choose in (min, statistics.median, max)]
    return (text.setting(row), text.bits(row["bits"]), row["pair"], str(len(rows)), text.percent(*zero), *sizes, kinds,
            *((text.span(theirs, text.percent), compare(*zero[1:], theirs)) if theirs else ("", "")))


def _differences(rows):
    body = [_difference_row(found) for found in group(rows, *keys).values()]
    if body:
        yield Table("differences", "Differences D of two programs",
                    ("network", "precision", "pair", "mini-batches", "exactly 0", "least positive", "median positive",
                     "largest", "classes", "published: 0", "verdict"), body,
                    "95 % intervals by Wilson, draws of weights taken for clusters; \"same\" is one program twice.")


def _taus(rows):
    rules = list(dict.fromkeys(row["rule"] for row in rows))
    known = {row["bits"]: text.number(row["tau"]) for row in published("thresholds")}
    body = []
    for bits, found in by_bits(rows).items():
        tau = {row["rule"]: text.number(row["tau"]) for row in found if row["tau"]}
        body.append((text.bits(bits), *(tau.get(rule, "") for rule in rules), known.get(bits, "")))
    if body:
        yield Table("taus", "Thresholds tau", ("precision", *rules, "published"), body)


def tables(results):
    yield from _differences(differences(results))
    yield from _taus(results.rows("thresholds", "thresholds", "bits", "rule", "tau"))
