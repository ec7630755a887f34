# SPDX-License-Identifier: MIT
"""What the tests of programs share: calling one, and small files in the formats of MNIST and CIFAR-10."""
import gzip
import os
import pathlib
import random
import shlex
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import zlib

NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def environment():
    """This process's, without a place of real data."""
    return {name: value for name, value in os.environ.items() if name != "MPAD_DATA"}


def images(count, seed):
    """IDX bytes of images with a bright block whose place is the label, in noise."""
    random_bytes = random.Random(seed).randbytes
    pixels = bytearray(byte // 8 for byte in random_bytes(count * 784))
    for i in range(count):
        row, column = 2 + 12 * (i % 10 // 5), 2 + 5 * (i % 5)
        for y in range(row, row + 8):
            begin = 784 * i + 28 * y + column
            pixels[begin : begin + 4] = bytes([255] * 4)
    return struct.pack(">4I", 0x803, count, 28, 28) + bytes(pixels)


def labels(count):
    return struct.pack(">2I", 0x801, count) + bytes(i % 10 for i in range(count))


def write_mnist(directory, train=200, test=50, **changed):
    """Four .gz files; `changed` gives other bytes for train_images, train_labels, test_images or test_labels."""
    contents = {
        "train_images": gzip.compress(images(train, 1)), "train_labels": gzip.compress(labels(train)),
        "test_images": gzip.compress(images(test, 2)), "test_labels": gzip.compress(labels(test)),
    }
    contents.update(changed)
    directory.mkdir(parents=True)
    for name, data in zip(NAMES, contents.values()):
        (directory / (name + ".gz")).write_bytes(data)


def write_cifar10(directory):
    """8 images to train on and 4 to test on."""
    directory.mkdir()
    generator = random.Random(1)
    for name, count in (("data_batch_1.bin", 8), ("test_batch.bin", 4)):
        records = (bytes([i % 10]) + generator.randbytes(3072) for i in range(count))
        (directory / name).write_bytes(b"".join(records))


def write_png(path):
    """An image of one gray pixel."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
                     + chunk(b"IDAT", zlib.compress(bytes((0, 99)))) + chunk(b"IEND", b""))


class ProgramTest(unittest.TestCase):
    """A test of the program named on the command line, in a directory of its own."""

    program = ""
    options = ()  # that come first in each call
    environment = {}  # of each call, beside the one that all have

    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="mpad-")
        self.addCleanup(temporary.cleanup)
        self.directory = pathlib.Path(temporary.name)

    def call(self, *arguments, **options):
        return subprocess.run(
            [*self.command(), *map(str, arguments)], capture_output=True, text=True, timeout=300, check=False,
            cwd=self.directory, env={**environment(), **self.environment}, **options)

    def killed(self, seconds, *arguments):
        """Whether a call was still at work after so many seconds, and was killed."""
        with subprocess.Popen([*self.command(), *map(str, arguments)], cwd=self.directory, stdout=subprocess.DEVNULL,
                              env=environment()) as process:
            time.sleep(seconds)
            process.kill()
        self.assertIn(process.returncode, (0, -signal.SIGKILL))
        return process.returncode != 0

    def kill_often(self, whole, *arguments):
        """Kills calls at random moments within half of the `whole` seconds that one takes, one of them at least."""
        moments = random.Random(7)
        self.assertIn(True, [self.killed(moments.uniform(0, 0.5 * whole), *arguments) for _ in range(8)])

    def check_misuses(self, misuses):
        """Each of these calls ends with code 2 after one line that has the message, and writes nothing."""
        before = sorted(self.directory.iterdir())
        for arguments, message in misuses.items():
            with self.subTest(arguments):
                result = self.call(*shlex.split(arguments))
                self.assertEqual((result.returncode, result.stdout), (2, ""))
                self.assertRegex(result.stderr, rf"^{pathlib.Path(self.program).name}: [^\n]+\n$")
                self.assertIn(message, result.stderr)
                self.assertEqual(sorted(self.directory.iterdir()), before)

    def command(self):
        return [self.program, *self.options]


class TrainerTest(ProgramTest):
    """A test of a training program, on the CPU whatever the build has."""

    options = ("--device", "cpu")


def main():
    """Runs the tests on the program that is the first argument."""
    ProgramTest.program = os.path.abspath(sys.argv.pop(1))
    unittest.main()
