#!/usr/bin/env python3
"""Scores the recipes of mlp-table and its peers on the same splits of real tables, and times them on the same cores.

    python3 -m venv venv && venv/bin/pip install -r benches/tables/requirements.txt
    MLP_TABLES_DIR=... venv/bin/python benches/tables/tables.py [--models auto,sklearn] [--tables a,b] [--splits 5]

MLP_TABLES_DIR has NAME.csv.gz for each table, whose last column is the target, and meta.json with its task: c for classes, r for
numbers. Split s: the rows are permuted by numpy.random.default_rng(s), and the last fifth is the test part. The error is 1 -
accuracy, or the root of the mean squared error over the standard deviation of the test target.

The script builds `ours.rs`, adds what is missing to docs/tables.json, and writes the tables of docs/tables.md between their
markers. `--render` only writes them again. Peers have their defaults; scikit-learn gets standardized numbers, one-hot
categories and a standardized target, RealMLP medians for missing numbers.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "2")

import argparse
import json
import math
import re
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

warnings.filterwarnings("ignore")
ROOT = Path(__file__).resolve().parents[2]
DOCUMENT, RESULTS = ROOT / "docs" / "tables.md", ROOT / "docs" / "tables.json"
OURS = ["auto", "plain", "td-s", "td", "tabm"]
PEERS = ["sklearn", "lgbm", "pytabkit-td-s", "pytabkit-td"]


def is_number(column):
    return pd.api.types.is_numeric_dtype(column) and column.dtype != bool


class Sklearn:
    def __init__(self, task):
        from sklearn.compose import ColumnTransformer, TransformedTargetRegressor, make_column_selector
        from sklearn.impute import SimpleImputer
        from sklearn.neural_network import MLPClassifier, MLPRegressor
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import OneHotEncoder, StandardScaler

        numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
        words = make_pipeline(SimpleImputer(strategy="constant", fill_value="?"), OneHotEncoder(handle_unknown="ignore"))
        columns = ColumnTransformer([
            ("numbers", numbers, make_column_selector(dtype_include="number")),
            ("words", words, make_column_selector(dtype_exclude="number")),
        ])
        self.model = make_pipeline(columns, (MLPClassifier if task == "c" else MLPRegressor)(random_state=0))
        if task == "r":
            self.model = TransformedTargetRegressor(self.model, transformer=StandardScaler())

    def fit(self, X, y):
        self.model.fit(X, y)

    def predict(self, X):
        return self.model.predict(X)


class LightGbm:
    def __init__(self, task):
        import lightgbm

        self.model = (lightgbm.LGBMClassifier if task == "c" else lightgbm.LGBMRegressor)(verbose=-1, n_jobs=2)

    def fit(self, X, y):
        self.kinds = {c: pd.CategoricalDtype(X[c].dropna().unique()) for c in X.columns if not is_number(X[c])}
        self.model.fit(X.astype(self.kinds), y)

    def predict(self, X):
        return self.model.predict(X.astype(self.kinds))


class Pytabkit:
    def __init__(self, task, small):
        import pytabkit

        name = f"RealMLP_TD_{'S_' if small else ''}{'Classifier' if task == 'c' else 'Regressor'}"
        self.model = getattr(pytabkit, name)(device="cpu", random_state=0, n_threads=2)

    def fit(self, X, y):
        self.medians = {c: X[c].median() for c in X.columns if is_number(X[c])}
        self.model.fit(self.filled(X), y, cat_col_names=[c for c in X.columns if c not in self.medians])

    def filled(self, X):
        fill = lambda c: (X[c].fillna(self.medians[c]).astype("float32") if c in self.medians
                          else X[c].fillna("?").astype(str).astype("category"))
        return pd.DataFrame({c: fill(c) for c in X.columns})

    def predict(self, X):
        return self.model.predict(self.filled(X))


def peer(model, task):
    if model == "sklearn":
        return Sklearn(task)
    return LightGbm(task) if model == "lgbm" else Pytabkit(task, model.endswith("s"))


class Ours:
    def __init__(self):
        build = ["cargo", "build", "--release", "--package", "mlp-tests", "--example", "tables", "--message-format=json"]
        messages = subprocess.run(build, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
        executables = [json.loads(line).get("executable") for line in messages]
        engine = next(path for path in executables if path and Path(path).name == "tables")
        self.process = subprocess.Popen([engine], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, **job):
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


def error(task, predicted, actual):
    if task == "c":
        return float(np.mean(np.asarray(predicted).ravel().astype(str) != np.asarray(actual).astype(str)))
    return float(np.sqrt(np.mean((np.asarray(predicted).ravel() - actual) ** 2)) / np.std(actual))


def measure(arguments):
    directory = Path(os.environ.get("MLP_TABLES_DIR") or sys.exit("set MLP_TABLES_DIR to the directory of the tables"))
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    ours = None
    for name, meta in json.loads((directory / "meta.json").read_text()).items():
        if arguments.tables and name not in arguments.tables.split(","):
            continue
        file, task = directory / f"{name}.csv.gz", meta["task"]
        table = pd.read_csv(file)
        X, y = table.iloc[:, :-1], table.iloc[:, -1]
        X = X.apply(lambda c: c.astype(float) if c.dtype == bool else c if is_number(c) else c.astype(object).where(c.notna(), None))
        y = (y.astype(str) if task == "c" else y).to_numpy()
        for model in arguments.models.split(","):
            for split in range(arguments.splits):
                key = f"{name}/{model}/{split}"
                if key in results:
                    continue
                order = np.random.default_rng(split).permutation(len(table))
                train, test = np.split(order, [len(order) - len(order) // 5])
                if model in OURS:
                    ours = ours or Ours()
                    answer = ours.run(file=str(file), target=table.columns[-1], recipe=model, train=train.tolist(), test=test.tolist())
                    predicted, seconds = answer["predicted"], answer["seconds"]
                else:
                    engine, start = peer(model, task), time.time()
                    engine.fit(X.iloc[train], y[train])
                    seconds = time.time() - start
                    predicted = engine.predict(X.iloc[test])
                results[key] = {"error": round(error(task, predicted, y[test]), 5), "seconds": round(seconds, 2)}
                print(key, results[key], flush=True)
                RESULTS.write_text(json.dumps(results, indent=0, sort_keys=True) + "\n")


def render():
    """The tables: the mean error over the splits, and the ratios of geometric means."""
    results = json.loads(RESULTS.read_text())
    names = list(dict.fromkeys(key.split("/")[0] for key in results))
    models = [model for model in OURS + PEERS if any(f"/{model}/" in key for key in results)]
    of = lambda name, model, what: {k.split("/")[2]: v[what] for k, v in results.items() if k.startswith(f"{name}/{model}/") and what in v}
    average = lambda numbers: sum(numbers) / len(numbers) if numbers else math.nan
    lines = ["| error | " + " | ".join(models) + " |", "|---|" + "---:|" * len(models)]
    for name in names:
        errors = [average(list(of(name, model, "error").values())) for model in models]
        # A mean over one or two splits says little beside those over more.
        counts = [len(of(name, model, "error")) for model in models]
        best = min(e for e, count in zip(errors, counts) if count >= min(3, max(counts)))
        lines.append(f"| {name} | " + " | ".join("" if math.isnan(e) else f"**{e:.4f}**" if e == best else f"{e:.4f}" for e in errors) + " |")

    log = lambda error: math.log(max(error, 1e-3))

    def ratio(model, base):
        """The geometric mean over tables, and in each over the splits that both have. Errors below 0.001 count as 0.001, so
        that a single one cannot decide."""
        pairs = [(of(name, model, "error"), of(name, base, "error")) for name in names]
        logs = [[log(own[s]) - log(other[s]) for s in own.keys() & other.keys()] for own, other in pairs]
        logs = [average(ratios) for ratios in logs if ratios]
        return f"{math.exp(average(logs)):.3f}" if logs else ""

    for base in (model for model in PEERS if model in models):
        lines.append(f"| geometric mean / {base} | " + " | ".join(ratio(model, base) for model in models) + " |")

    def wins(model, base):
        """On how many tables the mean error over the splits that both have is smaller."""
        pairs = [(of(name, model, "error"), of(name, base, "error")) for name in names]
        return sum(sum(own[s] - other[s] for s in own.keys() & other.keys()) < 0 for own, other in pairs)

    def splits(model):
        """The number of splits of each table: the least and the most."""
        counts = {len(of(name, model, "error")) for name in names}
        return " to ".join(str(count) for count in sorted({min(counts), max(counts)}))

    lines.append("| splits of each table | " + " | ".join(splits(model) for model in models) + " |")
    lines.append("| tables better than lgbm | " + " | ".join(str(wins(model, "lgbm")) for model in models) + " |")
    seconds = lambda model: [of(name, model, "seconds")["0"] for name in names if "0" in of(name, model, "seconds")]
    lines.append("| seconds to fit split 0, median | " + " | ".join(f"{np.median(seconds(model)):.1f}" if seconds(model) else "" for model in models) + " |")
    text = re.sub(r"(<!-- errors -->\n).*?(<!-- end -->)", lambda m: m[1] + "\n".join(lines) + "\n" + m[2], DOCUMENT.read_text(), flags=re.S)
    DOCUMENT.write_text(text)


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--models", default=",".join(OURS + PEERS))
parser.add_argument("--tables")
parser.add_argument("--splits", type=int, default=5)
parser.add_argument("--render", action="store_true")
arguments = parser.parse_args()
if not arguments.render:
    measure(arguments)
render()
