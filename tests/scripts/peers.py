# SPDX-License-Identifier: MIT
"""peers.py SOURCE: bench/peers time what they say, where this Python has PyTorch, on the CPU."""
import contextlib
import importlib.util
import io
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

source = pathlib.Path(sys.argv[1])
has_torch = importlib.util.find_spec("torch") is not None
sys.path += [str(source / "bench/peers"), str(source / "scripts")]


def peer(script, *options):
    return subprocess.run([sys.executable, "-B", source / "bench/peers" / script, "--device", "cpu", "--threads", "1",
                           *map(str, options)], capture_output=True, text=True, timeout=600, check=False)


@unittest.skipUnless(has_torch, "no PyTorch")
class Records(unittest.TestCase):
    def test_times_lie_between_their_quartiles(self):
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder) / "records.json"
            done = peer("maxpool_torch.py", "--filter", "float/vgg5/ties:0", "--variants", "^torch$", "--out", out)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            records = json.loads(out.read_text())["benchmarks"]
        self.assertEqual([record["name"] for record in records],
                         [f"{name}/float/vgg5/ties:0/torch" for name in
                          ("maxpool_forward", "maxpool_backward/native", "relu_maxpool_forward",
                           "relu_maxpool_backward/native")])
        for record in records:
            self.assertGreater(record["first_quartile"], 0)
            self.assertLessEqual(record["first_quartile"], record["real_time"])
            self.assertLessEqual(record["real_time"], record["third_quartile"])

    def test_a_record_and_its_line(self):
        import torch_timing
        record = torch_timing.record_of("a/torch", [3e-6, 6e-6, 12e-6], 3)
        self.assertEqual(record, {"name": "a/torch", "real_time": 2.0, "time_unit": "us", "first_quartile": 1.0,
                                  "third_quartile": 4.0})
        self.assertEqual(torch_timing.line_of(record).split(), "a/torch 2.0 us (1.0 to 4.0)".split())


@unittest.skipUnless(has_torch, "no PyTorch")
class Training(unittest.TestCase):
    """Gradients that are timed by autograd are those of the operations that are timed by themselves."""

    def both(self, function, sets):
        """For each set: the function's output, a random gradient of it, and those of all arguments, taken twice."""
        import torch
        import torch_timing
        with torch.no_grad():
            (_, forward, leaves), (_, backward, backwards) = torch_timing.training_calls("f", "b", function, sets)
            for one, (y, arguments, grad_y) in zip(leaves, backwards()):
                self.assertTrue(torch.equal(forward(*one), y))
                self.assertFalse(torch.equal(grad_y, torch.ones_like(y)))
                first, again = (backward(y, arguments, grad_y) for _ in range(2))
                self.assertTrue(all(map(torch.equal, first, again)))
                yield y, grad_y, *first

    def test_pools(self):
        import maxpool_torch
        import torch
        sets = [(maxpool_torch.make_input((2, 3, 8, 8), torch.float32, ties, "cpu"),) for ties in (0, 50)]
        for window in ((2, 2, 0), (3, 2, 1)):
            pool = maxpool_torch.Pool(*window)
            for (x,), (y, grad_y, grad_x) in zip(sets, self.both(pool.pooled, sets)):
                wanted, index = pool.forward(x)
                self.assertTrue(torch.equal(y, wanted))
                self.assertTrue(torch.equal(grad_x, pool.backward(grad_y, x, index)))
            for (x,), (y, grad_y, grad_x) in zip(sets, self.both(pool.relu_pooled, sets)):
                wanted, index = pool.relu_forward(x)
                self.assertTrue(torch.equal(y, wanted))
                self.assertTrue(torch.equal(grad_x, pool.relu_backward(grad_y, torch.relu(x), index)))

    def test_batch_norms(self):
        import batch_norm_torch
        import torch
        torch.manual_seed(1)  # values on either side of 0
        x, other = torch.rand(8, 3, 4, 4), torch.rand(8, 3, 4, 4) - 1
        layer = batch_norm_torch.Layer(3, torch.float32, "cpu")
        normalised, *saved = layer.forward(x)
        parameters = (layer.weight, layer.bias)
        for function, arguments, before in ((layer.relu, (x, *parameters), normalised),
                                            (layer.add_relu, (x, *parameters, other), normalised + other)):
            (y, grad_y, *gradients), = self.both(function, [arguments])
            self.assertTrue(torch.equal(y, torch.relu(before)))
            self.assertTrue(0 < torch.count_nonzero(y) < y.numel())
            grad_sum = grad_y * (before > 0)
            wanted = [*layer.backward(x, grad_sum, *saved), grad_sum]
            for found, expected in zip(gradients, wanted):
                self.assertTrue(torch.equal(found, expected))


class Gpu(str):
    """Code that asks takes it for cuda, PyTorch for a CPU."""

    __hash__ = str.__hash__

    def __eq__(self, other):
        return other == "cuda"


class Graph:
    """In place of torch.cuda's graphs: keeps what ran while it was captured."""

    replays = 0

    def replay(self):
        Graph.replays += 1


@contextlib.contextmanager
def stand_in(capture):
    """For the parts of torch.cuda that timing uses; `capture` stands for torch.cuda.graph."""
    event = mock.Mock(**{"return_value.elapsed_time.return_value": 60.0})  # ms
    with mock.patch.multiple("torch.cuda", Event=event, Stream=mock.Mock(), CUDAGraph=Graph, graph=capture,
                             current_stream=mock.Mock(), synchronize=mock.Mock()):
        yield


@unittest.skipUnless(has_torch, "no PyTorch")
class Graphs(unittest.TestCase):
    """What is captured on a GPU, with a stand-in for it."""

    def records(self, capture, wanted=""):
        import torch_timing
        called, Graph.replays = {}, 0

        def counting(variant):
            called[variant] = 0

            def call(one, two):
                self.assertEqual((one, two), (1, 2))
                called[variant] += 1

            return f"conv2d_forward/float/fc3/{variant}", call, lambda: [(1, 2)] * 10

        calls, said = [counting("torch"), counting("separate"), counting("torch_compile")], io.StringIO()
        with stand_in(capture), contextlib.redirect_stdout(said):
            records = list(torch_timing.records_of(iter(calls), re.compile(wanted), "cuda"))
        return {record["name"].rpartition("/")[2]: record for record in records}, called, said.getvalue()

    def test_rounds_are_called_and_replayed(self):
        records, called, said = self.records(lambda graph, stream: contextlib.nullcontext())
        self.assertEqual((list(records), said), (["torch", "graph", "separate", "torch_compile", "graph_compile"], ""))
        self.assertEqual({record["real_time"] for record in records.values()}, {6000.0})  # us, of ten calls
        # One to warm up and five to time; of a graph three to warm up, and one that is captured.
        self.assertEqual(called, {"torch": 100, "separate": 60, "torch_compile": 100})
        self.assertEqual(Graph.replays, 12)

    def test_only_the_variants_that_are_wanted(self):
        records, called, _ = self.records(lambda graph, stream: contextlib.nullcontext(), "^graph$")
        self.assertEqual((list(records), called), (["graph"], {"torch": 40, "separate": 0, "torch_compile": 0}))

    def variants(self, module, subject):
        """By kernel, what a peer times of an input on a GPU, without a compiler."""
        import torch
        import torch_timing
        gpu, found = Gpu("cpu"), {}
        with (stand_in(lambda graph, stream: contextlib.nullcontext()), torch.no_grad(),
              mock.patch.object(module, "sets_for", lambda device, size: 2),
              mock.patch.object(module, "compiled", lambda function: function, create=True),
              mock.patch("torch.compile", create=True)):
            for record in torch_timing.records_of(module.calls_of(subject, gpu), re.compile(""), gpu):
                kernel, _, variant = record["name"].rpartition("/")
                found.setdefault(kernel.partition("/float")[0], set()).add(variant)
        return found

    def test_what_is_timed_of_each_kernel(self):
        import batch_norm_torch
        import conv2d_torch
        import maxpool_torch
        eager, compiled = {"torch", "graph"}, {"torch_compile", "graph_compile"}
        both = eager | compiled | {"torch_channels_last", "graph_channels_last"}
        allocated = {"torch_preallocated", "torch_channels_last_preallocated"}
        self.assertEqual(self.variants(maxpool_torch, ("stem", ((2, 8, 8, 8), 3, 2, 1), "float", 50)),
                         {"maxpool_forward": both, "maxpool_backward/native": both | allocated,
                          "relu_maxpool_forward": both, "relu_maxpool_backward/native": both})
        self.assertEqual(self.variants(conv2d_torch, ("fc3", "float")),
                         {"conv2d_forward": eager, "conv2d_backward_data": eager, "conv2d_backward_weight": eager})
        passes = [f"{name}_{one}" for name in ("", "_relu", "_add_relu") for one in ("forward", "backward")]
        for least, more in ((1 << 23, set()), (1, compiled)):
            with mock.patch.object(batch_norm_torch, "COMPILED_FROM", least):
                found = self.variants(batch_norm_torch, ("vgg5", (4, 8, 2, 2), "float"))
            self.assertEqual(found, {f"batch_norm{one}": eager | (more if "relu" in one else set()) for one in passes})

    def test_a_capture_that_fails_costs_its_own_record(self):
        refuse = mock.Mock(side_effect=RuntimeError("operation not permitted\nwhen stream is capturing"))
        records, _, said = self.records(refuse, "torch$|^graph$")
        self.assertEqual(list(records), ["torch"])
        self.assertEqual(said, "conv2d_forward/float/fc3/graph: not captured: operation not permitted\n")


@unittest.skipUnless(has_torch, "no PyTorch")
class Settings(unittest.TestCase):
    def state(self, script):
        """What nvidia-smi's stand-in has peers say of a GPU."""
        import torch_timing
        with tempfile.TemporaryDirectory() as folder:
            stub = pathlib.Path(folder) / "nvidia-smi"
            stub.write_text(f"#!/bin/sh\n{script}\n")
            stub.chmod(0o755)
            with mock.patch.dict(os.environ, PATH=f"{folder}:{os.environ['PATH']}"):
                return torch_timing.gpu_state()

    def test_driver_and_clocks(self):
        said = "echo '550.1, 345 MHz, 1980 MHz, 2619 MHz, 3201 MHz'; echo 'another GPU'"
        self.assertEqual(self.state(said), {"driver": "550.1", "sm_clock": "345 MHz", "sm_clock_max": "1980 MHz",
                                            "memory_clock": "2619 MHz", "memory_clock_max": "3201 MHz"})
        for wrong in ("exit 9", "echo 'No devices were found'"):
            self.assertEqual(self.state(wrong), {})

    def test_settings_of_steps_are_kept(self):
        from benches import programs, steps
        answer = {"bits": "32", "images_per_second": 50.0, "peak_memory_mib": 2.0, "settings": {"torch": "2.11.0"}}
        fake = mock.Mock(device="cpu", **{"peer.return_value": ([answer], programs.Run("", 1.0))})
        row = steps.peer(fake, steps.lenet, "32")
        ours = {"images_per_second": 100.0, "peak_memory_mib": 1.0, "faults_per_step": 0.0, "per_cent_of_product": 50.0}
        table = list(steps.table({"LeNet-5/32": {"ours": [ours], "eager": [row]}}))
        self.assertEqual(table[-2:], ["| LeNet-5 | 32 | 100.0 | 1280.00 | 50 | 50.0 | 2.00 | 1 | 2 | 0.0 |",
                                      "\nPyTorch: torch 2.11.0."])


@unittest.skipUnless(has_torch, "no PyTorch")
class Study(unittest.TestCase):
    """The study's arrangement."""

    def test_pool_shares_gradients_among_ties(self):
        import maxpool_torch
        import torch
        x = torch.tensor([[[[1.0, 2, 5, 5], [3, 0, 5, 4], [0, 0, -1, -1], [0, 0, -2, -1]]]], requires_grad=True)
        y = maxpool_torch.SeparatePool(2)(x)
        self.assertEqual(y.tolist(), [[[[3, 5], [0, -1]]]])
        y.backward(torch.tensor([[[[2.0, 6.0], [8.0, 3.0]]]]))
        self.assertEqual(x.grad.tolist(), [[[[0, 0, 2, 2], [2, 0, 2, 0], [2, 2, 1, 1], [2, 2, 0, 1]]]])

    def test_batches_are_drawn_from_the_host(self):
        import networks_torch
        import torch
        images = torch.arange(12.0).reshape(12, 1)
        batches = networks_torch.batches_from_host(images, torch.arange(12), 4)
        for _ in range(2):
            epoch = [next(batches) for _ in range(3)]
            self.assertEqual(sorted(torch.cat([labels for _, labels in epoch]).tolist()), list(range(12)))
            for some, labels in epoch:
                self.assertTrue(torch.equal(some[:, 0], labels.float()))

    def test_steps(self):
        done = peer("networks_torch.py", "--network", "lenet", "--batch-size", 4, "--steps", 2,
                    "--mode", "eager", "study")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        lines = list(map(json.loads, done.stdout.splitlines()))
        self.assertEqual([line["mode"] for line in lines], ["eager", "study"])
        for line in lines:
            median = 1e3 * 4 / line["images_per_second"]
            self.assertTrue(0 < line["first_quartile"] <= median <= line["third_quartile"])
            self.assertEqual(line["settings"]["device"], "cpu")
        done = peer("networks_torch.py", "--network", "lenet", "--batch-size", 4, "--steps", 1)
        line = json.loads(done.stdout)
        self.assertGreater(line["images_per_second"], 0)
        self.assertNotIn("first_quartile", line)

    def test_modes_of_a_cpu(self):
        done = peer("networks_torch.py", "--mode", "study", "graph")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("error: --mode: expected eager or study on a CPU, got study graph\n", done.stderr)

    def test_only_small_networks_are_timed(self):
        from benches import programs, steps
        record = {"images/s": 100.0, "peak MiB": 1.0, "faults/step": 0.0, "FLOP/s": 1e9}
        fake = mock.Mock(device="cuda", **{"bench.return_value": ([record], programs.Run("", 1.0)),
                                           "peer.return_value": ([], programs.Run("", 1.0))})
        plan = mock.Mock(networks=tuple(steps.subjects.values()), together=(("32",),), peer_bits=("32",), rounds=1,
                         modes=("eager", "study"))
        steps.measure(fake, plan)
        asked = [(call.args, call.args[call.args.index("--mode") + 1]) for call in fake.peer.call_args_list]
        self.assertEqual([mode for _, mode in asked].count("eager"), len(steps.subjects))
        studied = [options for options, mode in asked if mode == "study"]
        self.assertEqual([options[1:1 + len(one.options)] for options, one in zip(studied, steps.studied, strict=True)],
                         [one.options for one in steps.studied])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
