# SPDX-License-Identifier: MIT
"""What the peers in PyTorch share: times as mpad's benchmarks take them, the settings they depend on, and the file of
results. On CUDA a time is that between events around a round of calls on buffers that together exceed four times the L2
cache: the host makes each call (torch...), or has made all of them a CUDA graph (graph...)."""
import argparse
import contextlib
import itertools
import json
import re
import statistics
import subprocess
import sys
import time

import torch

DTYPES = {"float": torch.float32, "half": torch.float16, "double": torch.float64}
CAPTURED = {"torch": "graph", "torch_channels_last": "graph_channels_last", "torch_compile": "graph_compile"}


def sets_for(device, size):
    """How many sets of buffers of this many bytes a round goes through."""
    if device == "cpu":
        return 1
    cache = getattr(torch.cuda.get_device_properties(0), "L2_cache_size", 64 << 20)
    return 4 * cache // size + 1


def compiled(function):
    """By torch.compile, for one shape; what a forward saves is never given away, so that a backward can run again."""
    torch._dynamo.reset()  # or it falls back to eager after a number of shapes
    from torch._functorch import config
    if hasattr(config, "donated_buffer"):
        config.donated_buffer = False
    return torch.compile(function, dynamic=False)


def training_calls(forward, backward, function, sets):
    """What to time of a function as training uses it, so that a compiler chooses what is kept in between: its forward with
    gradients recorded, and alone its backward to all arguments, for random gradients of the output."""
    function = torch.enable_grad()(function)
    leaves = [tuple(tensor.detach().requires_grad_() for tensor in arguments) for arguments in sets]

    def backwards():
        return [(y, arguments, torch.randn_like(y)) for arguments in leaves for y in (function(*arguments),)]

    def gradients(y, arguments, grad_y):
        return torch.autograd.grad(y, arguments, grad_y, retain_graph=True)

    yield forward, function, leaves
    yield backward, gradients, backwards


def round_of(call, sets, device):
    """A function that makes the calls of a round, and their number."""
    calls = list(itertools.islice(itertools.cycle(sets), len(sets) if device == "cpu" else max(len(sets), 8)))

    def run():
        for arguments in calls:
            call(*arguments)

    return run, len(calls)


def captured(run):
    """The function as a CUDA graph, behind three runs to warm up, all on the current stream: it may not be the default
    one, and a backward runs on its forward's."""
    for _ in range(3):
        run()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=torch.cuda.current_stream()):
        run()
    return graph.replay


def quartiles(run, device, seconds):
    """First quartile, median and third quartile of the seconds of run(): after one to warm up, five or more, and
    `seconds`; of those that take many times as long, three."""

    def on_cuda():
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        run()
        end.record()
        end.synchronize()
        return 1e-3 * start.elapsed_time(end)

    def on_cpu():
        start = time.perf_counter()
        run()
        return time.perf_counter() - start

    timed = on_cpu if device == "cpu" else on_cuda
    timed()
    times = []
    while len(times) < 3 or sum(times) < seconds or (len(times) < 5 and sum(times) < 20 * seconds):
        times.append(timed())
    return statistics.quantiles(times)


def record_of(name, seconds, count):
    """A record like Google Benchmark's, of the three quartiles of so many calls."""
    first, middle, third = (1e6 * quartile / count for quartile in seconds)
    return {"name": name, "real_time": middle, "time_unit": "us", "first_quartile": first, "third_quartile": third}


def line_of(record):
    """A record as text: its median, between its quartiles."""
    spread = f"{record['first_quartile']:.1f} to {record['third_quartile']:.1f}"
    return f"{record['name']:72} {record['real_time']:12.1f} {record['time_unit']} ({spread})"


def gpu_state():
    """Driver and clocks of the first GPU, as nvidia-smi says them; nothing without it."""
    fields = {"driver": "driver_version", "sm_clock": "clocks.current.sm", "sm_clock_max": "clocks.max.sm",
              "memory_clock": "clocks.current.memory", "memory_clock_max": "clocks.max.memory"}
    query = ["nvidia-smi", f"--query-gpu={','.join(fields.values())}", "--format=csv,noheader"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=60, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return {}
    values = [value.strip() for value in answer.partition("\n")[0].split(",")]
    return dict(zip(fields, values)) if len(values) == len(fields) else {}


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
            "fp16_reduced_precision": torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction,
            **gpu_state(),
        }
    return context


def choose_device(name, program):
    """cpu or cuda, where `name` may be auto; ends the program if there is no GPU."""
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        sys.exit(f"{program}: --device: expected cpu (this PyTorch finds no GPU), got cuda")
    return name


def first_line(error):
    return (str(error) or repr(error)).splitlines()[0]


def records_of(calls, wanted, device):
    """A record of each call, and on a GPU of its round as a graph, if `wanted` finds the name of the variant."""
    for name, call, sets in calls:
        what, _, variant = name.rpartition("/")
        variants = [variant, *([CAPTURED[variant]] if device == "cuda" and variant in CAPTURED else [])]
        variants = list(filter(wanted.search, variants))
        if not variants:
            continue
        run, count = round_of(call, sets() if callable(sets) else sets, device)
        for one in variants:
            try:
                timed = captured(run) if one != variant else run
            except RuntimeError as error:
                print(f"{what}/{one}: not captured: {first_line(error)}", flush=True)
                continue
            yield record_of(f"{what}/{one}", quartiles(timed, device, 0.05), count)


def parsed(description, example):
    """The command line of a peer."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--threads", type=int, default=0, help="CPU threads (default: PyTorch's choice)")
    parser.add_argument("--out", help="write the results to this JSON file")
    parser.add_argument("--filter", type=re.compile, default=re.compile(""), metavar="REGEX",
                        help=f"only what matches, of the form {example} (default: all)")
    parser.add_argument("--variants", type=re.compile, default=re.compile(""), metavar="REGEX",
                        help="only times of which the name's last part matches, such as torch (default: all)")
    parser.add_argument("--device", choices=("cpu", "cuda", "auto"), default="auto")
    return parser.parse_args()


def run_peer(program, description, subjects, calls_of, example):
    """The main function of a peer: times calls_of(subject, device) = (name, call, sets of arguments or a function that
    makes them)... for all of subjects(device) whose text matches --filter, and writes a record of each. Calls record no
    gradients, and on a GPU all run on one stream beside the default."""
    arguments = parsed(description, example)
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    device, records = choose_device(arguments.device, program), []
    context = settings(device)
    print(", ".join(f"{key} {value}" for key, value in context.items()))
    stream = torch.cuda.stream(torch.cuda.Stream()) if device == "cuda" else contextlib.nullcontext()
    with torch.no_grad(), stream:
        for text, subject in subjects(device):
            if not arguments.filter.search(text):
                continue
            try:
                for record in records_of(calls_of(subject, device), arguments.variants, device):
                    records.append(record)
                    print(line_of(record), flush=True)
            except RuntimeError as error:  # PyTorch 1.13 has few operations in half on the CPU; memory may not suffice
                print(f"{text}: skipped: {first_line(error)}")
    if arguments.out:
        with open(arguments.out, "w", encoding="utf-8") as file:
            json.dump({"context": context, "benchmarks": records}, file, indent=1)
    return 0
