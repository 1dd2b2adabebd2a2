"""Compares this library with PyTorch, scikit-learn and onnxruntime: each loads the files of the other, and must predict
the same.

    python3 -m venv venv && venv/bin/pip install -r tests/interchange/requirements.txt
    venv/bin/python tests/interchange/interchange.py

PyTorch and scikit-learn write networks. `cargo run --release -p mlp-io --example interchange_files -- DIRECTORY` loads
them and writes models of its own: every activation, three losses, scalings, class names, features with offsets of up to
1e7 times their scale, `f32` and `f64`. All three
load these models. Then the script runs the Python code that the examples `to_pytorch` and `to_onnx` print. Its last
lines are the table of docs/interchange.md. It exits with 1 if a prediction is off by more than 1e-6 (`f32`) or 1e-12
(`f64`), relative to its size, or to 1 if that is larger.

`--target DIRECTORY` is where cargo builds (so is CARGO_TARGET_DIR); `--keep DIRECTORY` is where the files are kept.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy
import onnx
import onnxruntime
import safetensors
import sklearn
import torch
from safetensors.torch import load_file, save_file
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import LabelBinarizer
from torch import nn

ROOT = Path(__file__).resolve().parents[2]
TOLERANCE = {"f32": 1e-6, "f64": 1e-12}
DTYPE = {"f32": numpy.float32, "f64": numpy.float64}
TORCH = {"f32": torch.float32, "f64": torch.float64}
# (from, to, dtype): the number of files, and the largest difference with its file.
COUNTS = {
    ("PyTorch", "here", "safetensors"): 42,
    ("here", "PyTorch", "safetensors"): 52,
    ("scikit-learn", "here", "npz"): 20,
    ("here", "scikit-learn", "npz"): 16,
    ("here", "onnxruntime", "onnx"): 52,
}
ACTIVATIONS = {
    "identity": lambda: nn.Identity(),
    "relu": lambda: nn.ReLU(),
    "leaky_relu": lambda negative_slope=0.01: nn.LeakyReLU(negative_slope),
    "sigmoid": lambda: nn.Sigmoid(),
    "tanh": lambda: nn.Tanh(),
    "softplus": lambda: nn.Softplus(threshold=1000.0),
    "softsign": lambda: nn.Softsign(),
    "hard_tanh": lambda: nn.Hardtanh(),
    "elu": lambda alpha=1.0: nn.ELU(alpha),
    "selu": lambda: nn.SELU(),
    "silu": lambda: nn.SiLU(),
    "gelu": lambda: nn.GELU(),
    "gelu_tanh": lambda: nn.GELU(approximate="tanh"),
    "mish": lambda: nn.Mish(),
}


# From the other libraries to this one.


def describe(path, dtype, inputs, predictions, activation=None):
    """Writes the information that `interchange_files` needs, and the predictions that it must find."""
    case = {
        "dtype": dtype,
        "activation": activation,
        "features": inputs.shape[1],
        "inputs": inputs.astype(float).ravel().tolist(),
        "predictions": predictions.astype(float).ravel().tolist(),
    }
    Path(f"{path}.json").write_text(json.dumps(case))


def write_torch(directory):
    """Writes Sequentials of Linear layers: unchanged, one without biases, one under a prefix."""
    torch.manual_seed(3)
    for activation, make in ACTIVATIONS.items():
        for variant in ["plain", "no_bias", "prefix"]:
            for dtype in TORCH:
                bias = variant != "no_bias"
                layers = [nn.Linear(4, 16, bias=bias), make(), nn.Linear(16, 8, bias=bias), make(), nn.Linear(8, 3)]
                network = nn.Sequential(*layers).to(TORCH[dtype])
                prefix = "net." if variant == "prefix" else ""
                path = directory / f"{activation}-{variant}-{dtype}.safetensors"
                state = {prefix + name: tensor.contiguous() for name, tensor in network.state_dict().items()}
                save_file(state, path, {"format": "pt"} if bias else None)
                inputs = torch.randn(23, 4, dtype=TORCH[dtype])
                with torch.no_grad():
                    describe(path, dtype, inputs.numpy(), network(inputs).numpy(), activation)


def write_sklearn(directory):
    """Writes fitted networks, as the documentation of `load_npz` says."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    rng = numpy.random.default_rng(5)
    for activation in ["identity", "logistic", "tanh", "relu"]:
        for dtype in DTYPE:
            x = rng.normal(size=(60, 4)).astype(DTYPE[dtype])
            score = (x @ rng.normal(size=(4, 3)) + 0.3 * x[:, :1] ** 2).astype(DTYPE[dtype])
            tasks = {
                "classes": (MLPClassifier, score.argmax(axis=1)),
                "two_classes": (MLPClassifier, (score[:, 0] > 0).astype(int)),
                "labels": (MLPClassifier, (score > 0).astype(int)),
                "value": (MLPRegressor, score[:, 0]),
                "values": (MLPRegressor, score),
            }
            for task, (estimator, y) in tasks.items():
                m = estimator(hidden_layer_sizes=(8, 5), activation=activation, max_iter=40, random_state=3).fit(x, y)
                arrays = {f"{k}_{i}": a for k in ("coefs", "intercepts") for i, a in enumerate(getattr(m, k + "_"))}
                path = directory / f"{activation}-{task}-{dtype}.npz"
                numpy.savez(path, **arrays, activation=m.activation, out_activation_=m.out_activation_)
                inputs = rng.normal(size=(23, 4)).astype(DTYPE[dtype])
                predictions = (m.predict_proba if estimator is MLPClassifier else m.predict)(inputs)
                if task == "two_classes":
                    predictions = predictions[:, 1]  # the probability of the single output
                describe(path, dtype, inputs, predictions)


# From this library to the others.


def run_torch(path, case, inputs):
    """Builds the model from the file's metadata alone, and predicts."""
    with safetensors.safe_open(path, "pt") as file:
        record = json.loads(file.metadata()["mlp"])
    assert (record["loss"]["name"], record.get("classes")) == (case["loss"], case["classes"])
    layers = []
    for l, activation in enumerate(record["activations"]):
        layers.append(nn.Linear(record["layer_sizes"][l], record["layer_sizes"][l + 1]))
        layers.append(ACTIVATIONS[activation["name"]](**activation.get("parameters", {})))
    network = nn.Sequential(*layers).to(TORCH[case["dtype"]])
    state = load_file(path)
    assert all(tensor.dtype == TORCH[case["dtype"]] for tensor in state.values())
    network.load_state_dict({f"{2 * int(k.split('.')[1])}.{k.split('.')[2]}": t for k, t in state.items()})
    scaling = {kind: (numpy.array(s["offset"]), numpy.array(s["scale"])) if (s := record.get(kind)) else (0.0, 1.0)
               for kind in ["input_scaling", "target_scaling"]}
    offset, scale = scaling["input_scaling"]
    with torch.no_grad():
        output = network(torch.from_numpy(((inputs.astype(float) - offset) / scale).astype(inputs.dtype)))
        if case["loss"] == "softmax_cross_entropy":
            output = torch.softmax(output, dim=1)
        if case["loss"] == "binary_cross_entropy":
            output = torch.sigmoid(output)
    offset, scale = scaling["target_scaling"]
    return (output.numpy().astype(float) * scale + offset).astype(inputs.dtype)


def run_onnx(path, case, inputs):
    """Predicts with onnxruntime. Checks that the file passes onnx.checker, has only fields of the official onnx.proto,
    and predicts the same for a batch as for its samples."""
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    # Serialized again by the official description, it has the same bytes: no field is unknown or of another type.
    assert model.SerializeToString(deterministic=True) == path.read_bytes(), "the file has fields unknown to onnx.proto"
    assert (model.ir_version, model.opset_import[0].version) == (7, 13)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    assert metadata["loss"] == case["loss"]
    assert json.loads(metadata.get("classes", "null")) == case["classes"]
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (batch,) = session.run(["output"], {"input": inputs})
    alone = numpy.concatenate([session.run(["output"], {"input": row[None]})[0] for row in inputs])
    assert batch.dtype == inputs.dtype
    assert numpy.allclose(batch, alone, rtol=TOLERANCE[case["dtype"]], atol=TOLERANCE[case["dtype"]])
    return batch


def run_sklearn(path, case, inputs):
    """Loads the file as the documentation of `save_npz` says."""
    z = numpy.load(path)
    n = sum(name.startswith("coefs_") for name in z)
    classifier = str(z["out_activation_"]) != "identity"
    m = (MLPClassifier if classifier else MLPRegressor)(activation=str(z["activation"]))
    m.coefs_, m.intercepts_ = [z[f"coefs_{i}"] for i in range(n)], [z[f"intercepts_{i}"] for i in range(n)]
    m.n_layers_, m.n_outputs_, m.out_activation_ = n + 1, len(m.intercepts_[-1]), str(z["out_activation_"])
    if not classifier:
        return m.predict(inputs)
    m._label_binarizer = LabelBinarizer().fit(range(m.n_outputs_))
    m.classes_ = m._label_binarizer.classes_
    probabilities = m.predict_proba(inputs)
    if m.out_activation_ == "softmax":
        assert (m.predict(inputs) == probabilities.argmax(axis=1)).all()
    return probabilities


RUN = {".safetensors": ("PyTorch", run_torch), ".npz": ("scikit-learn", run_sklearn), ".onnx": ("onnxruntime", run_onnx)}


class Results:
    """The number of files for each direction and dtype, the largest differences, and the failures."""

    def __init__(self):
        self.rows, self.failed = {}, []

    def add(self, source, sink, path, dtype, got, expected, offset_ratio=0.0):
        got, expected = numpy.asarray(got, dtype=float).ravel(), numpy.array(expected)
        assert got.shape == expected.shape, path
        error = float((abs(got - expected) / numpy.maximum(1, abs(expected))).max())
        count, worst = self.rows.get((source, sink, path.suffix[1:], dtype), (0, 0.0))
        self.rows[source, sink, path.suffix[1:], dtype] = count + 1, max(worst, error)
        # scikit-learn does not scale: weights and biases cancel, in f64, where the model subtracts the offset first.
        rounding = 1e-15 * offset_ratio if sink == "scikit-learn" else 0.0
        if not error <= max(TOLERANCE[dtype], rounding):
            self.failed.append(f"{path.name}, {source} to {sink}: off by {error:.1e}")

    def print(self):
        print(f"Python {platform.python_version()}, " + ", ".join(
            f"{m.__name__} {m.__version__}" for m in (torch, safetensors, sklearn, onnx, onnxruntime, numpy)
        ) + f"; {platform.system()} {platform.machine()}\n")
        print("| written by | loaded by | format | numbers | files | largest difference | allowed |")
        print("| --- | --- | --- | --- | ---: | ---: | ---: |")
        for direction in COUNTS:
            for dtype in DTYPE:
                count, worst = self.rows.get((*direction, dtype), (0, 0.0))
                source, sink = (side.replace("here", "mlp-io") for side in direction[:2])
                print(f"| {source} | {sink} | {direction[2]} | {dtype} | {count} | {worst:.1e} | {TOLERANCE[dtype]:.0e} |")
                if count != COUNTS[direction]:
                    self.failed.append(f"{direction}, {dtype}: expected {COUNTS[direction]} files, got {count}")
        print()


def cargo(example, *arguments):
    command = ["cargo", "run", "--release", "--locked", "--quiet", "-p", "mlp-io", "--example", example, "--", *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def run(directory):
    theirs, results = directory / "theirs", Results()
    theirs.mkdir(parents=True, exist_ok=True)
    write_torch(theirs)
    write_sklearn(theirs)
    cargo("interchange_files", str(directory))
    for path in sorted(theirs.iterdir()):
        if path.suffix in RUN:
            case = json.loads(Path(f"{path}.json").read_text())
            here = json.loads(Path(f"{path}.here").read_text())
            results.add(RUN[path.suffix][0], "here", path, case["dtype"], here, case["predictions"])
    for path in sorted(directory.iterdir()):
        if path.suffix in RUN:
            case = json.loads(Path(f"{path}.json").read_text(encoding="utf-8"))
            inputs = numpy.array(case["inputs"], DTYPE[case["dtype"]]).reshape(-1, 4)
            sink, load = RUN[path.suffix]
            results.add("here", sink, path, case["dtype"], load(path, case, inputs), case["predictions"],
                        case["offset_ratio"])
    for example in ["to_pytorch", "to_onnx"]:
        exec(cargo(example, str(directory / example)), {})
    results.print()
    print("The Python code that the examples to_pytorch and to_onnx print runs, and its assertions hold.")
    sys.exit("\n".join(results.failed) or 0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", type=Path)
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    if options.target:
        os.environ["CARGO_TARGET_DIR"] = str(options.target.resolve())
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        run(options.keep.resolve() if options.keep else Path(temporary))
