# SPDX-License-Identifier: MIT
"""report.py SOURCE: scripts/figures, report and plot-training on made-up results: what is drawn, said, refused."""
import csv
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import made_up

source = pathlib.Path(sys.argv.pop(1))
has_matplotlib = subprocess.run([sys.executable, "-c", "import matplotlib"], capture_output=True).returncode == 0


class ReportTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="mpad-")
        self.addCleanup(temporary.cleanup)
        self.directory = pathlib.Path(temporary.name)
        self.results = self.directory / "results"
        made_up.write_all(self.results)

    def call(self, script, *arguments):
        command = [sys.executable, "-B", source / "scripts" / script, *arguments]
        return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=300, check=False)

    def tables(self, *names):
        """The tables of these names, as a document has them."""
        document = self.directory / "document.md"
        places = "".join(f"<!-- table {name} -->\n<!-- end -->\n" for name in names)
        document.write_text(f"before\n{places}after\n")
        done = self.call("report", self.results, "--into", document)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        text = document.read_text()
        self.assertTrue(text.startswith("before\n") and text.endswith("<!-- end -->\nafter\n"))
        return text

    def set_fates(self, fates):
        """Leaves trainings in 16 bits at these betas, and makes of them what is said."""
        columns = {"learns": ("0.1", "0.95", ""), "chance": ("2.3", "0.1135", ""),
                   "collapses": ("nan", "0.098", "step 3")}
        path = self.results / "sweep/sweep.csv"
        with open(path, newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["bits"] == "16" and row["beta"] in fates]
        for row in rows:
            row["test_loss"], accuracy, row["collapsed"] = columns[fates[row["beta"]]]
            row["train_accuracy"] = row["test_accuracy"] = accuracy
        with open(path, "w", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)


class Tables(ReportTest):
    def test_verdicts(self):
        text = self.tables("claims")
        for line in ("| 16 bits: nearly all pairs are in the zone | VGG-11, CIFAR-10, augmented | 100.0 % | agree |",
                     "| 64 bits: no pair is in the zone | VGG-11, CIFAR-10, augmented | 0.0 % | agree |",
                     "batch 64 to 512 | 50.0 % [40.0, 60.0] to 80.0 % [70.0, 90.0] | agree |",
                     "batch 64 | 50.0 % [40.0, 60.0] to 60.0 % [50.0, 70.0] | undecided: intervals overlap |",
                     "| 32 bits: batch normalisation raises the share that differs over the reals | VGG-11, CIFAR-10, "
                     "augmented, batch 64 | 0.0 % [0.0, 10.0] to 0.0 % [0.0, 10.0] | undecided: intervals overlap |",
                     "LeNet-5, MNIST, 64 bits | 0 | agree |",
                     "beta 1000: 2/2 collapsed; beta 10000: 2/2 collapsed | agree |"):
            self.assertIn(line, text)
        self.assertRegex(text, r"exact/fused.*beta 1000: 0/2 fail, 9\d\.\d %; beta 10000.* \| new: none fails \|")

    def test_trained_networks_are_told_apart_and_no_claim_is_about_them(self):
        claims = self.tables("claims")
        drawn, trained = self.results / "zones/drawn", self.results / "zones/trained"
        for folder in (drawn, trained):
            folder.mkdir()
        for path in (self.results / "zones").glob("*.*"):
            shutil.copyfile(path, trained / path.name)
            path.rename(drawn / path.name)
        record = json.loads((trained / "run.json").read_text())
        record["settings"]["init"] = "trained"
        (trained / "run.json").write_text(json.dumps(record))
        self.assertEqual(self.tables("claims"), claims)
        for name in ("zones", "classes", "ties"):
            rows = re.findall(r"^\| (VGG-11.*?) \| (.*) \|$", self.tables(name), re.MULTILINE)
            by_name = {network: [cells for other, cells in rows if other == network] for network, _ in rows}
            self.assertEqual(list(by_name), ["VGG-11, CIFAR-10, augmented", "VGG-11, trained, CIFAR-10, augmented"])
            of_drawn, of_trained = by_name.values()
            if name != "zones":
                self.assertEqual(of_drawn, of_trained)
            self.assertEqual(len(of_drawn), len(of_trained))
            self.assertFalse(any("agree" in cells for cells in of_trained))

    def change(self, name, *changes):
        """Replaces words of a file that has them."""
        path = self.results / f"{name}.csv"
        for old, new in changes:
            self.assertIn(old, path.read_text())
            path.write_text(path.read_text().replace(old, new))

    def test_a_claim_that_does_not_hold_is_said_to_differ(self):
        self.change("zones/summary", (",zone,1e-15,0.0,0,0", ",zone,1e-15,0.5,0.4,0.6"))
        self.change("sweep/sweep", ("step 3 at pool1 (MaxPool2d)", ""), ("nan,0.098", "0.4,0.7"))
        text = self.tables("claims", "training")
        self.assertIn("| VGG-11, CIFAR-10, augmented | 50.0 % | differ |", text)
        self.assertIn("beta 1000: 0/2 fail, 70.0 %; beta 10000: 0/2 fail, 70.0 % | differ: no run fails |", text)
        self.assertIn("| differ at beta 1000, 10000 |", text)

    def test_a_run_that_learns_nothing_fails(self):
        self.change("sweep/sweep", ("step 3 at pool1 (MaxPool2d)", ""), ("nan,0.098", "2.3,0.1135"))
        text = self.tables("claims", "training")
        self.assertIn("beta 1000: 2/2 at chance; beta 10000: 2/2 at chance | agree |", text)
        self.assertIn("| 11.3 % [11.3, 11.3], 2/2 at chance | 11.3 % [11.3, 11.3], 2/2 at chance | agree |", text)

    def test_a_collapse_is_undecided_where_a_control_explains_it_or_is_missing(self):
        nothing, no_control = "undecided: beta 0 has learned nothing", "undecided: no beta below 1000"
        original = (self.results / "sweep/sweep.csv").read_text()
        for control, thousand, most, claimed, new in (
                ("learns", "chance", "collapses", "agree", "new: all fail"),
                ("learns", "collapses", "learns", "differ: not all runs fail", "new: some fail"),
                ("chance", "chance", "chance", nothing, nothing),
                ("chance", "chance", "collapses", nothing, nothing),
                ("chance", "collapses", "collapses", "agree", "new: all fail"),
                ("chance", "collapses", "learns", "differ: not all runs fail", "new: some fail"),
                ("chance", "learns", "learns", "differ: no run fails", "new: none fails"),
                ("collapses", "collapses", "collapses", nothing, nothing),
                ("", "chance", "chance", no_control, no_control),
                ("", "collapses", "collapses", "agree", "new: all fail")):
            with self.subTest(control=control, thousand=thousand, most=most):
                (self.results / "sweep/sweep.csv").write_text(original)
                self.set_fates({**({"0": control} if control else {}), "1000": thousand, "10000": most})
                text = self.tables("claims")
                for arithmetic, verdict in (("composed/composed", claimed), ("exact/fused", new)):
                    self.assertRegex(text, rf"16 bits, {arithmetic}: .*; beta 10000: [^|]* \| {verdict} \|\n")

    def test_networks_of_a_sweep_have_their_own_numbers_of_images(self):
        self.change("sweep/sweep", ("lenet,mnist,16,", "vgg11,cifar10,16,"))
        record = self.results / "sweep/run.json"
        settings = {"epochs": 3, "dataset": "mnist", "train-images": 2000, "cifar10-train-images": 5000}
        record.write_text(json.dumps({**json.loads(record.read_text()), "settings": settings}))
        text = self.tables("training")
        self.assertRegex(text, r"VGG-11, CIFAR-10, .*3 epochs of 5,000 images")
        self.assertRegex(text, r"LeNet-5, MNIST, .*3 epochs of 2,000 images")

    def test_other_data_do_not_compare(self):
        self.change("zones/summary", (",cifar10,", ",synthetic-colours,"))
        self.change("sweep/sweep", (",mnist,", ",kmnist,"))
        text = self.tables("claims")
        for line in ("| VGG-11, synthetic digits in colour, augmented | 100.0 % | not comparable: drawn images |",
                     "batch 64 to 512 | 50.0 % [40.0, 60.0] to 80.0 % [70.0, 90.0] | not comparable: drawn images |",
                     "batch 64 | 50.0 % [40.0, 60.0] to 60.0 % [50.0, 70.0] | not comparable: drawn images |",
                     "beta 1000: 2/2 collapsed; beta 10000: 2/2 collapsed | not comparable: other data |"):
            self.assertIn(line, text)
        self.assertRegex(text, r"exact/fused.* LeNet-5, KMNIST, .* \| new: none fails \|")

    def test_images_as_they_are_do_not_compare_with_augmented_ones(self):
        self.change("zones/summary", (",512,native", ",128,native"))
        self.assertIn("| VGG-11, CIFAR-10, augmented | no BN | 128 | 5 | 20 | 100.0 % [90.0, 100.0] | 80.0 % [70.0, 90.0] "
                      "| 0.0 % [0.0, 0.0] | 48.6 % to 55.2 % | differ |", self.tables("zones"))
        record = self.results / "zones/run.json"
        record.write_text(record.read_text().replace("crop 4, flip", "none"))
        text = self.tables("claims", "zones", "ties")
        other = "not comparable: other images |"
        for line in ("| 16 bits: nearly all pairs are in the zone | VGG-11, CIFAR-10 | 100.0 % | " + other,
                     "VGG-11, CIFAR-10, no BN, batch 64 to 128 | 50.0 % [40.0, 60.0] to 80.0 % [70.0, 90.0] | " + other,
                     "| 48.6 % to 55.2 % | " + other,
                     "| VGG-11, CIFAR-10 | no BN | features.2 | 10.7 %"):
            self.assertIn(line, text)

    def test_a_batch_size_whose_network_is_not_said_compares_with_the_probable_one(self):
        self.change("zones/summary", ("vgg11,", "vgg19,"))
        self.assertIn("| VGG-19, CIFAR-10, augmented | no BN | 512 | 5 | 20 | 100.0 % [90.0, 100.0] | 80.0 % [70.0, 90.0] "
                      "| 0.0 % [0.0, 0.0] | 73.5 % to 76.5 % | agree, if it is VGG-19 |", self.tables("zones"))

    def test_values_beside_published_ones(self):
        text = self.tables("compensation", "zones", "ties", "differences", "taus", "drift", "training", "pools",
                           "rates")
        for line in ("| 32 bits | equal | 0.1 | 0 | 5.960464477539063e-08 | 0 | 5.960464477539063e-08 | agree |",
                     "| 73.5 % to 76.5 % | not comparable: other network |",
                     "| 10.7 % [10.3, 11.1] | 22.4 % [19.5, 25.2] |",
                     "| LeNet-5, MNIST | 16 bits | same | 40 | 100.0 % [56.6, 100.0] |  |  |  |  | 100.0 % | agree |",
                     "| 87.5 % [66.8, 96.1] |", "| 98.5 % | differ |",
                     "| 16 bits | 0.0001 |  |  | 0.001 |",
                     "| LeNet-5, MNIST | 16 bits | beta:10000 | 3 | NaN | NaN | 9.8 % | step 7 at pool1 (MaxPool2d) |",
                     "| published | 100 |  | 99.2 % | 99.2 % | 99.2 % | 99.3 % | 10/10 collapsed | 10/10 collapsed |",
                     "| composed/standard | pool2 | exact | exact | 50 | 30 | 10 (0.0 %, 5.0 %) | -10 (0.0 %, 5.0 %) |",
                     "| LeNet-5, MNIST, sgd, 16 bits, no BN | 0 | 3 | 0.03 | 92.0 % | 0.0233 |"):
            self.assertIn(line, text)

    def test_a_search_that_chose_no_rate_publishes_none(self):
        path = self.results / "sweep/search.csv"
        path.write_text(path.read_text().replace("true", "false"))
        self.assertIn("| LeNet-5, MNIST, sgd, 16 bits, no BN | 0 | 3 | none: all collapsed |  | 0.0233 |",
                      self.tables("rates"))

    def test_results_of_several_folders_are_one(self):
        (self.results / "sweep").rename(self.results / "moved")
        (self.results / "sweep").mkdir()
        (self.results / "moved").rename(self.results / "sweep/lenet")
        shutil.rmtree(self.results / "drift")
        self.assertIn("| composed/composed | 1 | 0.05 |", self.tables("training"))

    def test_a_place_without_a_table(self):
        document = self.directory / "document.md"
        document.write_text("<!-- table nonsense -->\n<!-- end -->\n")
        done = self.call("report", self.results, "--into", document)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"^report: expected a table of the results \(claims, .*\), got the place of "
                                      r"'nonsense'\n$")
        self.assertEqual(document.read_text(), "<!-- table nonsense -->\n<!-- end -->\n")


class Misuse(ReportTest):
    def test_one_line_and_an_exit_code(self):
        damaged = self.directory / "damaged"
        (damaged / "drift").mkdir(parents=True)
        (damaged / "drift/drift.csv").write_text("network,dataset\nlenet,mnist\n")
        short = self.directory / "short"
        (short / "drift").mkdir(parents=True)
        (short / "drift/drift.csv").write_text("network,dataset\nlenet\n")
        missing = self.directory / "none"
        for arguments, code, said in (((), 2, "DIR"), ((missing,), 1, "expected a folder with results of"),
                                      ((damaged, "--list"), 1, "drift.csv: expected columns network, dataset, bits, "),
                                      ((short, "--list"), 1, "line 2 has not")):
            done = self.call("report", *arguments)
            self.assertEqual((done.returncode, done.stdout), (code, ""))
            self.assertIn(said, done.stderr)
            self.assertTrue(code == 2 or done.stderr.count("\n") == 1, done.stderr)

    def test_a_page_that_cannot_be_written_is_refused_before_anything_is_drawn(self):
        (self.directory / "folder").mkdir()
        for place, got in (("none/page.html", "No such file or directory"), ("folder", "a directory")):
            done = self.call("report", self.results, "-o", self.directory / place)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (
                1, "", f"report: {self.directory / place}: expected a file that can be written, got {got}\n"))
            self.assertFalse((self.results / "figures").exists())
        self.assertEqual(sorted(path.name for path in self.directory.iterdir()), ["folder", "results"])
        self.assertIn("Pictures are drawn into DIR/figures", self.call("report", "--help").stdout)

    def test_what_is_no_training_is_not_plotted(self):
        header = "maxpool,bits,epoch,train_loss,test_accuracy\n"
        picture, columns = self.directory / "training.svg", "expected columns maxpool, bits, epoch, "
        for content, said in ((None, "expected a CSV file, got "), ("a,b\n1,2\n", columns),
                              ("", "expected epochs of a training, got none"),
                              (header, "expected epochs of a training, got none"),
                              (f"{header}native,16,0,2.0,0.3\nnative,16,1,2.0,high\n",
                               "expected numbers in epoch, train_loss, test_accuracy, line 3 has others")):
            results = self.directory / "results.csv"
            if content is not None:
                results.write_text(content)
            done = self.call("plot-training", results, "-o", picture)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertRegex(done.stderr, rf"^plot-training: {re.escape(f'{results}: {said}')}.*\n$")
            self.assertFalse(picture.exists())
        for name in ("training", "training.xyz"):
            done = self.call("plot-training", results, "-o", self.directory / name)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertIn(f"--output: expected a file named *.svg, *.png, *.pdf, got {self.directory / name}\n",
                          done.stderr)


@unittest.skipUnless(has_matplotlib, "no matplotlib (scripts/install-dependencies plot)")
class Pictures(ReportTest):
    def test_the_page_has_every_kind_of_figure_and_needs_nothing_else(self):
        done = self.call("report", self.results, "-o", self.directory / "page.html")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for name in ("compensation", "zones-vgg11-cifar10-augmented", "classes-vgg11-cifar10-augmented",
                     "differences-vgg11-cifar10-augmented", "ties-vgg11-cifar10-augmented",
                     "thresholds-lenet-mnist", "drift-lenet-mnist", "sweep-lenet-mnist-sgd", "pools-lenet-mnist-sgd"):
            self.assertTrue((self.results / f"figures/{name}.png").read_bytes().startswith(b"\x89PNG"), name)
            self.assertIn("<svg", (self.results / f"figures/{name}.svg").read_text())
        page = (self.directory / "page.html").read_text()
        self.assertEqual(page.count("<img "), 9)
        self.assertEqual(re.findall(r'(?:src|href)="(?!data:|#)[^"]*"', page), [])
        for words in ("A &lt;fast&gt; CPU (2 cores)", "build/cpu/bin/zones --seed 0", '<td class="agree">',
                      "arXiv 2401.02736"):
            self.assertIn(words, page)
        self.assertNotIn("class=warning", page)

    def keep(self, *programs):
        """Removes the results of all others."""
        for folder in self.results.iterdir():
            if folder.name not in programs:
                shutil.rmtree(folder)

    def write_training(self, name="results.csv"):
        path = self.directory / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("maxpool,bits,epoch,train_loss,test_accuracy\nnative,16,0,2.0,0.3\nnative,16,1,nan,0.1\n")
        return path

    def test_a_training_is_plotted_or_says_what_is_missing(self):
        results, picture = self.write_training(), self.directory / "training.svg"
        pictures = []
        for _ in range(2):
            done = self.call("plot-training", results, "-o", picture)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
            pictures.append(picture.read_text())
        self.assertIn("<svg", pictures[0])
        self.assertEqual(pictures[0], pictures[1])
        (self.directory / "matplotlib.py").write_text("raise ImportError")
        done = subprocess.run([sys.executable, "-B", source / "scripts/plot-training", results, "-o", picture],
                              env={**os.environ, "PYTHONPATH": str(self.directory)}, capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (
            1, "plot-training: expected matplotlib (scripts/install-dependencies plot), got none\n"))

    def test_a_training_is_titled_by_its_record(self):
        recorded, bare = self.write_training("run/results.csv"), self.write_training("bare/results.csv")
        settings = {"network": "resnet18, stem cifar", "dataset": "synthetic-colours"}
        (recorded.parent / "run.json").write_text(json.dumps({"settings": settings}))
        name, picture = "ResNet-18, stem cifar, synthetic digits in colour", self.directory / "training.svg"
        for arguments, title in (((recorded,), name), ((bare,), str(bare)), ((recorded, recorded), name),
                                 ((recorded, bare), f"{name}; {bare}"), ((recorded, "--title", "Mine"), "Mine")):
            done = self.call("plot-training", *arguments, "-o", picture)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
            self.assertIn(f"<!-- {title} (mean and range of 1 run) -->", picture.read_text())

    def test_a_place_where_no_picture_can_be_written(self):
        picture = self.directory / "nowhere/training.svg"
        done = self.call("plot-training", self.write_training(), "-o", picture)
        self.assertEqual((done.returncode, done.stderr), (
            1, f"plot-training: {picture}: expected a file that can be written, got No such file or directory\n"))

    def test_synthetic_data_are_named(self):
        self.keep("drift")
        path = self.results / "drift/drift.csv"
        real = path.read_text()
        for dataset, name in (("synthetic", "synthetic digits"), ("synthetic-colours", "synthetic digits in colour")):
            path.write_text(real.replace(",mnist,", f",{dataset},"))
            self.assertEqual(self.call("report", self.results).returncode, 0)
            page = (self.results / "report.html").read_text()
            self.assertIn("<p class=warning>", page)
            self.assertIn(f"<td>LeNet-5, {name}</td>", page)

    def test_the_answer_says_whether_it_is_one(self):
        self.keep("sweep")
        self.set_fates({"0": "chance", "1000": "chance", "10000": "chance"})
        self.assertEqual(self.call("report", self.results).returncode, 0)
        self.assertIn("beta 10000: 2/2 at chance (undecided: beta 0 has learned nothing).</li>",
                      (self.results / "report.html").read_text())

    def test_figures_of_one_program(self):
        self.keep("compensation")
        done = self.call("figures", self.results)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, f"1 figure in {self.results}/figures\n", ""))
        self.assertEqual(sorted(path.name for path in (self.results / "figures").iterdir()),
                         ["compensation.png", "compensation.svg"])

    def test_runs_that_never_lived_are_drawn(self):
        self.keep("sweep", "drift")
        for path in (self.results / "sweep/sweep.csv", self.results / "drift/drift.csv"):
            path.write_text(re.sub(r",0\.[19]\d*(?=,)", ",nan", path.read_text()))
        done = self.call("report", self.results)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("2/2 collapsed</td><td>2/2 collapsed", (self.results / "report.html").read_text())


if __name__ == "__main__":
    unittest.main()
