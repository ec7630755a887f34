# SPDX-License-Identifier: MIT
"""Small made-up results of every program of the study, as its scripts read them."""
import csv
import itertools
import json
import math
import random

betas = (0, 1, 10, 100, 1000, 10000)
machine = {"cpu": "A <fast> CPU", "cores": 2, "isa": "avx2", "compiler": "g++", "system": "Linux"}


def write(path, header, rows, settings=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header.split(","))
        writer.writerows(rows)
    (path.parent / "run.json").write_text(json.dumps(
        {"command": f"build/cpu/bin/{path.parent.name} --seed 0", "started": "2026-01-01T00:00:00Z", "version": "0.1.0",
         "threads": 2, "machine": machine, "settings": settings or {}, "resumed": []}))


def compensation(folder):
    derivative = {16: 0, 32: 2.0 ** -24, 64: 0}
    ts = ("-6", "-0.0001", "0", "0.1", "1")
    rows = [(bits, "equal", t, 0, derivative[bits], 0) for bits in (16, 32, 64) for t in ts]
    rows += [(bits, "increasing", t, 0, *[-1.5 if t == "0" else 0] * 2) for bits in (16, 32, 64) for t in ("0", "1")]
    write(folder / "compensation.csv", "bits,x,t,value,derivative,real_derivative", rows)


def zones(folder):
    draw = random.Random(1)
    share = {16: 1.0, 32: 0.5, 64: 0.0}
    pairs, ties, summary = [], [], []
    for bits, norm, size in itertools.product((16, 32, 64), ("false", "true"), (64, 512)):
        cell = ("vgg11", "cifar10", bits, norm)
        p = min(1, share[bits] * (1.6 if size == 512 else 1) * (1.2 if norm == "true" else 1))
        for replica, batch in itertools.product(range(5), range(4)):
            hit = draw.random() < p
            size_of_d = 10 ** draw.uniform(-3, -1) * {16: 1, 32: 1e-3, 64: 1e-11}[bits] if hit else 0
            kind = ("bifurcation" if bits == 16 else "compensation") if hit else "none"
            pairs.append((*cell, "volume", "native", "minimal", size, 0, replica, batch, size_of_d, kind, 0, 90, 10,
                          1000))
            positive = {16: 10 + replica, 32: 1, 64: 0}[bits]
            for layer in ("features.2", "features.5") if norm == "false" else ("features.3", "features.7"):
                ties.append((*cell, size, replica, batch, layer, 500, 40 + batch, positive))
        common = (*cell, size, "native", "minimal", 0, 5, 20)
        tau = {16: 1e-3, 32: 1e-7, 64: 1e-15}[bits]
        low, high = max(0, p - 0.1), min(1, p + 0.1)
        summary.append((*common, "zone", tau, p, low if p else 0, high if p else 0))
        shares = {"bifurcation": p if bits == 16 else 0, "compensation": 0 if bits == 16 else p, "none": 1 - p}
        for name, value in shares.items():
            summary.append((*common, name, "nan", value, max(0, value - 0.1), min(1, value + 0.1)))
    names, settings = "network,dataset,bits,batch_norm,", {"augment": "crop 4, flip"}
    write(folder / "pairs.csv", names + "init,first,second,batch_size,noise,draw,batch,difference,class,residue,"
          "zero_ties,positive_ties,windows", pairs, settings)
    write(folder / "ties.csv", names + "batch_size,draw,batch,layer,windows,zero_ties,positive_ties", ties, settings)
    write(folder / "summary.csv", names + "batch_size,first,second,noise,draws,pairs,quantity,threshold,share,low,high",
          summary, settings)


def thresholds(folder):
    draw = random.Random(2)
    rows = []
    for bits, pair, replica, batch in itertools.product((16, 32, 64), ("same", "minimal", "relu0"), range(5), range(8)):
        zero = pair == "same" or (pair, bits) == ("minimal", 16) and batch
        value = 0 if zero else 10 ** draw.uniform(-2, 1) * {16: 1e-2, 32: 1e-7, 64: 1e-16}[bits]
        rows.append(("lenet", "mnist", bits, pair, replica, batch, value, "none" if zero else "bifurcation"))
    write(folder / "differences.csv", "network,dataset,bits,pair,draw,batch,difference,class", rows)
    write(folder / "thresholds.csv", "bits,rule,tau",
          [(16, "min-positive", 1e-4), (32, "max-same", 2e-7), (64, "max-same", 3e-16),
           (64, "smallest-bifurcation", "")])


def drift(folder):
    rules = [f"beta:{beta}" for beta in betas] + ["beta:0"]
    rows = []
    for bits, (replica, rule), epoch in itertools.product((16, 32, 64), enumerate(rules), range(3)):
        same, dead = rule == "beta:0", rule == "beta:10000" and bits == 16
        scale = {16: 1, 32: 1e-4, 64: 1e-12}[bits]
        distance = 0 if same else math.nan if dead else (epoch + 1) * 10.0 ** replica * scale
        rows.append(("lenet", "mnist", bits, replica, rule, epoch, distance, distance / 1e4, 0.098 if dead else 0.9,
                     math.nan if dead else 0.3, "step 7 at pool1 (MaxPool2d)" if dead and epoch == 2 else ""))
    write(folder / "drift.csv", "network,dataset,bits,replica,rule,epoch,distance,relative_distance,test_accuracy,"
          "train_loss,collapsed", rows)


def sweep(folder):
    draw = random.Random(3)
    arithmetic = (("exact", "fused"), ("composed", "composed"), ("composed", "standard"))
    rows, pools = [], []
    for bits, (forward, backward), beta, run in itertools.product((16, 32), arithmetic, betas, range(2)):
        key = ("lenet", "mnist", bits, "sgd", "false", forward, backward, forward, beta)
        dead = bits == 16 and forward == "composed" and beta >= 1000
        accuracy = 0.098 if dead else draw.uniform(0.95, 0.97)
        loss = math.nan if dead else 0.1
        collapsed = "step 3 at pool1 (MaxPool2d)" if dead else ""
        rows.append((*key, 0.05, run, 1, loss, accuracy, loss, accuracy, collapsed, 1.5))
        noise = math.inf if beta <= 1 else (70 if bits == 16 else 140) - 10 * math.log10(beta ** 2)
        for layer in ("pool1", "pool2"):
            pools.append((*key, 0.05, run, layer, noise, 0, 50 if noise < 20 else 0, 1000))
    names = "network,dataset,bits,optimizer,batch_norm,"
    key = names + "forward,backward,test_forward,beta,lr,run,"
    write(folder / "sweep.csv", key + "epochs,train_loss,train_accuracy,test_loss,test_accuracy,collapsed,seconds",
          rows)
    write(folder / "pools.csv", key + "layer,signal_to_noise_db,nonfinite,zeroed,values", pools)
    write(folder / "search.csv", names + "beta,trial,lr,rung,epochs,score,kept",
          [("lenet", "mnist", 16, "sgd", "false", 0, trial, 0.01 * (trial + 1), 0, 1, 0.9 + 0.01 * trial,
           "true" if trial == 2 else "false")
           for trial in range(3)])


programs = {"compensation": compensation, "zones": zones, "thresholds": thresholds, "drift": drift, "sweep": sweep}


def write_all(folder):
    for name, write_results in programs.items():
        write_results(folder / name)
