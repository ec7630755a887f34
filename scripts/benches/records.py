# SPDX-License-Identifier: MIT
"""What the records of a family of kernels say, mpad's and its peer's, by what was measured: of
the round of the median time. Quartiles are those of the time that a record gives the median of."""
import re
import statistics
from typing import NamedTuple

dtypes = ("half", "float", "double")
quartiles = ("first_quartile", "third_quartile")
_name = re.compile(r"(?P<kernel>\w+)(?:/(?P<rule>[\w:.]+))?/(?P<dtype>float|half|double)/(?P<case>\w+)"
                   r"(?:/ties:(?P<ties>\d+))?(?:/(?P<rest>.*))?")


class Measured(NamedTuple):
    kernel: str
    rule: str  # of ties, in a backward; else ""
    dtype: str
    case: str


def _grouped(records):
    """(what was measured, what its name ends with) to its records, those of inputs made to tie left out."""
    groups = {}
    for record in records:
        found = _name.fullmatch(record["name"])
        if found and found["ties"] in (None, "0"):
            what = Measured(found["kernel"], found["rule"] or "", found["dtype"], found["case"])
            groups.setdefault((what, found["rest"]), []).append(record)
    return groups


def _middle(records):
    """The record of the round whose time is the median: its counters are of that time."""
    return sorted(records, key=lambda record: record["real_time"])[(len(records) - 1) // 2]


def ours(results):
    """What was measured to mpad's record of it, with times in us."""
    return {what: _middle(records) for (what, _), records in _grouped(results["ours"]).items()}


def peers(results):
    """System (torch, torch_compile, ...) to what was measured to its time (us)."""
    systems = {}
    for (what, system), records in _grouped(results["peers"]).items():
        systems.setdefault(system, {})[what] = _middle(records)["real_time"]
    return systems


def with_spread(figure, rows):
    """A figure and the spread of the records that it comes from: half the distance of their quartiles, in per cent of the
    middle between these; the median of the records'. The figure alone where they have no quartiles."""
    pairs = [[row[key] for key in quartiles] for row in rows if all(key in row for key in quartiles)]
    if not pairs:
        return figure
    return f"{figure} ±{statistics.median(100 * (third - first) / (third + first) for first, third in pairs):.1f}%"


def ceiling(rows, rate, share):
    """What a counter's per cents are of, per second, as it was measured along; None where nothing counts them."""
    ceilings = [100 * row[rate] / row[share] for row in rows if row.get(share)]
    return statistics.median(ceilings) if ceilings else None


def copy_rate(results):
    """Bytes that a copy reads and writes per second, if some family of kernels was measured against it."""
    return ceiling(ours(results).values(), "bytes_per_second", "per_cent_of_copy")


def in_order(values, order=()):
    """The different values, those of an order as there, others as they come."""
    found = dict.fromkeys(values)
    return [*(value for value in order if value in found), *(value for value in found if value not in order)]
