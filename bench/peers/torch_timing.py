# SPDX-License-Identifier: MIT
"""What the peers in PyTorch share: times as mpad's benchmarks take them, the settings they depend on, and the file of
results. On CUDA a time is that between events around a round of calls on buffers that together exceed four times the L2
cache."""
import argparse
import itertools
import json
import re
import statistics
import sys
import time

import torch

DTYPES = {"float": torch.float32, "half": torch.float16, "double": torch.float64}


def sets_for(device, size):
    """How many sets of buffers of this many bytes a round goes through."""
    if device == "cpu":
        return 1
    cache = getattr(torch.cuda.get_device_properties(0), "L2_cache_size", 64 << 20)
    return 4 * cache // size + 1


def quartiles(call, sets, device, seconds):
    """First quartile, median and third quartile over rounds of the mean time of call(*set): after one to warm up, five
    rounds or more, and `seconds`; of rounds that take many times as long, three."""
    calls = list(itertools.islice(itertools.cycle(sets), len(sets) if device == "cpu" else max(len(sets), 8)))

    def cuda_round():
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        for arguments in calls:
            call(*arguments)
        end.record()
        end.synchronize()
        return 1e-3 * start.elapsed_time(end)

    def cpu_round():
        start = time.perf_counter()
        for arguments in calls:
            call(*arguments)
        return time.perf_counter() - start

    one_round = cpu_round if device == "cpu" else cuda_round
    one_round()
    times = []
    while len(times) < 3 or sum(times) < seconds or (len(times) < 5 and sum(times) < 20 * seconds):
        times.append(one_round())
    return [quartile / len(calls) for quartile in statistics.quantiles(times)]


def record_of(name, seconds):
    """A record like Google Benchmark's, of a call's three quartiles."""
    first, middle, third = (1e6 * quartile for quartile in seconds)
    return {"name": name, "real_time": middle, "time_unit": "us", "first_quartile": first, "third_quartile": third}


def line_of(record):
    """A record as text: its median, between its quartiles."""
    spread = f"{record['first_quartile']:.1f} to {record['third_quartile']:.1f}"
    return f"{record['name']:72} {record['real_time']:12.1f} {record['time_unit']} ({spread})"


def settings(device):
    """What the times depend on."""
    context = {
        "torch": torch.__version__,
        "device": device,
        "threads": torch.get_num_threads(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
    }
    if device == "cuda":
        context |= {
            "gpu": torch.cuda.get_device_name(0),
            "capability": ".".join(map(str, torch.cuda.get_device_capability(0))),
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),
            "cudnn_deterministic": torch.backends.cudnn.deterministic,
            "cudnn_benchmark": torch.backends.cudnn.benchmark,
            "tf32_matmul": torch.backends.cuda.matmul.allow_tf32,
            "tf32_cudnn": torch.backends.cudnn.allow_tf32,
        }
    return context


def choose_device(name, program):
    """cpu or cuda, where `name` may be auto; ends the program if there is no GPU."""
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        sys.exit(f"{program}: --device: expected cpu (this PyTorch finds no GPU), got cuda")
    return name


def run_peer(program, description, subjects, calls_of, example):
    """The main function of a peer: times calls_of(subject, device) = (name, call, sets of arguments)... for all of
    subjects(device) whose text matches --filter, and writes a record of each."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--threads", type=int, default=0, help="CPU threads (default: PyTorch's choice)")
    parser.add_argument("--out", help="write the results to this JSON file")
    parser.add_argument("--filter", type=re.compile, default=re.compile(""), metavar="REGEX",
                        help=f"only what matches, of the form {example} (default: all)")
    parser.add_argument("--variants", type=re.compile, default=re.compile(""), metavar="REGEX",
                        help="only times of which the name's last part matches, such as torch (default: all)")
    parser.add_argument("--device", choices=("cpu", "cuda", "auto"), default="auto")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    device, records = choose_device(arguments.device, program), []
    context = settings(device)
    print(", ".join(f"{key} {value}" for key, value in context.items()))
    with torch.no_grad():
        for text, subject in subjects(device):
            if not arguments.filter.search(text):
                continue
            try:
                for name, call, sets in calls_of(subject, device):
                    if not arguments.variants.search(name.rpartition("/")[2]):
                        continue
                    records.append(record_of(name, quartiles(call, sets, device, 0.05)))
                    print(line_of(records[-1]), flush=True)
            except RuntimeError as error:  # PyTorch 1.13 has few operations in half on the CPU; memory may not suffice
                print(f"{text}: skipped: {str(error).splitlines()[0]}")
    if arguments.out:
        with open(arguments.out, "w", encoding="utf-8") as file:
            json.dump({"context": context, "benchmarks": records}, file, indent=1)
    return 0
