# SPDX-License-Identifier: MIT
"""networks.py PROGRAM: what the command lines of vgg, resnet and densenet have beside lenet's."""
import json
import os
import struct

import support

# What tells the programs apart: the network's name in run.json, some wrong command lines, a weight and its shape.
PROGRAMS = {
    "vgg": {"network": "vgg11", "misuses": {"--depth 12": "--depth: expected 11|13|16|19, got 12"},
            "weight": ("features.3.weight", [128, 64, 3, 3]), "arguments": []},
    "resnet": {"network": "resnet18, stem imagenet-3x3",
               "misuses": {"--depth 101": "--depth: expected 18|34|50, got 101",
                           "--stem imagnet": "--stem: expected cifar|imagenet|imagenet-3x3, got 'imagnet' (did you mean 'imagenet'?)"},
               "weight": ("layer1.0.conv1.weight", [64, 64, 3, 3]), "arguments": ["--stem", "imagenet-3x3"]},
    "densenet": {"network": "densenet121, study norms",
                 "misuses": {"--depth 169": "--depth: expected 121, got 169", "--study-norms": "--study-norms: expected --batch-norm"},
                 "weight": ("features.transition1.conv.weight", [128, 256, 1, 1]), "arguments": ["--batch-norm", "--study-norms"]},
}
MISUSES = {
    "--pool mox": "--pool: expected max|average|norm, got 'mox' (did you mean 'max'?)",
    "--pool norm --pool-backward standard": "--pool: expected max with --pool-forward exact and --pool-backward standard, got norm",
    "--norm-at-zero nan": "--norm-at-zero: expected a finite number, got nan",
    "--image-size 0": "--image-size: expected 1 to 4096, got 0",
    "--workers -1": "--workers: expected 0 to 1024, got -1",
    "--depth x": "--depth: expected a whole number, got 'x'",
    "--dataset cifar": "--dataset: expected cifar10|cifar100|svhn|imagenet|image-folder|synthetic, got 'cifar' (did you mean",
}
OPTIONS = "--depth --augment --image-size --workers --pool --norm-at-zero --weights --export".split()


def read_tensors(path):
    """Shape and bytes by name, and metadata, of a safetensors file."""
    data = path.read_bytes()
    begin = 8 + struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:begin])
    metadata = header.pop("__metadata__", {})
    return {name: (entry["shape"], data[begin + entry["data_offsets"][0] : begin + entry["data_offsets"][1]])
            for name, entry in header.items()}, metadata


class Networks(support.ProgramTest):
    def setUp(self):
        super().setUp()
        self.name = os.path.basename(self.program)
        self.facts = PROGRAMS[self.name]

    def train(self, *arguments):
        small = ("--epochs", "1", "--train-limit", "4", "--test-limit", "2", "--batch-size", "2", "--quiet")
        return self.call(*small, *self.facts["arguments"], *arguments)

    def settings(self, out="out"):
        return json.loads((self.directory / out / "run.json").read_text(encoding="utf-8"))["settings"]

    def test_help_lists_every_option(self):
        result = self.call("--help")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        for option in OPTIONS:
            self.assertRegex(result.stdout, rf"(?m)^ *{option}\b")

    def test_misuse_is_one_line_and_code_2(self):
        self.check_misuses({**MISUSES, **self.facts["misuses"]})

    def test_trains_on_drawn_images_by_default(self):
        result = self.train("--out", "out", "--pool", "norm", "--norm-at-zero", "1")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertRegex(result.stdout, rf"^{self.name}: test accuracy \d+\.\d\d % ")
        settings = self.settings()
        self.assertEqual([settings[name] for name in ("network", "dataset", "augment", "pool", "norm-at-zero", "weights")],
                         [self.facts["network"], "synthetic-colours", "none", "norm", 1, "none"])

    def test_trains_on_cifar10_augmented(self):
        support.write_cifar10(self.directory / "cifar10")
        result = self.train("--data", self.directory, "--augment", "--out", "out")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        settings = self.settings()
        self.assertEqual([settings["dataset"], settings["augment"]], ["cifar10", "crop 4, flip"])

    def test_finds_cifar10_as_it_is_unpacked(self):
        support.write_cifar10(self.directory / "cifar-10-batches-bin")
        self.environment = {"MPAD_DATA": str(self.directory)}
        self.assertEqual(self.train("--out", "out").returncode, 0)
        self.assertEqual(self.settings()["dataset"], "cifar10")

    def test_a_limited_folder_has_images_of_all_classes(self):
        names = ("train/a/0", "train/a/1", "train/b/0", "train/b/1", "val/a/0", "val/b/0")
        for number, (damaged, said) in enumerate({"train/a/1": "", "train/b/0": "train/b/0.png: "}.items()):
            folder = self.directory / str(number)
            for name in names:
                support.write_png(folder / f"{name}.png")
            (folder / f"{damaged}.png").write_bytes(b"damaged")
            result = self.call("--data", folder, "--dataset", "image-folder", "--image-size", "32", "--train-limit", "2",
                               "--batch-size", "2", "--epochs", "1", *self.facts["arguments"])
            self.assertEqual(result.returncode, 1 if said else 0, result.stderr)
            self.assertIn(said, result.stderr)

    def test_weights_go_out_and_come_in(self):
        self.assertEqual(self.train("--export", "first.safetensors").returncode, 0)
        first, metadata = read_tensors(self.directory / "first.safetensors")
        name, shape = self.facts["weight"]
        self.assertEqual((first[name][0], metadata), (shape, {"format": "pt"}))
        # Where steps change nothing (but the running statistics), what comes in goes out.
        still = ("--lr", "0", "--weights", "first.safetensors", "--export", "second.safetensors", "--out", "out")
        result = self.train(*still)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        second, _ = read_tensors(self.directory / "second.safetensors")
        self.assertEqual(list(first), list(second))
        self.assertEqual([name for name in first if first[name] != second[name] and "running" not in name], [])
        self.assertRegex(self.settings()["weights"], "^crc32:[0-9a-f]{8}$")

    def test_weights_that_do_not_fit_leave_no_trace(self):
        header = json.dumps({"extra": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
        (self.directory / "damaged.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(4))
        result = self.train("--weights", "damaged.safetensors", "--out", "out")
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertRegex(result.stderr, rf"^{self.name}: damaged\.safetensors: expected the tensors of [^\n]*; missing: [^\n]*; unexpected: extra\n$")
        result = self.train("--export", "none/x.safetensors", "--out", "out")
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertEqual(result.stderr, f"{self.name}: --export: expected a file in a directory that is there, got "
                                        "'none/x.safetensors'\n")
        result = self.train("--weights", "none", "--out", "out")
        self.assertEqual((result.returncode, result.stderr), (1, f"{self.name}: cannot read none: No such file or directory\n"))
        self.assertFalse((self.directory / "out").exists())


if __name__ == "__main__":
    support.main()
