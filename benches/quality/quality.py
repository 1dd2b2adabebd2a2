#!/usr/bin/env python3
"""Trains the same networks on the same splits with scikit-learn and with this project, and compares their test scores.

    python3 -m venv venv && venv/bin/pip install -r benches/quality/requirements.txt
    venv/bin/python benches/quality/quality.py

builds `ours.rs` and writes docs/quality.json, with every score, and the tables of docs/quality.md, between its markers.
`--render` writes the tables again from the JSON. Which data, settings and splits: DATA, SOLVERS and split() below.

`ours.rs` is a process that reads a line of JSON for each network, `Job` there, and answers with a line:
{"seconds": 0.02, "outputs": [...]}, the last layer's outputs for the test part. The scores of both are computed here.
"""

import os

for variable in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "MLP_NUM_THREADS"]:
    os.environ[variable] = "1"

import argparse
import gzip
import json
import math
import platform
import re
import statistics
import subprocess
import time
import warnings
from pathlib import Path

import numpy as np
import sklearn
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "quality.md"
RESULTS = ROOT / "docs" / "quality.json"

# How many samples to train on, each a multiple of the batch size, so that scikit-learn, which divides alpha by the size
# of a batch, has the same penalty in every batch; and alpha.
DATA = {
    "iris": (96, 1.0),
    "wine": (128, 1.0),
    "breast_cancer": (448, 1.0),
    "diabetes": (352, 10.0),
    "digits": (1440, 1.0),
}
# Of both: one hidden layer, and what MLPClassifier and MLPRegressor have by default.
HIDDEN = 100
ACTIVATION = "relu"
TOLERANCE = 1e-4
LEARNING_RATE = 1e-3
EPSILON = 1e-8
BATCH_SIZE = 32
# Epochs of Adam, at most so many iterations of L-BFGS.
SOLVERS = {"adam": 100, "lbfgs": 200}


# ---------------------------------------------------------------------------------------------------------------------
# Data


def load(name):
    """Features and target of a data set."""
    if name == "digits":
        content = gzip.decompress((ROOT / "crates/mlp-demo/data/digits.bin.gz").read_bytes())
        pixels = np.frombuffer(content, np.uint8, 1797 * 64).reshape(1797, 64)
        return pixels.astype(float), np.frombuffer(content, np.uint8, offset=1797 * 64).astype(float)
    rows = np.loadtxt(ROOT / f"tests/quality/data/{name}.csv.gz", delimiter=",", skiprows=1)
    return rows[:, :-1], rows[:, -1]


class Split:
    """The parts of a data set to train on and to test on: stratified by class; inputs, and the target of a regression,
    standardized by the mean and standard deviation of the training part."""

    def __init__(self, name, seed):
        x, y = load(name)
        size, self.alpha = DATA[name]
        self.regression = name == "diabetes"
        # Not the split's: scikit-learn would draw the parameters from the same numbers as the split.
        self.seed = 1000 + seed
        stratify = None if self.regression else y
        train, test = train_test_split(np.arange(len(y)), train_size=size, random_state=seed, stratify=stratify)
        self.x, self.test_x = standardize(x, train, test)
        if self.regression:
            y, test_y = standardize(y[:, None], train, test)
            self.y, self.test_y = y[:, 0], test_y[:, 0]
        else:
            self.y, self.test_y = y[train], y[test]

    def outputs(self):
        """Of the network: as scikit-learn has them, one for two classes."""
        classes = len(np.unique(self.y))
        return 1 if self.regression or classes == 2 else classes

    def score(self, prediction):
        """R2 or accuracy on the test part."""
        return float((r2_score if self.regression else accuracy_score)(self.test_y, prediction))


def standardize(values, train, test):
    scaler = StandardScaler().fit(values[train])
    return scaler.transform(values[train]), scaler.transform(values[test])


# ---------------------------------------------------------------------------------------------------------------------
# The two sides: each trains on a split and returns its test score and the seconds that training took.


def estimator(split, solver, **options):
    return (MLPRegressor if split.regression else MLPClassifier)(
        hidden_layer_sizes=(HIDDEN,),
        activation=ACTIVATION,
        solver=solver,
        alpha=split.alpha,
        batch_size=BATCH_SIZE,
        learning_rate_init=LEARNING_RATE,
        max_iter=SOLVERS[solver],
        tol=TOLERANCE,
        # Adam does all its epochs.
        n_iter_no_change=np.inf,
        random_state=split.seed,
        **options,
    )


def theirs(split, solver):
    network = estimator(split, solver)
    start = time.perf_counter()
    network.fit(split.x, split.y)
    seconds = time.perf_counter() - start
    return split.score(network.predict(split.test_x)), seconds


class Ours:
    def __init__(self):
        build = ["cargo", "build", "--release", "--example", "quality", "--message-format=json-render-diagnostics"]
        messages = subprocess.run(build, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
        programs = [json.loads(line).get("executable") for line in messages.splitlines()]
        program = [path for path in programs if path][-1]
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, split, solver):
        answer = self.train(split, solver)
        values = np.array(answer["outputs"]).reshape(-1, split.outputs())
        if split.regression:
            prediction = values[:, 0]
        else:
            prediction = values[:, 0] > 0 if split.outputs() == 1 else values.argmax(axis=1)
        return split.score(prediction), answer["seconds"]

    def train(self, split, solver, epsilon=EPSILON, initial=None):
        outputs = split.outputs()
        loss = "half_squared_error" if split.regression else "binary_cross_entropy" if outputs == 1 else None
        job = {
            "layers": [split.x.shape[1], HIDDEN, outputs],
            "activation": ACTIVATION,
            "loss": loss or "softmax_cross_entropy",
            "solver": solver,
            "alpha": split.alpha,
            "epochs": SOLVERS[solver],
            "batch_size": BATCH_SIZE,
            "learning_rate": LEARNING_RATE,
            "epsilon": epsilon,
            "tolerance": TOLERANCE,
            "seed": split.seed,
            "initial": initial,
            "input": split.x.ravel().tolist(),
            "target": split.y.tolist(),
            "test_input": split.test_x.ravel().tolist(),
        }
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


def check(ours):
    """From the same parameters, with the samples in the same order, Adam has to come to the same outputs on both sides:
    then all settings are equal, and scores differ by what is drawn at random. With an epsilon so small that it matters
    not where it stands: scikit-learn has it beside the square root of v before, we after v is freed of its bias."""
    epsilon = 1e-15
    for name in DATA:
        split = Split(name, 0)
        sizes = [split.x.shape[1], HIDDEN, split.outputs()]
        # What scikit-learn draws, in its order.
        random = np.random.RandomState(split.seed)
        initial = []
        for inputs, outputs in zip(sizes, sizes[1:]):
            bound = math.sqrt(6 / (inputs + outputs))
            shapes = [(inputs, outputs), outputs]
            initial.append([random.uniform(-bound, bound, shape).ravel().tolist() for shape in shapes])
        network = estimator(split, "adam", shuffle=False, epsilon=epsilon).fit(split.x, split.y)
        expected = split.test_x
        for last, coefficients, intercepts in zip([False, True], network.coefs_, network.intercepts_):
            expected = expected @ coefficients + intercepts
            expected = expected if last else np.maximum(expected, 0)
        got = np.array(ours.train(split, "adam", epsilon, initial)["outputs"]).reshape(expected.shape)
        difference = np.abs(got - expected).max() / np.abs(expected).max()
        print(f"{name}: from the same parameters, outputs agree to {difference:.1e}", flush=True)
        assert difference < 1e-8, "the settings are not equal"


def measure(seeds):
    """A row for each data set and solver, with the scores and times of all seeds."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    sides = {"theirs": theirs, "ours": Ours()}
    check(sides["ours"])
    rows = []
    for name in DATA:
        for solver in SOLVERS:
            row = {"data": name, "solver": solver, "seeds": seeds}
            row |= {side: {"scores": [], "seconds": []} for side in sides}
            for seed in range(seeds):
                split = Split(name, seed)
                # By turns, and each the first as often as the other.
                for side in sorted(sides, reverse=seed % 2 == 0):
                    score, seconds = sides[side](split, solver)
                    row[side]["scores"].append(score)
                    row[side]["seconds"].append(seconds)
            print(table([row]).splitlines()[-1], flush=True)
            rows.append(row)
    return {"machine": machine(), "rows": rows}


def machine():
    """What was measured on and with."""
    cpus = Path("/proc/cpuinfo")
    model = re.search(r"model name\s*: (.*)", cpus.read_text()) if cpus.exists() else None
    system = f"{platform.system()} {platform.machine()}"
    return f"{model[1].strip() if model else platform.processor()}, {system}, scikit-learn {sklearn.__version__}"


# ---------------------------------------------------------------------------------------------------------------------
# Tables


def mean_and_error(values):
    """The mean and its standard error."""
    return statistics.fmean(values), statistics.stdev(values) / math.sqrt(len(values))


def differs(row):
    """Ours less theirs: the difference of the means, its standard error from those of both means, and the standard
    error of the mean over splits of the difference on a split."""
    ours, theirs = (row[side]["scores"] for side in ["ours", "theirs"])
    difference, paired = mean_and_error([a - b for a, b in zip(ours, theirs)])
    return difference, math.hypot(mean_and_error(ours)[1], mean_and_error(theirs)[1]), paired


def table(rows):
    lines = [
        "| data | solver | scikit-learn | ours | difference | standard error | paired "
        "| scikit-learn, ms | ours, ms | ratio |",
        "| --- | --- | " + " | ".join(["---:"] * 8) + " |",
    ]
    for row in rows:
        scores = ["{:.4f} ± {:.4f}".format(*mean_and_error(row[side]["scores"])) for side in ["theirs", "ours"]]
        difference, error, paired = differs(row)
        times = [1e3 * statistics.median(row[side]["seconds"]) for side in ["theirs", "ours"]]
        cells = [row["data"].replace("_", " "), {"adam": "Adam", "lbfgs": "L-BFGS"}[row["solver"]], *scores]
        cells += [f"{difference:+.4f}", f"{error:.4f}", f"{paired:.4f}"]
        cells += [f"{t:.3g}" if t < 1000 else f"{t:.0f}" for t in times] + [f"{times[1] / times[0]:.2f}"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def summary(results):
    """What the table comes to."""
    rows = results["rows"]
    within = sum(abs(d) <= error for d, error, _ in map(differs, rows))
    paired = sum(abs(d) <= error for d, _, error in map(differs, rows))
    return (
        f"{results['machine']}; {rows[0]['seeds']} splits. Within one standard error: {within} of {len(rows)}; "
        f"within one of the paired difference: {paired} of {len(rows)}."
    )


def render(results):
    """Writes the tables into the document."""
    text = DOCUMENT.read_text()
    for name, content in [("quality", table(results["rows"])), ("summary", summary(results))]:
        marked = re.compile(rf"(<!-- table:{name} -->\n).*?(<!-- end -->)", re.DOTALL)
        assert marked.search(text), f"no marker table:{name} in {DOCUMENT}"
        text = marked.sub(lambda match: f"{match[1]}\n{content}\n\n{match[2]}", text)
    DOCUMENT.write_text(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10, help="splits, each with initial weights of its own (10)")
    parser.add_argument("--render", action="store_true", help="write the tables from docs/quality.json")
    parser.add_argument("--print", action="store_true", help="write no file")
    arguments = parser.parse_args()
    if arguments.render:
        return render(json.loads(RESULTS.read_text()))
    results = measure(arguments.seeds)
    print(summary(results))
    if not arguments.print:
        rows = ",\n".join(json.dumps(row) for row in results["rows"])
        RESULTS.write_text(f'{{"machine": {json.dumps(results["machine"])}, "rows": [\n{rows}\n]}}\n')
        render(results)


if __name__ == "__main__":
    main()
