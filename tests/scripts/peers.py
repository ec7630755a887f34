# SPDX-License-Identifier: MIT
"""peers.py SOURCE: bench/peers time what they say, where this Python has PyTorch, on the CPU."""
import importlib.util
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

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
        record = torch_timing.record_of("a/torch", [1e-6, 2e-6, 4e-6])
        self.assertEqual(record, {"name": "a/torch", "real_time": 2.0, "time_unit": "us", "first_quartile": 1.0,
                                  "third_quartile": 4.0})
        self.assertEqual(torch_timing.line_of(record).split(), "a/torch 2.0 us (1.0 to 4.0)".split())


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
