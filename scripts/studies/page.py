# SPDX-License-Identifier: MIT
"""One self-contained HTML page of a folder of results: questions, pictures, tables, machines and commands."""
import base64
import html

from studies import text
from studies.tables import all_tables
from studies.tables.claims import new_result
from studies.tables.table import Table

questions = {
    "claims": ("The study in short", """
        Backpropagation through a MaxPool has to choose where entries of a window tie. What did the published study
        say that this choice does, and what is seen here, where the forward pass is always the maximum unless it is
        asked to be composed as theirs?"""),
    "compensation": ("Compensation in four lines", """
        Two programs compute the same maximum and differentiate it differently. Their difference is the function 0: is
        its derivative?"""),
    "zones": ("The numerical bifurcation zone", """
        For how many pairs of weights and mini-batch does the gradient depend on which of the tied maxima gets it? One
        forward pass serves both programs, so nothing else can differ. How many ties are there, and how many at a
        positive value, where they carry gradient?"""),
    "thresholds": ("Thresholds", """
        From which difference D on is it more than rounding? Pairs of programs that are the same, or differ in one
        choice, by the size of D; beside the study's thresholds the class that needs none."""),
    "drift": ("Weight drift", """
        Replicas start from the same weights and see the same mini-batches; they differ in their tie rule alone. How far
        do they drift apart, and does it change what they learn?"""),
    "sweep": ("Training, and the confound taken apart", """
        The study composed its pool of rounded products, so at high beta the forward pass was no maximum. Which of the
        two ends a training in 16 bits: the noise of that forward pass (composed), or the Jacobian (exact/fused)?"""),
    "missing": ("What was not run", "The published experiments that are not among these results at their full size."),
}

_style = """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff; max-width: 1060px; margin: 2rem auto;
  padding: 0 1rem }
h1, h2, h3 { line-height: 1.2 } h2 { margin-top: 3rem; border-bottom: 1px solid #ccc; padding-bottom: .3rem }
h3 { margin: 1.6rem 0 .4rem; font-size: 1.05rem } nav a { margin-right: 1rem }
img { max-width: 100%; display: block; margin: 1rem auto }
.wide { overflow-x: auto } table { border-collapse: collapse; font-size: .82rem; font-variant-numeric: tabular-nums }
th, td { padding: .25rem .6rem; border-bottom: 1px solid #e4e4e4; text-align: left; vertical-align: top }
th { background: #f5f5f5; border-bottom: 2px solid #bbb } tbody tr:hover { background: #fafafa }
.agree { color: #00664d; font-weight: 600 } .differ { color: #b2182b; font-weight: 600 } .comparable { color: #777 }
.note { color: #555; font-size: .88rem }
.warning { background: #fff4d6; padding: .6rem 1rem; border-left: 4px solid #e0a800 }
.answer { background: #eef5fb; padding: .2rem 1rem; border-left: 4px solid #0072b2 }
"""


def _picture(path):
    data = base64.b64encode(path.with_suffix(".svg").read_bytes()).decode()
    return f'<img alt="{html.escape(path.name)}" src="data:image/svg+xml;base64,{data}">'


def machines(results):
    """Where, when and by which command each folder of results was made, and how long that took where it is known."""
    seconds = {name: f"{step['seconds']:.0f}" for name, step in results.steps().items()}
    rows = []
    for folder, record in results.records():
        for session in (record, *record.get("resumed", [])):
            machine = session.get("machine", {})
            cpu = f"{machine.get('cpu', '?')} ({machine.get('cores', '?')} cores)"
            parts = (machine.get("gpu", {}).get("name"), cpu, machine.get("isa"), machine.get("compiler"))
            rows.append((folder, session.get("command", ""), session.get("started", ""), seconds.get(folder, ""),
                         str(session.get("threads", "")), ", ".join(part for part in parts if part)))
    header = ("results", "command", "started", "seconds", "threads", "machine")
    return Table("machines", "Machines and commands", header, rows)


def _warning(results):
    files = (("zones", "summary"), ("drift", "drift"), ("sweep", "sweep"), ("thresholds", "differences"))
    if any(text.is_drawn(row.get("dataset", "")) for program, name in files for row in results.rows(program, name)):
        yield ("<p class=warning>Some of these results are of synthetic digits, drawn on the spot because no real data "
               "were there; they do not compare with published ones.</p>")


def _answer(results):
    """The new result, in words: whether training fails at high beta where nothing but the Jacobian differs."""
    answers = [f"<li>{html.escape(f'{setting}: {words} ({verdict})')}.</li>"
               for _, setting, words, verdict in new_result(results)]
    if answers:
        yield ("<div class=answer><p>Does the Jacobian alone (exact forward, fused backward) end a training in 16 bits "
               f"at high beta?</p><ul>{''.join(answers)}</ul></div>")


def _section(name, tables, pictures):
    title, question = questions[name]
    yield f"<h2 id={name}>{html.escape(title)}</h2>\n<p>{html.escape(' '.join(question.split()))}</p>"
    yield from map(_picture, pictures)
    yield from (table.html() for table in tables)


def page(results, pictures):
    """The page; `pictures` has paths of figures by section, without their endings."""
    tables = all_tables(results)
    present = [name for name in questions if tables[name] or name in pictures]
    links = "".join(f"<a href='#{name}'>{html.escape(questions[name][0])}</a>" for name in present)
    title = "The MaxPool study, redone with mpad"
    return "\n".join([
        f"<!doctype html>\n<html lang=en><head><meta charset=utf-8><title>{title}</title>",
        f"<style>{_style}</style></head><body>\n<h1>{title}</h1>", *_warning(results),
        '<p>Published: R. Boustany, "On the numerical reliability of nonsmooth autodiff: a MaxPool case study", '
        "Transactions on Machine Learning Research, 2024 (arXiv 2401.02736).</p>",
        f"<nav>{links}<a href='#machines'>Machines and commands</a></nav>", *_answer(results),
        *(part for name in present for part in _section(name, tables[name], pictures.get(name, []))),
        "<h2 id=machines>Machines and commands</h2>", machines(results).html(), "</body></html>", ""])
