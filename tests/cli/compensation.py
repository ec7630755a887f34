# SPDX-License-Identifier: MIT
"""compensation.py PROGRAM: prints and writes the derivatives of a function that is 0."""
import csv
import json

import support


class Compensation(support.ProgramTest):
    def test_writes_what_it_prints(self):
        result = self.call("--out", "out")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertEqual(result.stdout.count("\n"), 31)
        with open(self.directory / "out" / "compensation.csv", encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual(list(rows[0]), "bits x t value derivative real_derivative".split())
        floats = [row for row in rows if (row["bits"], row["x"]) == ("32", "equal")]
        self.assertEqual([float(row["t"]) for row in floats], [0, 0.1, 1, -1e-4, -6])
        self.assertEqual({float(row["derivative"]) for row in floats}, {2.0**-24})
        self.assertEqual({float(row["value"]) for row in rows}, {0})
        for row in floats:
            self.assertIn(row["derivative"], result.stdout)
        record = json.loads((self.directory / "out" / "run.json").read_text(encoding="utf-8"))
        self.assertTrue(record["command"].endswith("compensation --out out"))

    def test_results_stay_unless_forced(self):
        self.assertEqual(self.call("--out", "out").returncode, 0)
        result = self.call("--out", "out")
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertEqual(result.stderr, "compensation: out holds results already: expected --force to overwrite them\n")
        self.assertEqual(self.call("--out", "out", "--force").returncode, 0)

    def test_misuse_is_one_line_and_code_2(self):
        self.check_misuses({"--force": "--force: expected --out DIR", "--ot x": "expected an option, got '--ot'"})


if __name__ == "__main__":
    support.main()
