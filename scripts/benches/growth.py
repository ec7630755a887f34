# SPDX-License-Identifier: MIT
"""How the time of a step grows with the batch, and a process's memory over 1,000 steps."""
import re

from benches import steps

title = "Growth with the batch and with the steps, 32 bits"


def measure(programs, plan):
    measured = {}
    for subject in plan.networks[:2]:
        times = {}
        for record in programs.bench("bench_step", f"^growth/{subject.name}/")[0]:
            times[re.search(r"batch:(\d+)", record["name"])[1]] = record["real_time"]
        measured[subject.title] = {"milliseconds": times, "resident_mib": {}}
    if plan.thousand:
        (record,), _ = programs.bench("bench_step", "^thousand/lenet/")
        found = {int(key.removeprefix("MiB after ")): value for key, value in record.items()
                 if key.startswith("MiB after ")}
        measured[steps.lenet.title]["resident_mib"] = dict(sorted(found.items()))  # records sort their keys as text
    return measured


def table(results):
    yield "| network | batch | ms per step | us per image |"
    yield "|---|--:|--:|--:|"
    for network, grown in results.items():
        for batch, time in grown["milliseconds"].items():
            yield f"| {network} | {batch} | {time:.2f} | {1000 * time / int(batch):.1f} |"
    for network, grown in results.items():
        if memory := grown["resident_mib"]:
            kept = (f"{value:.1f} MiB after {steps}" for steps, value in memory.items())
            yield f"\n{network}, batch 128, memory by steps: {', '.join(kept)}."


def figure(heading, results, _):
    """Time per step against batch, beside a straight line; memory against steps."""
    from studies.plots.style import grid, legend_below

    drawn, ((time, memory),) = grid(1, 2, heading, width=4.2)
    for colour, (network, grown) in zip(("#0072b2", "#d55e00"), results.items()):
        batches = [int(batch) for batch in grown["milliseconds"]]
        times = list(grown["milliseconds"].values())
        time.loglog(batches, times, "o", color=colour, label=network, base=2)
        time.loglog(batches, [times[-1] * batch / batches[-1] for batch in batches], color=colour, linewidth=0.8,
                    label=f"{network}, in proportion to the batch", base=2)
        if kept := grown["resident_mib"]:
            memory.plot(list(kept), list(kept.values()), "o-", color=colour, label=network)
    time.set(title="Time of a step", xlabel="images in a batch", ylabel="milliseconds")
    memory.set(title="Memory, batch 128", xlabel="steps", ylabel="MiB of the process", ylim=(0, None))
    for axis in (time.xaxis, time.yaxis):
        axis.set_major_formatter("{x:g}")
    legend_below(drawn, ((time,),))
    return drawn
