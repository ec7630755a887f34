# SPDX-License-Identifier: MIT
"""What the study found, question by question, and what the results at hand say to it."""
from studies import text
from studies.files import group, numbers, published_like, subject
from studies.tables import drift, sweep, zones
from studies.tables.table import Table, agree, differ, incomparable

undecided = "undecided: intervals overlap"
high_beta = 1000.0


def _cells(results, quantity):
    """Shares of pairs, of the first two programs compared on drawn weights: of the zone at tau, or of a class, which has
    none."""
    rows = [row for row in zones.summary(results) if row["quantity"] == quantity and row["trained"] == "false"]
    programs = group(rows, "first", "second", "noise")
    cells = group(next(iter(programs.values()), []), "bits", *zones.keys)
    return [zones.at_tau(cell) if quantity == "zone" else cell[0] for cell in cells.values()]


def _beside_published(row, verdict, *same):
    """A verdict on a published claim, if the study had networks of this kind on the data set of a row.

    `same` is what has to be the same besides.
    """
    kind = row["network"].rstrip("0123456789")
    def has(*columns):
        return any(other["network"].startswith(kind) for name in ("zones", "training")
                   for other in published_like(row, name, "dataset", *columns))

    if has(*same):
        return verdict
    reason = "other images" if has() else "drawn images" if text.is_drawn(row["dataset"]) else "other data"
    return f"{incomparable}: {reason}"


def _all_or_none(cells):
    """16 bits: nearly all pairs are in the zone; 64 bits: none is."""
    for bits, claim, holds in (("16", "nearly all pairs are in the zone", lambda share: share >= 0.95),
                               ("64", "no pair is in the zone", lambda share: share == 0)):
        for _, found in group([row for row in cells if row["bits"] == bits], *subject).items():
            row, shares = found[0], numbers(found, "share")
            verdict = _beside_published(row, agree if all(map(holds, shares)) else differ, "augmented")
            yield (f"{text.bits(bits)}: {claim}", text.setting(row), text.span(shares, text.percent),
                   verdict if row["network"].startswith("vgg") else "not published")


def _rises(small, large):
    """The verdict on whether a share is larger in a second cell, by the 95 % intervals of both."""
    up, down = float(large["low"]) > float(small["high"]), float(large["high"]) < float(small["low"])
    return _beside_published(small, agree if up else differ if down else undecided, "augmented")


def _from_to(small, large):
    return " to ".join(text.percent(*(float(row[name]) for name in ("share", "low", "high"))) for row in (small, large))


def _larger_batch(cells, share="the share"):
    for _, found in group([row for row in cells if row["bits"] == "32"], *subject, "batch_norm").items():
        small, large = (choose(found, key=lambda row: int(row["batch_size"])) for choose in (min, max))
        if small is not large:
            yield (f"32 bits: a larger batch raises {share}",
                   f"{text.setting(small)}, {text.normalised(small['batch_norm'])}, batch {small['batch_size']} to "
                   f"{large['batch_size']}", _from_to(small, large), _rises(small, large))


def _batch_norm(cells, share="the share"):
    for _, found in group([row for row in cells if row["bits"] == "32"], *subject, "batch_size").items():
        by_flag = {row["batch_norm"]: row for row in found}
        if len(by_flag) == 2:
            without, with_bn = by_flag["false"], by_flag["true"]
            yield (f"32 bits: batch normalisation raises {share}",
                   f"{text.setting(without)}, batch {without['batch_size']}", _from_to(without, with_bn),
                   _rises(without, with_bn))


def _second_beta0(results):
    for _, found in group(drift.rows(results), *drift.keys).items():
        for name, epochs in drift.replicas(found).items():
            if name.endswith("(again)"):
                farthest = max(numbers(epochs, "distance"))
                yield ("deterministic: the same rule drifts to distance 0",
                       f"{text.setting(epochs[0])}, {text.bits(epochs[0]['bits'])}", text.number(farthest),
                       agree if farthest == 0 else differ)


def _fates(found):
    """What became of the runs at each beta, as text."""
    words = []
    for beta in sweep.betas(found):
        runs = [row for row in found if float(row["beta"]) == beta]
        fate = sweep.failures_text(runs) or f"0/{len(runs)} fail, {text.percent(sweep.accuracy(runs)[0])}"
        words.append(f"beta {text.number(beta)}: {fate}")
    return "; ".join(words)


def _extent(failed):
    return "all" if all(failed) else "some" if any(failed) else "none"


def _collapse_verdict(runs, control, verdicts):
    """What `verdicts` says of all, some or none of the runs failing, where beta is what they fail by.

    A run at chance does so only if the control, the runs at the lowest beta, learns. A run that collapsed does so with
    no control too, but not if all of the control collapses.
    """
    learned = not all(map(sweep.fails, control))
    finite = not control or not all(map(sweep.collapsed, control))
    seen = _extent([sweep.fails(row) for row in runs])
    if seen == _extent([sweep.fails(row) if learned else finite and sweep.collapsed(row) for row in runs]):
        return verdicts[seen]
    if control:
        return f"undecided: beta {text.number(control[0]['beta'])} has learned nothing"
    return f"undecided: no beta below {text.number(high_beta)}"


def _collapse(results, arithmetic, verdicts):
    """Whether trainings in 16 bits fail at high beta: a row of each, and what a table says of it.

    `verdicts` says what it means that all, some or none of the runs fail.
    """
    rows = [row for row in sweep.rows(results) if row["bits"] == "16" and sweep.arithmetic_name(row) == arithmetic]
    for _, found in group(rows, *sweep.training, *sweep.size).items():
        lowest = min(high_beta, *sweep.betas(found))
        control = [row for row in found if float(row["beta"]) == lowest < high_beta]
        if runs := [row for row in found if float(row["beta"]) >= high_beta]:
            yield runs[0], (f"16 bits, {arithmetic}: training fails at beta 1000 and more", sweep.sized_name(runs[0]),
                            _fates(runs), _collapse_verdict(runs, control, verdicts))


def _published_collapse(results):
    verdicts = {"all": agree, "some": f"{differ}: not all runs fail", "none": f"{differ}: no run fails"}
    for row, (*cells, verdict) in _collapse(results, "composed/composed", verdicts):
        yield (*cells, _beside_published(row, verdict))


def new_result(results):
    """Rows on what nobody had tried: nothing but the Jacobian differs."""
    verdicts = {"all": "new: all fail", "some": "new: some fail", "none": "new: none fails"}
    return [cells for _, cells in _collapse(results, "exact/fused", verdicts)]


def tables(results):
    cells, bifurcations = _cells(results, "zone"), _cells(results, "bifurcation")
    over_the_reals = "the share that differs over the reals"
    rows = [*_all_or_none(cells), *_larger_batch(cells), *_larger_batch(bifurcations, over_the_reals),
            *_batch_norm(cells), *_batch_norm(bifurcations, over_the_reals), *_second_beta0(results),
            *_published_collapse(results), *new_result(results)]
    if rows:
        yield Table("claims", "What was claimed, and what is seen here", ("claim", "setting", "here", "verdict"), rows,
                    "The study published the claims on the zone for VGG networks, and the collapse with its own "
                    "forward pass, which is composed of rounded products; exact/fused changes the Jacobian alone, "
                    "which nobody had tried. A run fails if its loss is not finite (collapsed) or it learns nothing "
                    "(at chance).")
