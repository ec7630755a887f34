# SPDX-License-Identifier: MIT
"""Windows that tie, by layer and precision, and which share of them ties at a positive value."""
from studies import text
from studies.files import by_bits, group, subject
from studies.plots.style import colours, error_bars, grid, legend_below, percent_axis
from studies.tables import zones


def _points(line, layers, rows, bits, shift):
    """Both shares of one precision, at the layers that have them."""
    draws = [[row for row in rows if row["layer"] == layer] for layer in layers]
    shares = [zones.tie_shares(found) if found else (None, None) for found in draws]
    for axis, part in zip(line, (1, 0)):
        places = [place for place, share in enumerate(shares) if share[part]]
        error_bars(axis, [place + shift for place in places], [shares[place][part] for place in places],
                   text.bits(bits), colours[bits], linestyle="none")


def figures(results):
    for found in group(zones.ties(results), *subject).values():
        by_flag = group(found, "batch_norm")
        figure, axes = grid(len(by_flag), 2, f"{text.setting(found[0])}: ties by layer", width=4.6, height=2.7)
        for line, ((flag,), cells) in zip(axes, by_flag.items()):
            layers = [layer for layer, in group(cells, "layer")]  # normalised, a network has other paths
            for number, (bits, rows) in enumerate(by_bits(cells).items()):
                _points(line, layers, rows, bits, 0.12 * (number - 1))
            for axis in line:
                axis.set_xticks(range(len(layers)), layers, fontsize=7)
            percent_axis(line[0], f"{text.normalised(flag)}: windows that tie (%)")
            line[1].set(ylabel="of these, positive (%)", ylim=(0, None))
        for axis in axes[-1]:
            axis.set(xlabel="pool")
        legend_below(figure, axes)
        yield f"ties-{text.file_name(found[0])}", figure
