# SPDX-License-Identifier: MIT
"""Reading what the study's programs wrote: CSV files and run.json, anywhere below a folder named as the program."""
import csv
import functools
import json
import pathlib
from collections import defaultdict

from common import fail, root

programs = ("compensation", "zones", "thresholds", "drift", "sweep")
bits_order = ("16", "mixed", "32", "64")
subject = ("network", "dataset", "augmented", "trained")  # what a row is about
by_record = subject[2:]  # what is known of it by the record beside its file


def read(path, columns=()):
    """The rows of a CSV file, as texts by column; if it has any, they have to have these columns."""
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        fail(f"{path}: expected a CSV file, got {error}")
    for number, row in enumerate(rows, 2):
        if None in row or None in row.values():
            fail(f"{path}: expected as many values as the header has names, line {number} has not")
    if missing := [column for column in columns if rows and column not in rows[0]]:
        fail(f"{path}: expected columns {', '.join(columns)}, got none named {missing[0]}")
    return rows


def read_record(path):
    """An object in JSON."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        fail(f"{path}: expected the record of a run, got {error}")
    return record if isinstance(record, dict) else fail(f"{path}: expected the record of a run, got other text")


@functools.cache
def published(name):
    """The rows of a table of published figures."""
    return read(root / "docs/results/published" / f"{name}.csv")


def published_like(row, name, *columns):
    """The rows of a table of published figures that have a row's values in these columns."""
    return [other for other in published(name) if all(other[column] == row[column] for column in columns)]


def augmented(setting):
    """Whether a record's setting "augment", empty if there is none, changes images, as a column has it."""
    return "false" if setting in ("", "none") else "true"


class Results:
    """A folder of results; files of a program that did not run have no rows."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        if not any((self.folder / program).is_dir() for program in programs):
            fail(f"{folder}: expected a folder with results of {', '.join(programs)}, got none of them")

    def rows(self, program, name, *columns):
        """All rows of the program's files of that name, which have to have the columns, with the "folder" of each.

        Those of a data set say too whether its training images were "augmented", and whether the weights that are looked at
        were "trained" before.
        """
        rows = []
        in_file = [column for column in columns if column not in by_record]
        for path in sorted((self.folder / program).rglob(f"{name}.csv")):
            for row in read(path, in_file):
                row["folder"] = str(path.parent.relative_to(self.folder))
                if "dataset" in row:
                    row["augmented"] = augmented(self.of_data(row, "augment"))
                    row["trained"] = str(self.settings(row["folder"]).get("init") == "trained").lower()
                rows.append(row)
        return rows

    @functools.cache
    def settings(self, folder):
        """What the run in a folder was asked to do; empty where it left no record."""
        path = self.folder / folder / "run.json"
        return read_record(path).get("settings", {}) if path.exists() else {}

    def of_data(self, row, name):
        """What the run behind a row says of the row's data set; empty if nothing."""
        settings = self.settings(row["folder"])
        return str(settings.get(f"{row['dataset']}-{name}", settings.get(name, "")))

    def records(self):
        """The name of each folder with a run.json, and what that holds."""
        for path in sorted(self.folder.rglob("run.json")):
            yield str(path.parent.relative_to(self.folder)), read_record(path)

    def steps(self):
        """What scripts/study ran, by folder: command, seconds, problem; nothing if it was not that which ran."""
        path = self.folder / "study.json"
        return read_record(path).get("steps", {}) if path.exists() else {}


def group(rows, *columns):
    """Rows by the values of these columns, in the order in which they first come."""
    groups = defaultdict(list)
    for row in rows:
        groups[tuple(row[column] for column in columns)].append(row)
    return dict(groups)


def by_bits(rows):
    """Rows by bits, the fewest first."""
    groups = group(rows, "bits")
    return {bits: groups[bits,] for bits in bits_order if (bits,) in groups}


def numbers(rows, column):
    return [float(row[column]) for row in rows]
