# SPDX-License-Identifier: MIT
"""What the study runs, in which order: all of it in small within twenty minutes, or the most valuable on a GPU."""
from dataclasses import dataclass, field

from studies.places import place_of

betas = "0,1,10,100,1000,10000"
cells = 12  # of six betas, exact and composed
share_of_collapse = 0.6  # of all the time, for the first of them


@dataclass
class Stage:
    """One call of a program."""
    name: str  # its folder of results
    program: str
    arguments: list
    environment: dict = field(default_factory=dict)
    share: float = 1  # of the time that is left
    continues: bool = True  # whether the program goes on where it was stopped, and takes --minutes


class Plan:
    """Stages on the data at hand; images drawn on the spot in place of what is missing."""

    def __init__(self, data):
        self.places = {dataset: place_of(dataset, data) for dataset in ("mnist", "cifar10")}

    def missing(self):
        return [dataset for dataset, place in self.places.items() if not place]

    def stage(self, program, network, dataset, arguments, name="", **options):
        place = self.places[dataset]
        source = dataset if place else "synthetic"
        option = "--networks" if program == "sweep" else "--network"
        return Stage(f"{program}/{network}-{source}{name}", program,
                     [option, network, "--dataset", source, *arguments.split()],
                     {"MPAD_DATA": str(place)} if place else {}, **options)

    def small(self):
        """All programs, the slowest last.

        Of 32 bits, whose shares are neither 0 nor 1, there are the most sizes and draws. Crops with black borders tie
        where the images do not, so CIFAR-10's are compared as they are, too. Where LeNet-5 collapses at beta 1000, it
        does so around its 80th step: 157 steps tell.
        """
        lenet, vgg = ("lenet", "mnist"), ("vgg11", "cifar10")
        zones = "--batch-norm off,on --draws"
        augmented = f"--augment {zones}"
        sizes = "--batch-size 64,128,256,512"
        collapse = "--bits 16 --batch-norm on --epochs 3 --runs 2 --lr 0.0185 --betas"
        return [
            Stage("compensation", "compensation", [], continues=False),
            self.stage("sweep", *lenet, f"--train-limit 20000 --bits 16,32 --betas {betas} --epochs 1 --runs 2 --lr 0.05 "
                       "--pool-forward exact,composed --pool-backward fused,composed,standard"),
            self.stage("sweep", *vgg, f"{collapse} 0,1000,10000 --pool-forward exact --pool-backward fused", "-exact"),
            self.stage("sweep", *vgg, f"{collapse} 1000,10000 --pool-forward composed --pool-backward composed",
                       "-composed"),
            self.stage("drift", *lenet, "--train-limit 10000 --epochs 3 --bits 16,32,64 --lr 0.01"),
            self.stage("thresholds", *lenet, "--draws 5 --batches 10 --bits 16,32,64"),
            self.stage("zones", *lenet, f"{zones} 10 --batches 8 --bits 16,32,64 {sizes}"),
            self.stage("zones", *vgg, f"{augmented} 5 --batches 1 --bits 16,64 --batch-size 64,256", "-16-64"),
            self.stage("zones", *vgg, f"{zones} 20 --batches 1 --bits 32 --batch-size 128", "-32-as-they-are"),
            self.stage("zones", *vgg, f"{augmented} 40 --batches 1 --bits 32 --batch-size 64,128",
                       "-32-small-batches"),
            self.stage("zones", *vgg, f"{augmented} 20 --batches 1 --bits 32 --batch-size 256,512",
                       "-32-large-batches"),
        ]

    def calibration(self):
        """An epoch of what `full` spends its time on, to know how many fit."""
        return self.stage("sweep", "vgg11", "cifar10", "--augment --bits 16 --batch-norm on --betas 0 --lr 0.0185 "
                          "--epochs 1 --runs 1", "-calibration", continues=False)

    def full(self, epochs, runs):
        """The collapse first, with the causes apart; then what the small study shows, at the study's size."""
        def sweep(network, rate, bits, batch_norm, share):
            name = f"-{bits}{'-bn' if batch_norm == 'on' else ''}"
            grid = f"--augment --bits {bits} --batch-norm {batch_norm} --betas {betas}"
            training = f"--lr {rate} --epochs {epochs} --runs {runs}"
            exact, composed = (
                self.stage("sweep", network, "cifar10", f"{grid} --pool-forward {forward} --pool-backward {back} "
                           f"{training}", f"{name}-{forward}")
                for forward, back in (("exact", "fused"), ("composed", "composed")))
            exact.share = share / 2
            composed.share = share / 2 / (1 - share / 2)
            return exact, composed

        zones = "--augment --bits 16,32,64 --batch-norm off,on"
        return [
            *sweep("vgg11", 0.0185, 16, "on", share_of_collapse),
            Stage("compensation", "compensation", [], continues=False),
            self.stage("zones", "vgg11", "cifar10", f"{zones} --draws 5 --batch-size 128", share=0.5),
            self.stage("thresholds", "lenet", "mnist", "--draws 5 --bits 16,32,64", share=0.3),
            self.stage("drift", "vgg11", "cifar10", "--bits 16,32,64 --epochs 5 --lr 0.01", share=0.5),
            *sweep("vgg11", 0.0182, 16, "off", 0.5),
            *sweep("vgg11", 0.0382, 32, "off", 0.5),
            *sweep("resnet18", 0.0298, 16, "on", 0.5),
            self.stage("zones", "vgg11", "cifar10", f"{zones} --draws 5 --batch-size 64,256,512,1024", "-batch-sizes"),
            *(self.stage("zones", network, "cifar10", f"{zones} --draws 5 --batch-size 128")
              for network in ("vgg13", "vgg16", "vgg19")),
        ]


def fitting(seconds, epoch):
    """(epochs, runs) of all cells in so many seconds, if an epoch takes `epoch`: the study's 200 and 10 at most."""
    epochs = int(seconds / (cells * epoch))
    return (200, min(10, epochs // 200)) if epochs >= 200 else (max(3, epochs), 1)
