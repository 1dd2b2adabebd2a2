"""Writes the data sets of tests/quality.rs and benches/quality, from scikit-learn's loaders and generators.

    python3 -m venv venv && venv/bin/pip install -r requirements.txt
    venv/bin/python make_data.py            # writes *.csv.gz beside this file
    venv/bin/python make_data.py --check    # compares instead, and exits with 1 if the contents of a file differ

A file is a CSV in gzip: a line of names, then one line per sample, features before targets. The gzip header has no name
and no time. README.md describes each file. Generated numbers are rounded to four decimals. The files are written only
if scikit-learn reaches, on the rounded data, the scores that its own tests demand.
"""

import gzip
import sys
import warnings
from pathlib import Path

import numpy as np
import sklearn
from sklearn import datasets
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import scale

HERE = Path(__file__).resolve().parent


def loaded(loader, target, **options):
    """Returns a data set that scikit-learn ships: names, features, targets."""
    data = loader(**options)
    names = [name.removesuffix(" (cm)").replace(" ", "_").replace("/", "_") for name in data.feature_names]
    return [*names, target], data.data, data.target[:, None]


def generated(features, targets):
    """Returns the output of a generator: names, features, targets."""
    targets = targets.reshape(len(features), -1)
    names = [f"x{i}" for i in range(features.shape[1])] + [f"y{i}" for i in range(targets.shape[1])]
    return names, features.round(4), targets.round(4)


def regression():
    """Returns the data of scikit-learn's test_lbfgs_regression."""
    x, y = datasets.make_regression(n_samples=200, n_features=10, bias=20.0, noise=100.0, random_state=7)
    names, x, y = generated(x, scale(y))
    for activation in ["identity", "logistic", "tanh", "relu"]:
        network = MLPRegressor(
            solver="lbfgs", hidden_layer_sizes=50, max_iter=200, tol=1e-3, random_state=1, activation=activation
        )
        assert network.fit(x, y[:, 0]).score(x, y[:, 0]) > (0.80 if activation == "identity" else 0.98)
    return names, x, y


def multilabel():
    """Returns the data of scikit-learn's test_multilabel_classification."""
    names, x, y = generated(*datasets.make_multilabel_classification(n_samples=50, random_state=0))
    network = MLPClassifier(
        solver="lbfgs", hidden_layer_sizes=50, alpha=1e-5, max_iter=150, random_state=0, activation="logistic"
    )
    assert network.fit(x, y).score(x, y) > 0.97
    return names, x, y


def multi_output():
    """Returns the data of scikit-learn's test_multioutput_regression."""
    names, x, y = generated(*datasets.make_regression(n_samples=200, n_targets=5, random_state=11))
    network = MLPRegressor(solver="lbfgs", hidden_layer_sizes=50, max_iter=200, tol=1e-2, random_state=1)
    assert network.fit(x, y).score(x, y) > 0.9
    return names, x, y


FILES = {
    "iris": lambda: loaded(datasets.load_iris, "species"),
    "wine": lambda: loaded(datasets.load_wine, "cultivar"),
    "breast_cancer": lambda: loaded(datasets.load_breast_cancer, "benign"),
    "diabetes": lambda: loaded(datasets.load_diabetes, "progression", scaled=False),
    "regression": regression,
    "multilabel": multilabel,
    "multi_output": multi_output,
}


def text(value):
    """Returns the shortest decimal that reads back as `value`, without a decimal point if it is an integer."""
    return str(int(value)) if value == int(value) else repr(float(value))


def main():
    assert sklearn.__version__ == "1.9.1", f"expected scikit-learn 1.9.1, got {sklearn.__version__}"
    warnings.simplefilter("ignore", ConvergenceWarning)
    bad = []
    for name, make in FILES.items():
        names, x, y = make()
        rows = np.hstack([x, y])
        content = "".join(",".join(row) + "\n" for row in [names, *([text(v) for v in row] for row in rows)])
        path = HERE / f"{name}.csv.gz"
        if "--check" in sys.argv:
            if gzip.decompress(path.read_bytes()).decode() != content:
                bad.append(path.name)
            continue
        with open(path, "wb") as file, gzip.GzipFile("", "wb", compresslevel=9, fileobj=file, mtime=0) as packed:
            packed.write(content.encode())
        print(f"{path.name}: {x.shape[0]} x {x.shape[1]} -> {y.shape[1]}, {path.stat().st_size} bytes")
    if bad:
        sys.exit(f"files that differ from the output of this script: {', '.join(bad)}")


if __name__ == "__main__":
    main()
