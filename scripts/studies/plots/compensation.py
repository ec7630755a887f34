# SPDX-License-Identifier: MIT
"""The derivative of zero(t), which is 0 everywhere."""
from studies.files import by_bits, group, numbers
from studies.plots.style import colours, grid
from studies.tables.compensation import columns
from studies.text import bits as name_of


def figures(results):
    rows = results.rows("compensation", "compensation", *columns)
    by_x = group(rows, "x")
    if not by_x:
        return
    figure, axes = grid(1, len(by_x), "Derivative of zero(t) = max1(tx) - max2(tx), which is 0", width=4)
    for axis, ((x,), found) in zip(axes[0], by_x.items()):
        places = {t: place for place, t in enumerate(sorted({row["t"] for row in found}, key=float))}
        for number, (bits, cells) in enumerate(by_bits(found).items()):
            xs = [places[row["t"]] + 0.15 * (number - 1) for row in cells]
            axis.plot(xs, numbers(cells, "derivative"), "o", color=colours[bits], label=name_of(bits), markersize=5)
        axis.axhline(0, color="black", linewidth=0.8)
        axis.set_xticks(list(places.values()), list(places))
        axis.set(xlabel="t", ylabel="derivative", title=_titles.get(x, x))
        axis.margins(0.1, 0.2)
    axes[0][0].legend()
    yield "compensation", figure


_titles = {"equal": "x = 1.14 (1, 1, 1, 1): every t ties", "increasing": "x = (1, 2, 3, 4): only t = 0 ties"}
