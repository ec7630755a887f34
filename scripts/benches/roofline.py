# SPDX-License-Identifier: MIT
"""Rooflines of convolutions: operations per second against operations per byte, below the rates of a large product and of
a copy that were measured along."""
import math

from benches import records
from benches.peers import peers

_passes = {"forward": "forward", "backward_data": "data gradient", "backward_weight": "weight gradient"}
_bytes = {"half": 2, "float": 4, "double": 8}


def _rate(product):
    return f"{product / 1e12:.3g} TFLOP/s" if product > 1e12 else f"{product / 1e9:.3g} GFLOP/s"


def _intensity(what, row, work):
    """Operations per byte; None of a layer whose operations are not those that the benchmark counted."""
    operations, elements = work.get(what.case, (None, None))
    if not operations or abs(row["FLOP/s"] * row["real_time"] * 1e-6 / operations - 1) > 1e-6:
        return None
    return operations / elements / _bytes[what.dtype]


def _draw_roof(axis, product, copy, intensities):
    """The product's rate, and left of where they meet the copy's times the intensity."""
    low, high = min(intensities) / 1.5, max(intensities) * 1.5
    xs = sorted({low, high, *({product / copy} if copy and low < product / copy < high else ())})
    axis.plot(xs, [min(product, x * copy if copy else product) for x in xs], color="black", linewidth=1.2,
              label="roof: a copy of the bytes, a large product")
    axis.set_xlim(low, high)


def _draw_layers(axis, rows, systems):
    """mpad's and the peers' marks of a layer lie above each other, and lines join them."""
    for peer in peers:
        times = peer.times(systems)
        both = [(x, row["FLOP/s"], row["real_time"] / times[what]) for what, (x, row) in rows.items() if what in times]
        if not both:
            continue
        axis.vlines([x for x, _, _ in both], [speed for _, speed, _ in both], [speed * ratio for _, speed, ratio in both],
                    color="#999999", linewidth=0.8)
        axis.plot([x for x, _, _ in both], [speed * ratio for _, speed, ratio in both], peer.mark, color=peer.colour,
                  markersize=5, markerfacecolor="none", label=peer.label)
    axis.plot([x for x, _ in rows.values()], [row["FLOP/s"] for _, row in rows.values()], "o", color="#0072b2",
              markersize=5, label="mpad")


def _name_layers(axis, rows):
    """Above the axis, turned, as near to their marks as they go, each with a line to its own."""
    places = {what.case: math.log(x) for what, (x, _) in rows.items()}
    low, high = map(math.log, axis.get_xlim())
    apart, named = (high - low) / 26, []
    for case in sorted(places, key=places.get):
        named.append(max(places[case], named[-1] + apart if named else low))
    for number in reversed(range(len(named))):  # back from the right end, where they reach beyond it
        named[number] = min(named[number], named[number + 1] - apart if number + 1 < len(named) else high)
    for case, place in zip(sorted(places, key=places.get), named):
        axis.annotate(case, (math.exp(places[case]), 1), (math.exp(place), 1.08), ("data", "axes fraction"),
                      rotation=90, ha="center", va="bottom", fontsize=7,
                      arrowprops={"arrowstyle": "-", "color": "#999999", "linewidth": 0.5, "shrinkA": 0, "shrinkB": 0})


def figure(title, results, work, copy):
    """One row for each pass, one column for each precision. `work` has operations and elements by layer; `copy` is in bytes
    per second, and without it the roof is the product's rate alone. None where no operations were counted."""
    from matplotlib.ticker import EngFormatter
    from studies.plots.style import grid, legend_below

    measured, systems = records.ours(results), records.peers(results)
    placed = {what: (x, row) for what, row in measured.items() if "FLOP/s" in row and (x := _intensity(what, row, work))}
    if not placed:
        return None
    dtypes = records.in_order((what.dtype for what in placed), records.dtypes)
    drawn, axes = grid(len(_passes), len(dtypes), title, height=2.7, sharex="col", sharey="col")
    for column, dtype in zip(zip(*axes), dtypes):
        of_dtype = {what: found for what, found in placed.items() if what.dtype == dtype}
        product = records.ceiling([row for _, row in of_dtype.values()], "FLOP/s", "per_cent_of_product")
        for axis, name in zip(column, _passes):
            axis.set(xscale="log", yscale="log")
            axis.yaxis.set_major_formatter(EngFormatter(sep=""))
            _draw_roof(axis, product, copy, [x for x, _ in of_dtype.values()])
            _draw_layers(axis, {what: it for what, it in of_dtype.items() if what.kernel == f"conv2d_{name}"}, systems)
        _name_layers(column[0], of_dtype)
        column[0].set_title(f"{dtype}, product: {_rate(product)}", pad=52)
        column[-1].set_xlabel("operations per byte")
    for line, name in zip(axes, _passes.values()):
        line[0].set_ylabel(f"{name}\noperations per second", fontsize=9)
    legend_below(drawn, axes)
    return drawn
