# SPDX-License-Identifier: MIT
"""A table of texts, and what comparing with a published value can come to."""
import html
from dataclasses import dataclass

agree, differ, incomparable, unpublished = "agree", "differ", "not comparable", ""


@dataclass
class Table:
    name: str  # of its place in a document
    title: str
    header: tuple
    rows: list
    note: str = ""

    def markdown(self):
        lines = [self.header, ["---"] * len(self.header), *self.rows]
        text = "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
        return f"**{self.title}**\n\n{text}\n" + (f"\n{self.note}\n" if self.note else "")

    def html(self):
        def line(tag, cells):
            return "<tr>" + "".join(f"<{tag}{_class(cell)}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"

        body = "\n".join(line("td", cells) for cells in self.rows)
        note = f"<p class=note>{html.escape(self.note)}</p>\n" if self.note else ""
        return (f"<h3>{html.escape(self.title)}</h3>\n<div class=wide><table>\n"
                f"<thead>{line('th', self.header)}</thead>\n<tbody>\n{body}\n</tbody></table></div>\n{note}")


def _class(cell):
    """What a cell says of a comparison, for its colour."""
    for verdict in (agree, differ, incomparable):
        if cell.startswith(verdict):
            return f' class="{verdict.split()[-1]}"'
    return ""


def compare(low, high, published):
    """Whether an interval of ours meets the span of published values."""
    return agree if low <= max(published) and high >= min(published) else differ
