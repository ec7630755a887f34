# SPDX-License-Identifier: MIT
"""Accuracy and collapse by beta, beside the published trainings; pools and learning rates."""
import math

from studies import intervals, text
from studies.files import group, numbers, published, published_like
from studies.tables.table import Table, agree, differ

training = ("network", "dataset", "bits", "optimizer", "batch_norm")
arithmetic = ("forward", "backward", "test_forward")
columns = (*training, *arithmetic, "beta")
size = ("planned", "images", "augmented")  # epochs that a training was to have (one that collapses has not), of what


def _with_size(results, found):
    for row in found:
        row |= {"planned": str(results.settings(row["folder"]).get("epochs", "")),
                "images": results.of_data(row, "train-images")}
    return found


def rows(results):
    return _with_size(results, results.rows("sweep", "sweep", *columns, "lr", "run", "epochs", "train_accuracy",
                                            "test_accuracy", "test_loss", "collapsed"))


def pools(results):
    return _with_size(results, results.rows("sweep", "pools", *columns, "layer", "signal_to_noise_db", "nonfinite",
                                            "zeroed", "values"))


def size_text(row):
    """"3 epochs of 2,000 images"; empty where it is not known."""
    if not row["planned"]:
        return ""
    return f"{row['planned']} epoch{'s' if row['planned'] != '1' else ''} of {int(row['images']):,} images"


def collapsed(row):
    """A run whose loss was not finite."""
    return bool(row["collapsed"]) or not math.isfinite(float(row["test_loss"]))


def at_chance(row):
    """A run that lives and has learned nothing: accuracies, of training too, of at most 1.5 times that of guessing."""
    accuracy = max(float(row["test_accuracy"]), float(row["train_accuracy"]))
    return not collapsed(row) and accuracy * _classes.get(row["dataset"], 10) <= 1.5


_classes = {"cifar100": 100, "imagenet": 1000}  # the others have 10


def fails(row):
    return collapsed(row) or at_chance(row)


def arithmetic_name(row):
    """Forward and backward, and the forward that tests where it is another."""
    test = "" if row["test_forward"] in ("", row["forward"]) else f", tested {row['test_forward']}"
    return f"{row['forward']}/{row['backward']}{test}"


def sized_name(row):
    """The name of a training and its size."""
    return ", ".join(part for part in (training_name(row), size_text(row)) if part)


def training_name(row):
    return f"{text.setting(row)}, {row['optimizer']}, {text.bits(row['bits'])}, {text.normalised(row['batch_norm'])}"


def betas(found):
    return sorted({float(row["beta"]) for row in found})


def _beta_names(found):
    return [f"beta {text.number(beta)}" for beta in found]


def accuracy(runs):
    """(mean, low, high) of the accuracy of the runs that live; None if none does."""
    living = [row for row in runs if not collapsed(row)]
    return intervals.mean_share(numbers(living, "test_accuracy")) if living else None


def failures(runs):
    """How many runs collapsed, and how many are at chance."""
    return sum(map(collapsed, runs)), sum(map(at_chance, runs))


def failures_text(runs):
    """"2/2 collapsed, 1/2 at chance"; empty if all learn."""
    counts = zip(failures(runs), ("collapsed", "at chance"))
    return ", ".join(f"{count}/{len(runs)} {what}" for count, what in counts if count)


def _cell_text(runs):
    score = accuracy(runs)
    return ", ".join(part for part in (text.percent(*score) if score else "", failures_text(runs)) if part)


def published_training(row):
    """Published trainings of the same network, data, precision, optimizer and normalisation, by beta."""
    return {float(other["beta"]): other for other in published_like(row, "training", *training)}


def _published_text(row):
    dead, runs = int(row["collapsed"]), int(row["runs"])
    return ", ".join(([text.percent(float(row["test_accuracy"]))] if dead < runs else [])
                     + ([f"{dead}/{runs} collapsed"] if dead else []))


def differing(by_beta, known):
    """Betas at which most of our runs fail and most of the published ones do not, or the other way round."""
    return [beta for beta, runs in by_beta.items() if beta in known
            and (2 * sum(failures(runs)) > len(runs)) != (2 * int(known[beta]["collapsed"]) > int(known[beta]["runs"]))]


def _verdict(name, by_beta, known):
    if name != "composed/composed" or not known:
        return ""
    wrong = differing(by_beta, known)
    return f"{differ} at beta {', '.join(map(text.number, wrong))}" if wrong else agree


def _training(found):
    all_betas = betas(found)
    body = []
    for _, same in group(found, *training).items():
        known = published_training(same[0])
        for _, cells in group(same, *size, *arithmetic).items():
            row, name = cells[0], arithmetic_name(cells[0])
            by_beta = {beta: [run for run in cells if float(run["beta"]) == beta] for beta in betas(cells)}
            epochs = size_text(row) or text.span(numbers(cells, "epochs"), text.number)
            body.append((training_name(row), name, epochs, text.span(numbers(cells, "lr"), text.number),
                         *(_cell_text(by_beta[beta]) if beta in by_beta else "" for beta in all_betas),
                         _verdict(name, by_beta, known)))
        if known:
            first = next(iter(known.values()))
            body.append((training_name(same[0]), "published", first["epochs"], "",
                         *(_published_text(known[beta]) if beta in known else "" for beta in all_betas), ""))
    if body:
        yield Table("training", "Test accuracy by beta",
                    ("training", "forward/backward", "epochs", "rate", *_beta_names(all_betas), "verdict"), body,
                    "Means over the runs that live, with 95 % intervals by Student's t. Beside them the runs that "
                    "collapsed (the loss was not finite), and those that live at chance: accuracies, of training too, "
                    "of at most 1.5 times that of guessing. The verdict is on failure, one or the other, of most runs "
                    "at each beta; accuracies do not compare where epochs differ.")


def mean_of(found, column):
    """The mean of a column's finite values; NaN if there are none."""
    values = [value for value in numbers(found, column) if math.isfinite(value)]
    return sum(values) / len(values) if values else math.nan


def _pools(found):
    all_betas = betas(found)
    body = []
    for _, cells in group(found, *training, *size, *arithmetic, "layer").items():
        row = cells[0]
        body.append((sized_name(row), arithmetic_name(row), row["layer"],
                     *(_pool_text([run for run in cells if float(run["beta"]) == beta]) for beta in all_betas)))
    if body:
        yield Table("pools", "Signal-to-noise of pools in dB, by beta",
                    ("training", "forward/backward", "layer", *_beta_names(all_betas)), body,
                    "Of what the composed forward makes of the maxima of a trained network's pool, whatever forward it "
                    "was trained with; mean over runs. In brackets the shares of values that are not finite and that "
                    "became 0. A run that collapsed leaves weights that are not finite.")


def _pool_text(runs):
    if not runs:
        return ""
    noise = numbers(runs, "signal_to_noise_db")
    total = sum(numbers(runs, "values"))
    shares = [sum(numbers(runs, name)) / total if total else 0 for name in ("nonfinite", "zeroed")]
    signal = "exact" if all(value == math.inf for value in noise) else text.number(mean_of(runs, "signal_to_noise_db"))
    return signal + (f" ({text.percent(shares[0])}, {text.percent(shares[1])})" if any(shares) else "")


def _rates(found):
    known = {tuple(row[name] for name in training) + (float(row["beta"]),): row for row in published("rates")}
    body = []
    for key, trials in group(found, *training, "beta").items():
        last = max(int(row["rung"]) for row in trials)
        chosen = [row for row in trials if int(row["rung"]) == last and row["kept"] == "true"]
        ours = [(text.number(row["lr"]), text.percent(float(row["score"]))) for row in chosen]
        theirs = known.get((*key[:-1], float(key[-1])))
        body.append((training_name(trials[0]), key[-1], str(len({row["trial"] for row in trials})),
                     *(ours[0] if ours else ("none: all collapsed", "")), text.number(theirs["lr"]) if theirs else ""))
    if body:
        yield Table("rates", "Learning rates found", ("training", "beta", "trials", "rate", "score", "published"), body)


def tables(results):
    yield from _training(rows(results))
    yield from _pools(pools(results))
    yield from _rates(results.rows("sweep", "search", *training, "beta", "trial", "lr", "rung", "score",
                                    "kept"))
