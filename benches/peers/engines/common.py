"""Code shared by the engines written in Python: the engine's side of the protocol, and reading of data."""

import json
import sys
from array import array


class Missing(Exception):
    """The engine does not support the request; the message says why."""


def read(path, typecode):
    """Reads the little-endian numbers of a raw file: `f` is f32, `d` is f64, `i` is class indices."""
    values = array(typecode)
    with open(path, "rb") as file:
        values.frombytes(file.read())
    if sys.byteorder != "little":
        values.byteswap()
    return values


class Setup:
    """The message `setup`. Its files are read as NumPy arrays in row order, which is the order of the raw bytes."""

    def __init__(self, message):
        self.layers = message["layers"]
        self.batch = message["batch"]
        self.activation = message["activation"]
        self.loss = message["loss"]
        self.optimizer = message["optimizer"]
        self.learning_rate = message["learning_rate"]
        self.dtype = message["dtype"]
        self.threads = message["threads"]
        self.message = message

    @property
    def inference(self):
        return self.loss is None

    @property
    def derivative(self):
        """The operation instead of a step: jvp, vjp or hvp; None for a step."""
        return self.optimizer if self.optimizer in ("jvp", "vjp", "hvp") else None

    @property
    def typecode(self):
        return "f" if self.dtype == "f32" else "d"

    def arrays(self):
        """Returns (weights and bias of each layer, input, target); weights are n_out x n_in, samples are rows."""
        import numpy as np

        def load(path, *shape, typecode=self.typecode):
            return np.array(read(path, typecode)).reshape(shape)

        message, sizes = self.message, list(zip(self.layers, self.layers[1:]))
        parameters = [
            (load(w, n_out, n_in), load(b, n_out))
            for w, b, (n_in, n_out) in zip(message["weights"], message["biases"], sizes)
        ]
        x = load(message["input"], self.batch, self.layers[0])
        if self.inference:
            y = None
        elif self.loss == "softmax-ce":
            y = load(message["target"], self.batch, typecode="i")
        else:
            y = load(message["target"], self.batch, self.layers[-1])
        return parameters, x, y


def serve(version, engine_type):
    """Answers messages until the input ends. `engine_type(setup)` has `check(steps)` and `run(steps)`."""
    replies = sys.stdout
    sys.stdout = sys.stderr  # a library that prints must not break the protocol
    engine = None
    for line in sys.stdin:
        message = json.loads(line)
        try:
            if message["do"] == "setup":
                engine = None  # frees its memory before the next engine allocates
                engine = engine_type(Setup(message))
                reply = {"ready": version}
            elif message["do"] == "check":
                reply = {"values": [float(value) for value in engine.check(message["steps"])]}
            else:
                reply = {"seconds": engine.run(message["steps"])}
        except Missing as reason:
            reply = {"missing": str(reason)}
        print(json.dumps(reply), file=replies, flush=True)
