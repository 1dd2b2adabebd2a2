"""Runs exported models of tables with onnxruntime on the raw columns, and loads their networks with PyTorch.

    python3 -m venv venv && venv/bin/pip install numpy onnxruntime safetensors torch
    venv/bin/python crates/mlp-table/tests/interchange/interchange.py [--directory DIRECTORY]

The example `interchange_tables` writes the models, the rows and its own predictions. The script prints the largest
difference of each model and exits with 1 if one is above 1e-5, relative to the size of the number, or to 1 if that is
larger. PyTorch is left out, with a message, if it is not installed.
"""

import argparse
import csv
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy
import onnxruntime

TOLERANCE = 1e-5
ROOT = Path(__file__).resolve().parents[4]


def columns(rows, kinds):
    """Returns the raw columns as the inputs of the graph."""
    nan = float("nan")
    read = {
        "number": lambda text: float(text) if text else nan,
        "date": lambda text: numpy.datetime64(text, "ms").astype(numpy.int64) / 1e3 if text else nan,
    }
    inputs = {}
    for name, kind in kinds:
        values = [read.get(kind, str)(row[name]) for row in rows]
        dtype = numpy.float64 if kind in read else object
        inputs[name] = numpy.array(values, dtype).reshape(-1, 1)
    return inputs


def difference(got, expected):
    got, expected = numpy.asarray(got, numpy.float64).ravel(), numpy.asarray(expected, numpy.float64).ravel()
    assert got.shape == expected.shape, (got.shape, expected.shape)
    return float(numpy.max(numpy.abs(got - expected) / numpy.maximum(1.0, numpy.abs(expected))))


def run_onnx(path, record):
    with open(path.with_suffix(".csv"), newline="") as file:
        rows = list(csv.DictReader(file))
    session = onnxruntime.InferenceSession(str(path.with_suffix(".onnx")))
    outputs = [output.name for output in session.get_outputs()]
    results = dict(zip(outputs, session.run(outputs, columns(rows, record["columns"]))))
    if record["numbers"] is not None:
        return difference(results["prediction"], record["numbers"])
    got = list(results["prediction"].ravel())
    # Two probabilities may be equal up to rounding.
    others = sum(a != b for a, b in zip(got, record["classes"]))
    assert others <= len(got) // 100, f"{others} of {len(got)} classes differ"
    return difference(results["probabilities"], record["probabilities"])


def load_torch(path):
    """Loads the layers of each network as PyTorch's Sequential, and returns how many there are."""
    import torch
    from safetensors.torch import load_file
    from torch import nn

    state = load_file(path.with_suffix(".safetensors"))
    members = {name.split(".")[0] for name in state}
    for member in members:
        layers = {name[len(member) + 1 :]: tensor for name, tensor in state.items() if re.match(rf"{member}\.\d", name)}
        weights = [layers[f"{2 * i}.weight"] for i in range(len(layers) // 2)]
        linear = [nn.Linear(weight.shape[1], weight.shape[0]) for weight in weights]
        network = nn.Sequential(*[part for layer in linear for part in (layer, nn.Mish())][:-1])
        network.load_state_dict(layers)
        assert network(torch.zeros(3, weights[0].shape[1])).shape == (3, weights[-1].shape[0])
    return len(members)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--directory", help="where the example has already written its files")
    arguments = parser.parse_args()
    directory = Path(arguments.directory or tempfile.mkdtemp())
    if arguments.directory is None:
        command = "cargo run --release -p mlp-table --example interchange_tables --".split()
        subprocess.run([*command, str(directory)], cwd=ROOT, check=True)
    worst, files = 0.0, sorted(directory.glob("*.onnx"))
    assert files, f"no model in {directory}"
    for path in files:
        record = json.loads(path.with_suffix(".json").read_text())
        error = run_onnx(path, record)
        worst = max(worst, error)
        try:
            loaded = f"PyTorch loads {load_torch(path)} networks"
        except ImportError as cause:
            loaded = f"not loaded by PyTorch: {cause}"
        print(f"{path.stem}: onnxruntime {error:.1e}; {loaded}")
    sys.exit(worst > TOLERANCE)


main()
