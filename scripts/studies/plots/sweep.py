# SPDX-License-Identifier: MIT
"""Accuracy, collapse and signal-to-noise of pools, by beta."""
import math

from studies import text
from studies.files import bits_order, group, numbers
from studies.plots.style import grid, legend_below
from studies.tables import sweep

backwards = ("fused", "composed", "standard")
setting = ("network", "dataset", "optimizer", "batch_norm")  # with what it was trained on: sweep.size


def _panels(rows):
    """For each network, data, normalisation and size: title, name of file, and rows by (bits)."""
    for found in group(rows, *setting, *sweep.size).values():
        row, size = found[0], sweep.size_text(found[0])
        title = f"{text.setting(row)}, {row['optimizer']}, {text.normalised(row['batch_norm'])}"
        title += f",\n{size}" if size else ""
        name = f"{text.file_name(row)}-{row['optimizer']}{'-bn' if row['batch_norm'] == 'true' else ''}"
        name += f"-{row['planned']}x{row['images']}" if size else ""
        yield title, name, {bits: cells for bits in bits_order
                            if (cells := [other for other in found if other["bits"] == bits])}


def _beta_axis(axis, betas):
    axis.set_xticks(range(len(betas)), [text.number(beta) for beta in betas])
    axis.set(xlabel="beta")


def _accuracy(axis, cells, betas, number, name):
    """The mean of the runs that live and each of them as a dot, from three runs on with an interval; collapsed ones as
    crosses at 0 with their count."""
    colour, shift = f"C{number}", 0.16 * (number - 1)
    xs, middle, half = [], [], ([], [])
    for place, beta in enumerate(betas):
        runs = [row for row in cells if float(row["beta"]) == beta]
        if not runs:
            continue
        score, dead = sweep.accuracy(runs), sum(map(sweep.collapsed, runs))
        if score:
            xs.append(place + shift)
            middle.append(100 * score[0])
            for side, end in zip(half, score[1:]):
                side.append(100 * abs(end - score[0]) if len(runs) - dead > 2 else 0)
        for row in runs:
            if not sweep.collapsed(row):
                axis.plot([place + shift], [100 * float(row["test_accuracy"])], ".", color=colour, markersize=3)
        if dead:
            axis.plot([place + shift], [0], "x", color=colour, markersize=7, markeredgewidth=2, clip_on=False)
            axis.annotate(f"{dead}/{len(runs)}", (place + shift, 0), (0, 5 + 9 * number), textcoords="offset points",
                          color=colour, fontsize=8, ha="center")
    axis.errorbar(xs, middle, yerr=half, color=colour, marker="o", markersize=4, capsize=3, label=name)


def _accuracy_figures(rows):
    """A row of axes for each forward, a column for each precision, a line for each backward."""
    for title, name, by_bits in _panels(rows):
        forwards = list(dict.fromkeys(row["forward"] for found in by_bits.values() for row in found))
        title += ": test accuracy (dot: a run; x: collapsed)"
        figure, axes = grid(len(forwards), len(by_bits), title, width=4.6, height=2.9, sharex=True)
        for line, forward in zip(axes, forwards):
            for axis, (bits, found) in zip(line, by_bits.items()):
                cells = group([row for row in found if row["forward"] == forward], "backward", "test_forward")
                for (backward, _), runs in cells.items():
                    label = f"backward {sweep.arithmetic_name(runs[0]).split('/')[1]}"
                    _accuracy(axis, runs, sweep.betas(found), backwards.index(backward), label)
                axis.set(title=f"{text.bits(bits)}, {forward} forward", ylabel="test accuracy (%)", ylim=(0, 103))
        for axis, found in zip(axes[-1], by_bits.values()):
            _beta_axis(axis, sweep.betas(found))
        legend_below(figure, axes)
        yield f"sweep-{name}", figure


def _noise(axis, cells, betas):
    """Signal-to-noise by beta, a line for each pool; exact ones at the upper edge, those not finite at the lower."""
    edge = axis.get_xaxis_transform()
    for number, found in enumerate(group(cells, "layer").values()):
        by_beta = {place: [row for row in found if float(row["beta"]) == beta] for place, beta in enumerate(betas)}
        means = {place: sweep.mean_of(runs, "signal_to_noise_db") for place, runs in by_beta.items() if runs}
        axis.plot(list(means), list(means.values()), marker="o", markersize=4, color=f"C{number}",
                  label=f"pool {number + 1}")
        exact = [place for place, runs in by_beta.items() if math.inf in numbers(runs, "signal_to_noise_db")]
        marks = {"^": exact,
                 "x": [place for place, runs in by_beta.items() if sum(numbers(runs, "nonfinite"))]}
        for height, (mark, places) in zip((0.97, 0.03), marks.items()):
            axis.plot([place + 0.1 * (number - 1) for place in places], [height] * len(places), mark,
                      color=f"C{number}", transform=edge)


def _noise_figures(rows):
    """What the composed forward makes of the pools of networks that were trained with it, or with an exact one."""
    for title, name, by_bits in _panels([row for row in rows if row["backward"] == row_backward[row["forward"]]]):
        forwards = list(dict.fromkeys(row["forward"] for found in by_bits.values() for row in found))
        figure, axes = grid(len(forwards), len(by_bits), f"{title}: noise of composed pools\n(triangle: exact; "
                            "x: values that are not finite)", width=4.4, height=2.6, sharex=True)
        for line, forward in zip(axes, forwards):
            for axis, (bits, found) in zip(line, by_bits.items()):
                cells = [row for row in found if row["forward"] == forward]
                _noise(axis, cells, sweep.betas(found))
                axis.axhline(0, color="black", linewidth=0.8)
                axis.set(title=f"{text.bits(bits)}, trained {forward}/{row_backward[forward]}")
            line[0].set(ylabel="signal-to-noise (dB)")
        for axis, found in zip(axes[-1], by_bits.values()):
            _beta_axis(axis, sweep.betas(found))
        legend_below(figure, axes)
        yield f"pools-{name}", figure


row_backward = {"exact": "fused", "composed": "composed"}  # of the trainings whose pools are drawn


def figures(results):
    yield from _accuracy_figures(sweep.rows(results))
    yield from _noise_figures(sweep.pools(results))
