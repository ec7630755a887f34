# SPDX-License-Identifier: MIT
"""bench.py SOURCE BUILD: scripts/bench runs every part with the programs of a build, and says what it did not find."""
import contextlib
import dataclasses
import importlib.machinery
import importlib.util
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

source, build = map(pathlib.Path, sys.argv[1:3])
sys.path.append(str(source / "scripts"))
PARTS = {"pools": "Max pooling", "convolutions": "Convolution", "norms": "Batch normalisation",
         "steps": "Training steps", "busy": "Beside a busy process", "growth": "Growth"}
MEASURED = source / "docs/results/bench-gpu-2026-11-26"
has_matplotlib = subprocess.run([sys.executable, "-c", "import matplotlib"], capture_output=True).returncode == 0
has_torch = subprocess.run([sys.executable, "-c", "import torch"], capture_output=True).returncode == 0


def bench(*options, **environment):
    return subprocess.run([sys.executable, "-B", source / "scripts/bench", *options], capture_output=True, text=True,
                          timeout=600, check=False, env={**os.environ, **environment})


class Bench(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.out = pathlib.Path(folder.name) / "results"

    def test_all_parts(self):
        done = bench("cpu", "--quick", "--build", build, "--out", self.out)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertNotIn("FAILED", done.stdout)
        written = (self.out / "results.md").read_text()
        for name, title in PARTS.items():
            self.assertIn(f"== {name}\n", done.stdout)
            self.assertIn(f"## {title}", written)
            self.assertIn("cpu", json.loads((self.out / f"{name}.json").read_text())["machine"])
        for table in written.split("\n## ")[1:]:
            rows = [line for line in table.splitlines() if line.startswith("|")]
            self.assertEqual({row.count("|") for row in rows}, {rows[0].count("|")} if rows else set(), table)
        steps = json.loads((self.out / "steps.json").read_text())["results"]
        self.assertEqual(set(steps), {"LeNet-5/32", "LeNet-5/64", "LeNet-5/16", "LeNet-5/mixed"})
        for rows in steps.values():
            self.assertGreater(rows["ours"][0]["images_per_second"], 0)
            self.assertGreater(rows["ours"][0]["third_quartile"], 0)
        self.assertRegex(written, r"\| LeNet-5 \| 32 \| [\d.]+ ±[\d.]+% \|")
        if has_torch:
            self.assertGreater(steps["LeNet-5/32"]["eager"][0]["third_quartile"], 0)
            self.assertRegex(written, r"\| LeNet-5 \| 32 \|.* [\d.]+ ±[\d.]+% \|.* [\d.]+ ±[\d.]+% \|")
        for name in ("pools", "convolutions", "norms", "growth") if has_matplotlib else ():
            self.assertTrue((self.out / f"{name}.svg").exists(), name)
            self.assertIn(f"]({name}.svg)\n", written)
        grown = json.loads((self.out / "growth.json").read_text())["results"]["LeNet-5"]["milliseconds"]
        self.assertEqual(list(grown), ["32", "64", "128", "256", "512", "1024"])

    @unittest.skipUnless(has_matplotlib, "no matplotlib (scripts/install-dependencies plot)")
    def test_pictures_of_what_was_measured(self):
        self.out.mkdir()
        for name in ("pools", "convolutions", "norms"):
            shutil.copy(MEASURED / f"{name}.json", self.out)
        drawn = []
        for _ in range(2):
            self.assertEqual(bench("draw", "--out", self.out).returncode, 0)
            drawn.append({path.name: path.read_bytes() for path in self.out.glob("*.svg")})
        self.assertEqual(drawn[0].keys(), {"pools.svg", "convolutions.svg", "norms.svg"})
        self.assertEqual(drawn[0], drawn[1])

    def drawn(self, family, **faster):
        """The lines of each axis of the picture of what was measured, by label; beside PyTorch's times some of them, with
        calls that take a part of it less in other systems."""
        from benches import kernels, records
        results = json.loads((MEASURED / f"{family}.json").read_text())["results"]
        for system, factor in faster.items():
            results["peers"] += [{**row, "name": row["name"].removesuffix("torch") + system,
                                  "real_time": row["real_time"] * factor}
                                 for row in results["peers"] if row["name"].endswith("/torch")]
        figure = getattr(kernels, family).figure(family, results, records.copy_rate(results))
        self.addCleanup(figure.clear)
        return figure, [{line.get_label(): line for line in axis.get_lines()} for axis in figure.axes]

    @unittest.skipUnless(has_matplotlib, "no matplotlib (scripts/install-dependencies plot)")
    def test_graphs_of_peers_are_drawn(self):
        faster = {"graph": 0.5, "graph_channels_last": 0.25, "torch_compile": 0.8, "graph_compile": 0.2}
        speeds = {"PyTorch, CUDA graph": 4, "PyTorch, compiled": 1.25, "PyTorch, compiled, CUDA graph": 5}
        for family in ("convolutions", "norms"):
            figure, axes = self.drawn(family, **faster)
            for lines in axes:
                for label, speed in speeds.items():
                    for one, other in zip(lines["PyTorch"].get_ydata(), lines[label].get_ydata(), strict=True):
                        self.assertAlmostEqual(other / one, speed, 9)
                peers = [line for label, line in lines.items() if label.startswith("PyTorch")]
                self.assertEqual(len({line.get_marker() for line in peers}), 4)
                self.assertEqual(len({line.get_color() for line in peers}), 4)
            self.assertLessEqual({"PyTorch", *speeds}, {text.get_text() for text in figure.legends[0].get_texts()})
        self.assertNotIn("PyTorch, CUDA graph", self.drawn("norms")[1][0])

    def test_no_matplotlib(self):
        self.out.mkdir()
        (self.out / "matplotlib.py").write_text("raise ImportError")
        shutil.copy(MEASURED / "norms.json", self.out)
        done = bench("draw", "--out", self.out, PYTHONPATH=str(self.out))
        self.assertEqual((done.returncode, done.stderr), (1, ""))
        self.assertIn("pictures not drawn: no matplotlib", done.stdout)

    def test_programs_that_are_not_built(self):
        done = bench("cpu", "--quick", "--build", self.out, "--parts", "steps", "--out", self.out)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, r"FAILED: expected .*bench_step, got no such file\n")
        self.assertIn("failed: steps\n", done.stdout)

    def test_wrong_options(self):
        for options in ((), ("tpu",), ("cpu", "--networks", "lenet5"), ("cpu", "--modes", "jit"), ("cpu", "--parts", "pool"), ("cpu", "--rounds", "0"), ("draw",),
                        ("gpu", "--parts", "growth")):
            self.assertEqual(bench(*options).returncode, 2)


class Steps(unittest.TestCase):
    """Which steps are planned and what a failure costs."""

    def plan(self, device, torch):
        loader = importlib.machinery.SourceFileLoader("bench_script", str(source / "scripts/bench"))
        module = importlib.util.module_from_spec(importlib.util.spec_from_loader("bench_script", loader))
        sys.modules["bench_script"] = module  # dataclasses look there
        loader.exec_module(module)
        return module.plan_for(device, torch, 1)

    def test_modes_of_each_pytorch(self):
        for version, modes in (("2.11.0+cu130", ("eager", "graph", "study", "compile")),
                               ("1.13.0a0", ("eager", "graph", "study")), ("", ())):
            self.assertEqual(self.plan("cuda", version).modes, modes)
        self.assertEqual(self.plan("cpu", "2.11.0").modes, ("eager",))

    def test_half_beside_pytorch_on_a_cpu(self):
        for version, there in (("2.11.0", True), ("1.13.0a0", False), ("", False)):
            self.assertEqual("16" in self.plan("cpu", version).peer_bits, there)
        self.assertIn("mixed", self.plan("cuda", "1.13.0a0").peer_bits)

    def test_what_is_planned_is_there(self):
        from benches import steps
        listed = subprocess.run([build / "bin/bench_step", "--benchmark_list_tests"], capture_output=True, text=True,
                                check=True).stdout
        for network in self.plan("cuda", "2.11.0").networks:
            for dtype in steps.bits.values():
                self.assertIn(f"step/{network.name}/{dtype}/", listed)

    def test_a_mode_that_fails_costs_its_own_rows(self):
        from benches import programs, steps

        class Fake:
            device = "cuda"

            def bench(self, _, pattern):
                record = {"images/s": 100.0, "peak MiB": 1.0, "faults/step": 0.0,
                          "FLOP/s": 4e9 if pattern.startswith("^product/") else 1e9}
                return [record], programs.Run("", 1.0)

            def peer(self, _, *options):
                mode, bits = options[options.index("--mode") + 1], options[options.index("--bits") + 1:options.index("--mode")]
                if mode == "compile":
                    raise programs.Failed("networks_torch.py: no compiler")
                good = {"mode": mode, "images_per_second": 50.0, "peak_memory_mib": 2.0, "first_quartile": 4.0,
                        "third_quartile": 6.0}
                return [{"bits": one, **({"error": "no capture"} if (mode, one) == ("graph", "mixed") else good)}
                        for one in bits], programs.Run("", 1.0)

        plan, said = dataclasses.replace(self.plan("cuda", "2.11.0"), networks=(steps.densenet,)), io.StringIO()
        with contextlib.redirect_stdout(said):
            measured = steps.measure(Fake(), plan)
        self.assertEqual(said.getvalue(), "DenseNet-121, BN, PyTorch graph, mixed: FAILED: no capture\n"
                                          "DenseNet-121, BN, PyTorch compile: FAILED: networks_torch.py: no compiler\n")
        self.assertEqual({name: [len(rows[mode]) for mode in plan.modes] for name, rows in measured.items()},
                         {"DenseNet-121, BN/32": [1, 1, 0, 0], "DenseNet-121, BN/64": [1, 1, 0, 0],
                          "DenseNet-121, BN/16": [1, 1, 0, 0], "DenseNet-121, BN/mixed": [1, 0, 0, 0]})
        table = list(steps.table(measured))
        self.assertEqual({row.count("|") for row in table}, {table[0].count("|")})
        self.assertIn("| DenseNet-121, BN | mixed | 100.0 | 100.0 | 1280.00 | 25 | 50.0 ±20.0% | 2.00 |  |  |  |  |", table[-1])

    def test_results_from_before_quartiles_and_operations(self):
        from benches import steps
        table = list(steps.table(json.loads((MEASURED / "steps.json").read_text())["results"]))
        self.assertEqual({row.count("|") for row in table}, {table[0].count("|")})
        self.assertNotIn("±", "".join(table))

    @unittest.skipUnless(has_torch, "no PyTorch")
    def test_mixed_precision_of_pytorch_on_a_cpu(self):
        done = subprocess.run([sys.executable, "-B", source / "bench/peers/networks_torch.py", "--bits", "32", "mixed"],
                              capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("error: --bits: expected 16, 32 or 64 on a CPU, got mixed\n", done.stderr)


class Records(unittest.TestCase):
    """What pictures are made of."""

    def test_names_and_ceilings(self):
        from benches import records
        rows = [{"name": f"maxpool_backward/beta:0.5/half/vgg1/ties:{ties}/iterations:5/manual_time", "real_time": time,
                 "bytes_per_second": 30.0 / time, "per_cent_of_copy": 1500 / time}
                for ties, time in ((0, 10.0), (0, 30.0), (0, 20.0), (50, 1.0))]
        peers = [{"name": "maxpool_backward/beta:0.5/half/vgg1/ties:0/torch_compile", "real_time": 5.0}]
        what = records.Measured("maxpool_backward", "beta:0.5", "half", "vgg1")
        results = {"ours": rows, "peers": peers}
        self.assertEqual({key: row["real_time"] for key, row in records.ours(results).items()}, {what: 20.0})
        self.assertEqual(records.peers(results), {"torch_compile": {what: 5.0}})
        self.assertEqual(records.copy_rate(results), 2.0)
        self.assertIsNone(records.copy_rate({"ours": [{"name": "conv2d_forward/float/fc3", "real_time": 1.0}]}))

    def test_spread(self):
        from benches import records
        rows = [{"first_quartile": 9.0, "third_quartile": 11.0}, {"first_quartile": 3.0, "third_quartile": 3.0}]
        self.assertEqual(records.with_spread("10", rows), "10 ±5.0%")
        self.assertEqual(records.with_spread("10", [{"first_quartile": 9.0}, {}]), "10")

    def test_table_of_fused_kernels(self):
        from benches import kernels
        rows = [{"name": f"pooled_{how}/half/vgg2/iterations:5/manual_time", "real_time": time, "per_cent_of_product": 25.0,
                 "first_quartile": time * 0.99, "third_quartile": time * 1.01}
                for how, time in (("one_pass", 10.0), ("apart", 15.0))]
        table = list(kernels.convolutions.table({"ours": rows, "peers": [], "settings": {}}))
        self.assertEqual(table[-1], "| pooled/half/vgg2 | 10.0 ±1.0% | 25 | 15.0 ±1.0% | 1.50 |")
        self.assertEqual(table[1].splitlines()[1].count("|"), table[-1].count("|"))
        self.assertEqual(len(list(kernels.norms.table({"ours": rows[:1], "peers": [], "settings": {}}))), 1)

    def test_fused_kernels_are_timed_on_cuda_alone(self):
        from benches import kernels

        class Fake:
            seconds = 1

            def __init__(self, device):
                self.device = device

            def bench(self, _, pattern, __):
                listed = subprocess.run([build / "bin/bench_conv2d", "--benchmark_list_tests", f"--benchmark_filter={pattern}"],
                                        capture_output=True, text=True, check=True).stdout
                return [{"name": name} for name in listed.split()], None

        plan = {device: Steps().plan(device, "") for device in ("cpu", "cuda")}
        names = {device: {record["name"].split("/")[0] for record in
                          kernels.convolutions.measure(Fake(device), plan[device])["ours"]} for device in plan}
        passes = {"conv2d_forward", "conv2d_backward_data", "conv2d_backward_weight"}
        self.assertEqual(names["cpu"], passes)
        self.assertEqual(names["cuda"], passes | {f"{what}_{how}" for what in ("pooled", "conv2d_batch_norm")
                                                  for how in ("one_pass", "apart")})

    def test_work_of_layers_is_what_was_counted(self):
        from benches import kernels, records
        results = json.loads((MEASURED / "convolutions.json").read_text())["results"]
        for what, row in records.ours(results).items():
            operations, _ = kernels.shapes.work_of(what.case)
            self.assertAlmostEqual(row["FLOP/s"] * row["real_time"] * 1e-6 / operations, 1, 6, what)
        self.assertEqual(kernels.shapes.work_of("fc3"), (2 * 128 * 84 * 10, 128 * 84 + 84 * 10 + 128 * 10))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
