"""FANN, through the library that compare.py compiles from fann/fann_engine.c and passes as the argument."""

import ctypes
import sys
from array import array

from common import Missing, read, serve

LIBRARY = ctypes.CDLL(sys.argv[1])
LIBRARY.engine_new.restype = ctypes.c_void_p
LIBRARY.engine_train.restype = LIBRARY.engine_infer.restype = ctypes.c_double


def pointer(numbers):
    return ctypes.c_void_p(numbers.buffer_info()[0] if numbers else None)


class Network:
    def __init__(self, layers, activation, weights, samples, x, y, rate):
        self.outputs = array(x.typecode, bytes(samples * layers[-1] * x.itemsize))
        self.network = LIBRARY.engine_new(
            len(layers),
            (ctypes.c_uint * len(layers))(*layers),
            activation.encode(),
            pointer(weights),
            samples,
            pointer(x),
            pointer(y),
            ctypes.c_float(rate),
        )
        if not self.network:
            raise Missing(f"this FANN has no {activation}")
        self.network = ctypes.c_void_p(self.network)

    def __del__(self):
        if self.network:
            LIBRARY.engine_delete(self.network)

    def predict(self):
        LIBRARY.engine_predict(self.network, pointer(self.outputs))
        return self.outputs

    def train(self, steps):
        return LIBRARY.engine_train(self.network, ctypes.c_ulong(steps))

    def infer(self, steps):
        return LIBRARY.engine_infer(self.network, ctypes.c_ulong(steps))


def learns_relu(typecode):
    """Returns whether a hidden neuron with z < 0 stays unchanged, as the derivative 0 demands."""

    def numbers(*values):
        return array(typecode, values)

    network = Network([1, 1, 1], "relu", numbers(-1, 0, 1, 0), 1, numbers(1), numbers(1), 2.0)
    network.train(1)
    return network.predict()[0] == 2.0


class Engine:
    def __init__(self, setup):
        if setup.loss == "softmax-ce":
            raise Missing("FANN has no softmax cross-entropy")
        if setup.optimizer == "adam":
            raise Missing("FANN has no Adam")
        layers, typecode, message = setup.layers, setup.typecode, setup.message
        if setup.activation == "relu" and not setup.inference and not learns_relu(typecode):
            raise Missing("computes different results (its ReLU has the derivative 1 where z < 0)")
        self.setup = setup
        weights = array(typecode)
        for i, (n_in, n_out) in enumerate(zip(layers, layers[1:])):
            w, b = read(message["weights"][i], typecode), read(message["biases"][i], typecode)
            for j in range(n_out):
                weights += w[j * n_in : (j + 1) * n_in]
                weights.append(b[j])
        x = read(message["input"], typecode)
        self.y = None if setup.inference else read(message["target"], typecode)
        # FANN minimizes the half squared error.
        rate = setup.learning_rate * (2 / layers[-1] if setup.loss == "mse" else 1)
        self.network = Network(layers, setup.activation, weights, setup.batch, x, self.y, rate)

    def loss(self):
        # FANN's own loss is in f32 even for f64 networks.
        n, outputs = self.setup.batch, self.setup.layers[-1]
        squares = sum((p - y) ** 2 for p, y in zip(self.network.predict(), self.y))
        return squares / (2 * n if self.setup.loss == "half-mse" else n * outputs)

    def check(self, steps):
        if self.setup.inference:
            return self.network.predict()
        losses = []
        for _ in range(steps):
            losses.append(self.loss())
            self.network.train(1)
        return losses

    def run(self, steps):
        return self.network.infer(steps) if self.setup.inference else self.network.train(steps)


serve("FANN", Engine)
