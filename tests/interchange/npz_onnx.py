"""Holds models written by this library against onnxruntime and scikit-learn.

    cargo run --release -p mlp-io --example interchange_files -- DIRECTORY
    python npz_onnx.py DIRECTORY

Every ONNX file has to pass onnx.checker (with shape inference), hold no field that the official onnx.proto has not, and
give the same predictions in onnxruntime, for a whole batch as for each sample alone; every `.npz` file the same in
scikit-learn. A difference counts relative to the prediction's size, or to 1 if that is larger.
"""

import json
import sys
from pathlib import Path

import numpy
import onnx
import onnxruntime
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import LabelBinarizer

TOLERANCE = {"f32": 1e-6, "f64": 1e-12}
DTYPE = {"f32": numpy.float32, "f64": numpy.float64}


def run_onnx(path, case, inputs):
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    # Written anew by the official description, it has the same bytes: no field is unknown to it or of another type.
    assert model.SerializeToString(deterministic=True) == path.read_bytes(), "fields out of place"
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
    """As the documentation of `save_npz` says."""
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


def main():
    directory = Path(sys.argv[1])
    worst, count, failed = {}, {}, []
    for described in sorted(directory.glob("*.json")):
        case, path = json.loads(described.read_text(encoding="utf-8")), described.with_suffix("")
        inputs = numpy.array(case["inputs"], DTYPE[case["dtype"]]).reshape(-1, 4)
        expected = numpy.array(case["predictions"]).reshape(len(inputs), -1)
        run = run_onnx if path.suffix == ".onnx" else run_sklearn
        got = run(path, case, inputs).astype(numpy.float64)
        assert got.shape == expected.shape, path
        error = (abs(got - expected) / numpy.maximum(1, abs(expected))).max()
        key = path.suffix[1:], case["dtype"]
        count[key] = count.get(key, 0) + 1
        worst[key] = max(worst.get(key, (0.0, "")), (float(error), path.name))
        if not error <= TOLERANCE[case["dtype"]]:
            failed.append(f"{path.name}: off by {error:.1e}")
    versions = {m.__name__: m.__version__ for m in (onnx, onnxruntime, numpy, sys.modules["sklearn"])}
    print(", ".join(f"{name} {version}" for name, version in versions.items()))
    for (kind, dtype), (error, name) in sorted(worst.items()):
        print(f"{kind} {dtype}: {count[kind, dtype]} files, largest difference {error:.1e} ({name})")
    if failed:
        sys.exit("\n".join(failed))
    assert {key: count[key] for key in sorted(count)} == {
        ("npz", "f32"): 12,
        ("npz", "f64"): 12,
        ("onnx", "f32"): 48,
        ("onnx", "f64"): 48,
    }


if __name__ == "__main__":
    main()
