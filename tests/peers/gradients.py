# SPDX-License-Identifier: MIT
"""gradients.py PROGRAM [--all]: loss, gradients and running statistics of every network agree with PyTorch's in double, from the
same weights, which travel as safetensors. Exits with 4 where there is no PyTorch."""
import itertools
import json
import math
import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest

try:
    import numpy
    import torch
    from torch import nn
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(4)

import torch_networks

PROGRAM = ""
# Network, depth, stem, batch normalisation. --all takes each with and without, and with each rule, which takes minutes.
NETWORKS = [("lenet", 0, "", False), ("lenet", 0, "", True), ("vgg", 11, "", False), ("vgg", 11, "", True),
            ("resnet", 18, "cifar", False), ("resnet", 18, "cifar", True), ("resnet", 50, "imagenet-3x3", True),
            ("densenet", 121, "", True), ("densenet", 121, "study-norms", True)]
MORE = [("vgg", 13, ""), ("vgg", 16, ""), ("vgg", 19, ""), ("resnet", 18, "imagenet"), ("resnet", 34, "cifar"),
        ("resnet", 50, "imagenet-3x3"), ("densenet", 121, "")]
TIED = [("lenet", 0, "", False, "minimal"), ("lenet", 0, "", True, "beta:10"), ("vgg", 11, "", False, "beta:10"),
        ("resnet", 18, "imagenet-3x3", True, "minimal"), ("resnet", 50, "cifar", True, "beta:10"),
        ("densenet", 121, "", True, "minimal")]
RULES = {"native": None, "minimal": 1, "beta:10": 10}  # and the beta of TiedMaxPool; native is PyTorch's own
TOLERANCE = 1e-10  # of a tensor's largest gradient; double rounds at 1e-16, and sums over some 1e5 products cancel


def write_safetensors(path, tensors):
    header, data = {"__metadata__": {"format": "pt"}}, b""
    kinds = {torch.float64: "F64", torch.int32: "I32", torch.int64: "I64"}
    parts, offset = [], 0
    for name, tensor in tensors.items():
        part = tensor.detach().contiguous().numpy().tobytes()
        header[name] = {"dtype": kinds[tensor.dtype], "shape": list(tensor.shape),
                        "data_offsets": [offset, offset + len(part)]}
        offset += len(part)
        parts.append(part)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data.join(parts))


def read_safetensors(path):
    data = path.read_bytes()
    begin = 8 + struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:begin])
    header.pop("__metadata__")
    tensors = {}
    for name, entry in header.items():
        first, last = (begin + offset for offset in entry["data_offsets"])
        tensors[name] = torch.from_numpy(numpy.frombuffer(data[first:last], "<f8").reshape(entry["shape"]).copy())
    return tensors


class TiedMaxPool(nn.Module):
    """MaxPool that gives (1 - beta) of the gradient to the first maximum and beta to all in equal parts: by the definition,
    window element after window element."""

    ties = 0  # windows so far with more than one maximum above 0

    def __init__(self, beta, window, stride=None, pad=0):
        super().__init__()
        self.beta, self.window, self.stride, self.pad = beta, window, stride or window, pad

    def forward(self, x):
        padded = nn.functional.pad(x, [self.pad] * 4, value=-math.inf)
        elements = [padded[:, :, i : padded.shape[2] - self.window + i + 1 : self.stride,
                           j : padded.shape[3] - self.window + j + 1 : self.stride]
                    for i in range(self.window) for j in range(self.window)]
        windows = torch.stack(elements)
        with torch.no_grad():
            tied = windows == windows.max(0).values
            count = tied.sum(0)
            TiedMaxPool.ties += int(((count > 1) & (windows.max(0).values > 0)).sum())
            first = tied & (tied.cumsum(0) == 1)
            weight = self.beta * tied.to(x.dtype) / count + (1 - self.beta) * first.to(x.dtype)
        chosen = (torch.where(tied, windows, torch.zeros_like(windows)) * weight).sum(0)
        return windows.max(0).values.detach() + (chosen - chosen.detach())  # the maximum, with this gradient


def integers(shape, low, high, generator):
    return torch.randint(low, high + 1, shape, generator=generator).double()


def make_batches(shape, planted, generator):
    """Two batches of images and labels; `planted`: of few values, so that sums of them repeat exactly."""
    batches = []
    for _ in range(2):
        images = integers(shape, -1, 1, generator) if planted else torch.randn(shape, generator=generator).double()
        batches.append((images, torch.randint(10, shape[:1], generator=generator)))
    return batches


def plant_ties(model):
    """Makes the first convolution's outputs multiples of 1/4: exact in any order of summation. Convolutions between it and
    the first pool copy channels, so that what ties goes on to."""
    before_pool = itertools.takewhile(lambda module: not isinstance(module, TiedMaxPool), model.modules())
    first, *others = (module for module in before_pool if isinstance(module, nn.Conv2d))
    with torch.no_grad():
        for parameter in first.parameters():
            parameter.copy_((parameter / parameter.abs().max() * 1.4).round() / 4)
        for convolution in others:
            weight = convolution.weight
            weight.zero_()
            for k in range(weight.shape[0]):
                weight[k, k % weight.shape[1], weight.shape[2] // 2, weight.shape[3] // 2] = 0.25


def scales(gradients):
    """What errors of each gradient are measured by: its largest element. Normalisation makes no difference of what is
    added or multiplied before it: the bias of a convolution, or the weight of another normalisation, then has next to no
    gradient, and rounding (PyTorch's moves by 1e-10 of it if weights move by half a unit) is measured by the largest
    element beside it, of the weight or the bias."""
    def beside(name):
        last = name.rpartition(".")[2]
        if last == "weight" and gradients[name].dim() == 1:
            return name.replace(".weight", ".bias")
        return name.replace(".bias", ".weight") if last == "bias" else name

    largest = {name: float(gradient.abs().max()) for name, gradient in gradients.items()}
    return {name: max(size, largest[beside(name)]) for name, size in largest.items()}


class Gradients(unittest.TestCase):
    def compare(self, name, depth, stem, batch_norm, ties="native"):
        generator = torch.Generator().manual_seed(depth + 1000 * batch_norm)
        torch.manual_seed(depth)
        beta = RULES[ties]
        options = {"batch_norm": batch_norm}
        if beta is not None:
            options["pool"] = lambda *window: TiedMaxPool(beta, *window)
        if name in ("vgg", "resnet"):
            options["depth"] = depth
        if name == "densenet":
            options["study_norms"] = stem == "study-norms"
        if name == "resnet":
            options["stem"] = stem
        model = getattr(torch_networks, name)(**options).double()
        if beta is not None:
            plant_ties(model)
        side = {"lenet": 28, "vgg": 32}.get(name, 32 if stem == "cifar" else 64)
        batches = make_batches((2, 1 if name == "lenet" else 3, side, side), beta is not None, generator)
        with tempfile.TemporaryDirectory(prefix="mpad-") as directory:
            self.check(model, batches, pathlib.Path(directory), [name, depth, stem, int(batch_norm), ties])

    def test_native_rule(self):
        for network in NETWORKS:
            with self.subTest(network):
                self.compare(*network)

    def test_tied_maxima(self):
        for network in TIED:
            with self.subTest(network):
                TiedMaxPool.ties = 0
                self.compare(*network)
                self.assertGreater(TiedMaxPool.ties, 100)

    def check(self, model, batches, directory, network):
        weights = {key: value.clone() for key, value in model.state_dict().items()}
        write_safetensors(directory / "weights", weights)
        write_safetensors(directory / "batches", {
            f"{kind}.{k}": tensor for k, (images, labels) in enumerate(batches)
            for kind, tensor in (("images", images.permute(0, 2, 3, 1)), ("labels", labels.int()))})
        command = [PROGRAM, *map(str, network), *(directory / file for file in ("weights", "batches", "out"))]
        losses = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        self.assertEqual(len(losses), len(batches))
        for k, (images, labels) in enumerate(batches):
            model.load_state_dict(weights)
            model.zero_grad()
            loss = nn.functional.cross_entropy(model(images), labels)
            loss.backward()
            self.assertLess(abs(float(losses[k]) - loss.item()) / loss.item(), TOLERANCE)
            got = read_safetensors(directory / f"out.{k}")
            want = {key: parameter.grad for key, parameter in model.named_parameters()}
            want.update((key, value) for key, value in model.named_buffers() if not key.endswith("num_batches_tracked"))
            self.assertEqual(set(got), set(want))
            sizes = scales(want)
            for key, value in want.items():
                error = float((got[key] - value).abs().max()) / sizes[key]
                self.assertLess(error, TOLERANCE, f"{key} of batch {k}")
            model.load_state_dict(got, strict=True)  # what was written is a state dict of this module


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    if "--all" in sys.argv:
        sys.argv.remove("--all")
        NETWORKS += [(*network, batch_norm) for network in MORE for batch_norm in (False, True)]
        TIED += [(*network, rule) for network in NETWORKS for rule in ("minimal", "beta:10")]
    unittest.main()
