#!/usr/bin/env python3
"""Trains the same networks on the same splits with scikit-learn and with this project, and compares their test scores.

    python3 -m venv venv && venv/bin/pip install -r benches/quality/requirements.txt
    venv/bin/python benches/quality/quality.py

The script builds `ours.rs`, and writes docs/quality.json, which has every score, and the tables of docs/quality.md,
between its markers. `--render` writes the tables again from the JSON. DATA, SOLVERS and split() below define data,
settings and splits.

`ours.rs` is a process that reads a line of JSON for each network (`Job` there) and answers with a line:
{"seconds": 0.02, "outputs": [...]}, the last layer's outputs for the test part. This script computes the scores of
both.
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

# The number of training samples, and alpha. The number is a multiple of the batch size, because scikit-learn divides
# alpha by the size of a batch; so the penalty is the same in every batch.
DATA = {
    "iris": (96, 1.0),
    "wine": (128, 1.0),
    "breast_cancer": (448, 1.0),
    "diabetes": (352, 10.0),
    "digits": (1440, 1.0),
}
# Settings of both sides: one hidden layer, and the defaults of MLPClassifier and MLPRegressor.
HIDDEN = 100
ACTIVATION = "relu"
TOLERANCE = 1e-4
LEARNING_RATE = 1e-3
EPSILON = 1e-8
BATCH_SIZE = 32
# Epochs of Adam; the largest number of iterations of L-BFGS.
SOLVERS = {"adam": 100, "lbfgs": 200}


# ---------------------------------------------------------------------------------------------------------------------
# Data


def load(name):
    """Returns features and target of a data set."""
    if name == "digits":
        content = gzip.decompress((ROOT / "crates/mlp-demo/data/digits.bin.gz").read_bytes())
        pixels = np.frombuffer(content, np.uint8, 1797 * 64).reshape(1797, 64)
        return pixels.astype(float), np.frombuffer(content, np.uint8, offset=1797 * 64).astype(float)
    rows = np.loadtxt(ROOT / f"tests/quality/data/{name}.csv.gz", delimiter=",", skiprows=1)
    return rows[:, :-1], rows[:, -1]


class Split:
    """The training part and the test part of a data set, stratified by class. Inputs, and the target of a regression,
    are standardized by the mean and standard deviation of the training part."""

    def __init__(self, name, seed):
        x, y = load(name)
        size, self.alpha = DATA[name]
        self.regression = name == "diabetes"
        # Another seed than the split's, from which scikit-learn would draw the parameters from the same numbers.
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
        """The number of outputs of the network: one for two classes, as in scikit-learn."""
        classes = len(np.unique(self.y))
        return 1 if self.regression or classes == 2 else classes

    def score(self, prediction):
        """Returns R2 or the accuracy on the test part."""
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
        # Adam runs all its epochs.
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
    """Checks that Adam reaches the same outputs on both sides from the same parameters, with the samples in the same
    order. Then all settings are equal, and scores differ only by what is drawn at random. Epsilon is so small here that
    its place does not matter: scikit-learn adds it to the square root of v before the bias correction of v, and this
    library adds it afterwards."""
    epsilon = 1e-15
    for name in DATA:
        split = Split(name, 0)
        sizes = [split.x.shape[1], HIDDEN, split.outputs()]
        # The numbers that scikit-learn draws, in its order.
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
        assert difference < 1e-8, "the settings of the two sides are not equal"


def measure(seeds):
    """Returns a row for each data set and solver, with the scores and times of all seeds."""
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
                # In turns; each side goes first equally often.
                for side in sorted(sides, reverse=seed % 2 == 0):
                    score, seconds = sides[side](split, solver)
                    row[side]["scores"].append(score)
                    row[side]["seconds"].append(seconds)
            print(table([row]).splitlines()[-1], flush=True)
            rows.append(row)
    return {"machine": machine(), "rows": rows}


def machine():
    """Describes the machine and the version of scikit-learn."""
    cpus = Path("/proc/cpuinfo")
    model = re.search(r"model name\s*: (.*)", cpus.read_text()) if cpus.exists() else None
    system = f"{platform.system()} {platform.machine()}"
    return f"{model[1].strip() if model else platform.processor()}, {system}, scikit-learn {sklearn.__version__}"


# ---------------------------------------------------------------------------------------------------------------------
# Tables


def mean_and_error(values):
    """Returns the mean and its standard error."""
    return statistics.fmean(values), statistics.stdev(values) / math.sqrt(len(values))


def differs(row):
    """Returns ours minus theirs: the difference of the means, its standard error computed from those of both means, and
    the standard error of the mean difference per split."""
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
    """Summarizes the table."""
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
    parser.add_argument("--seeds", type=int, default=10, help="splits, each with its own initial weights (default: 10)")
    parser.add_argument("--render", action="store_true", help="write the tables from docs/quality.json")
    parser.add_argument("--print", action="store_true", help="print the tables and write no file")
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
