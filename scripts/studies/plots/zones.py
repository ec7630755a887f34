# SPDX-License-Identifier: MIT
"""Shares of the zone and of the classes, and differences D."""
import statistics

from studies import text
from studies.files import bits_order, by_bits, group, numbers, subject
from studies.plots.histogram import decades_of, log_histogram, mark_taus
from studies.plots.style import class_names, colours, error_bars, grid, legend_below, percent_axis
from studies.tables import zones

keys = (*subject, "first", "second", "noise")


def _comparisons(rows):
    """For each network, data and two programs: what to call their file and title, and their rows."""
    for (*_, first, second, noise), found in group(rows, *keys).items():
        usual = (first, second, float(noise)) == ("native", "minimal", 0)
        others = () if usual else (first, second, f"noise{noise}")
        name = "-".join((text.file_name(found[0]), *others)).replace(":", "")
        title = f"{text.setting(found[0])}, {first} against {second}" + (f", noise {noise}" if float(noise) else "")
        yield name, title, found


def _with(rows, column, value):
    return [row for row in rows if row[column] == value]


def _flags(rows):
    return [flag for flag in ("false", "true") if _with(rows, "batch_norm", flag)]


def _shares(summary):
    for name, title, found in _comparisons(_with(summary, "quantity", "zone")):
        figure, axes = grid(1, len(_flags(found)), f"{title}: pairs in the zone")
        sizes = sorted({int(row["batch_size"]) for row in found})
        for axis, flag in zip(axes[0], _flags(found)):
            for bits, cells in by_bits(_with(found, "batch_norm", flag)).items():
                cells = [zones.at_tau(same) for same in group(cells, "batch_size").values()]
                shares = [tuple(float(row[column]) for column in ("share", "low", "high")) for row in cells]
                error_bars(axis, numbers(cells, "batch_size"), shares, text.bits(bits), colours[bits])
            axis.set(title=text.normalised(flag), xlabel="batch size", xscale="log")
            axis.set_xticks(sizes, map(str, sizes))
            axis.minorticks_off()
            percent_axis(axis, "share of pairs with D > tau (%)")
        legend_below(figure, axes)
        yield f"zones-{name}", figure


def _stack(axis, bars):
    """Shares of the classes on top of each other, a bar for each (batch size, precision), batch sizes in groups."""
    sizes = list(dict.fromkeys(size for size, _ in bars))
    places = [number + sizes.index(size) for number, (size, _) in enumerate(bars)]
    below = [0.0] * len(bars)
    for kind, label in class_names.items():
        heights = [100 * sum(numbers(_with(rows, "quantity", kind), "share")) for rows in bars.values()]
        axis.bar(places, heights, bottom=below, color=colours[kind], label=label, width=0.9)
        below = [base + height for base, height in zip(below, heights)]
    axis.set_xticks(places, [bits for _, bits in bars], fontsize=8)
    for size in sizes:
        middle = statistics.fmean(place for place, (other, _) in zip(places, bars) if other == size)
        axis.annotate(f"batch {size}", (middle, 0), (0, -18), ha="center", va="top", fontsize=8,
                      xycoords=axis.get_xaxis_transform(), textcoords="offset points")
    axis.grid(visible=False, axis="x")


def _classes(summary):
    for name, title, found in _comparisons([row for row in summary if row["quantity"] in class_names]):
        flags = _flags(found)
        figure, axes = grid(1, len(flags), f"{title}: what the difference is", width=4.4)
        for axis, flag in zip(axes[0], flags):
            bars = group(_with(found, "batch_norm", flag), "batch_size", "bits")
            order = sorted(bars, key=lambda bar: (int(bar[0]), bits_order.index(bar[1])))
            _stack(axis, {bar: bars[bar] for bar in order})
            axis.set(title=text.normalised(flag), xlabel="\nprecision (bits) and batch size")
            percent_axis(axis, "share of pairs (%)")
        legend_below(figure, axes)
        yield f"classes-{name}", figure


def _differences(pairs, summary):
    zone = by_bits(_with(summary, "quantity", "zone"))
    taus = {bits: {"of the zone": float(zones.at_tau(rows)["threshold"])} for bits, rows in zone.items()}
    for name, title, found in _comparisons(pairs):
        present, flags = by_bits(found), _flags(found)
        figure, axes = grid(len(flags), len(present), f"{title}: differences D", height=2.5)
        for line, flag in zip(axes, flags):
            for axis, (bits, cells) in zip(line, present.items()):
                cells = _with(cells, "batch_norm", flag)
                log_histogram(axis, cells, decades_of(present[bits], taus[bits]))
                mark_taus(axis, taus[bits])
                axis.set(title=f"{text.bits(bits)}, {text.normalised(flag)}, {len(cells)} pairs")
            line[0].set(ylabel="share of pairs (%)")
        for axis in axes[-1]:
            axis.set(xlabel="D")
        legend_below(figure, axes)
        yield f"differences-{name}", figure


def figures(results):
    summary = zones.summary(results)
    yield from _shares(summary)
    yield from _classes(summary)
    yield from _differences(results.rows("zones", "pairs", *keys, "bits", "batch_norm", "difference", "class"), summary)
