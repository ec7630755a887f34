# SPDX-License-Identifier: MIT
"""zero(t): value and derivative beside the published ones."""
from studies import text
from studies.files import published
from studies.tables.table import Table, agree, differ

columns = ("bits", "x", "t", "value", "derivative", "real_derivative")


def tables(results):
    rows = results.rows("compensation", "compensation", *columns)
    if not rows:
        return
    known = {(row["bits"], row["x"], float(row["t"])): row for row in published("compensation")}
    body = []
    for row in rows:
        theirs = known.get((row["bits"], row["x"], float(row["t"])))
        same = theirs and all(float(row[name]) == float(theirs[name]) for name in ("value", "derivative"))
        beside = (theirs["derivative"], agree if same else differ) if theirs else ("", "")
        body.append((text.bits(row["bits"]), row["x"], row["t"], row["value"], row["derivative"],
                     row["real_derivative"], *beside))
    yield Table("compensation", "Value and derivative of zero(t)",
                ("precision", "x", "t", "value", "derivative", "over the reals", "published", "verdict"), body,
                "Published derivatives are in 32 bits; they agree if value and derivative are equal, digit by digit.")
