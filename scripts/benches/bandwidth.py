# SPDX-License-Identifier: MIT
"""Picture of kernels that memory bounds: bytes moved per second in per cent of a copy's, by kernel, precision and shape."""
from benches import records
from benches.peers import peers

_rules = {  # of ties in a backward: mark, colour, place beside the shape's, label
    "": ("o", "#0072b2", -0.14, "mpad"),
    "native": ("o", "#0072b2", -0.14, "mpad"),
    "minimal": ("s", "#009e73", -0.05, "mpad, minimal"),
    "beta:0.5": ("^", "#56b4e9", 0.04, "mpad, beta:0.5"),
}
_place_of_peers, _place_of_graphs = 0.15, 0.27
_short = 10  # us


def _rate(copy):
    return f"{copy / 1e12:.3g} TB/s" if copy > 1e12 else f"{copy / 1e9:.3g} GB/s"


def _draw_ours(axis, rows, places):
    for rule, (mark, colour, aside, label) in _rules.items():
        there = [(places[what.case] + aside, row["per_cent_of_copy"]) for what, row in rows.items() if what.rule == rule]
        if there:
            axis.plot(*zip(*there), mark, color=colour, label=label)


def _draw_peers(axis, rows, systems, places):
    """A peer's share of the copy's rate is mpad's, of the same bytes, by the times of both."""
    for peer in peers:
        times, aside = peer.times(systems), _place_of_graphs if peer.graph else _place_of_peers
        there = [(places[what.case] + aside, row["per_cent_of_copy"] * row["real_time"] / times[what])
                 for what, row in rows.items() if what in times]
        if there:
            axis.plot(*zip(*there), peer.mark, color=peer.colour, markeredgewidth=1.3, label=peer.label,
                      markerfacecolor="none")


def _draw_roof(axis, moved, copy):
    """The copy, and what a short call of each shape would reach."""
    axis.axhline(100, color="black", linewidth=1.2, label=f"a copy, {_rate(copy)}")
    shares = {place: 100 * size / (1e-6 * _short * copy) for place, size in enumerate(moved)}
    if there := {place: share for place, share in shares.items() if share < 115}:
        axis.hlines(list(there.values()), [place - 0.35 for place in there], [place + 0.35 for place in there],
                    color="#777777", linestyle=":", label=f"a call of {_short} us")


def _draw(axis, rows, systems, copy, labels):
    """Shapes from left to right by the bytes that a call moves."""
    moved = {what.case: row["bytes_per_second"] * row["real_time"] * 1e-6 for what, row in rows.items()}
    cases = sorted(moved, key=moved.get)
    places = {case: place for place, case in enumerate(cases)}
    _draw_roof(axis, [moved[case] for case in cases], copy)
    _draw_ours(axis, rows, places)
    _draw_peers(axis, rows, systems, places)
    turned = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if len(cases) > 4 else {}
    axis.set_xticks(range(len(cases)), [labels.get(case, case) for case in cases], fontsize=8, **turned)
    axis.set_xlim(-0.5, len(cases) - 0.5)


def figure(title, results, labels):
    """One row for each kernel, one column for each precision. `labels` names the shapes. None where nothing was measured
    against a copy."""
    from studies.plots.style import grid, legend_below

    measured, systems, copy = records.ours(results), records.peers(results), records.copy_rate(results)
    if not copy:
        return None
    kernels = records.in_order(what.kernel for what in measured)
    dtypes = records.in_order((what.dtype for what in measured), records.dtypes)
    drawn, axes = grid(len(kernels), len(dtypes), title, height=1.9, sharex="col", sharey=True)
    for line, kernel in zip(axes, kernels):
        for axis, dtype in zip(line, dtypes):
            rows = {what: row for what, row in measured.items() if (what.kernel, what.dtype) == (kernel, dtype)}
            _draw(axis, rows, systems, copy, labels)
        family, _, direction = kernel.rpartition("_")
        line[0].set_ylabel(f"{family.replace('_', ' ')}\n{direction}, %", fontsize=9)
    axes[0][0].set_ylim(bottom=0)
    for axis, dtype in zip(axes[0], dtypes):
        axis.set_title(dtype)
    drawn.supxlabel("bytes moved per second, % of a copy's, by images x height x width x channels", fontsize=9)
    legend_below(drawn, axes)
    return drawn
