"""NumPy: handwritten backpropagation with matrix products; BLAS is the wheel's OpenBLAS."""

import time

import numpy as np
from common import Missing, serve

# f(z), and f'(z) from z and a = f(z).
ACTIVATIONS = {
    "relu": (lambda z: np.maximum(z, 0), lambda z, a: (z > 0).astype(z.dtype)),
    "leaky_relu": (lambda z: np.where(z > 0, z, 0.01 * z), lambda z, a: np.where(z > 0, 1, 0.01).astype(z.dtype)),
    "tanh": (np.tanh, lambda z, a: 1 - a * a),
    "sigmoid": (lambda z: 1 / (1 + np.exp(-z)), lambda z, a: a * (1 - a)),
}


class Engine:
    def __init__(self, setup):
        if setup.activation not in ACTIVATIONS:
            raise Missing("NumPy has no erf, which GELU needs")
        self.value, self.derivative = ACTIVATIONS[setup.activation]
        self.setup = setup
        parameters, self.x, self.y = setup.arrays()
        self.weights = [np.ascontiguousarray(w.T) for w, _ in parameters]  # n_in x n_out, as in x @ w + b
        self.biases = [b for _, b in parameters]
        self.moments = [(np.zeros_like(p), np.zeros_like(p)) for p in self.weights + self.biases]
        self.t = 0
        self.rows = np.arange(setup.batch)

    def predict(self, x):
        for w, b in zip(self.weights[:-1], self.biases[:-1]):
            x = self.value(x @ w + b)
        return x @ self.weights[-1] + self.biases[-1]

    def loss_and_delta(self, prediction):
        n, outputs = prediction.shape
        if self.setup.loss == "softmax-ce":
            z = prediction - prediction.max(axis=1, keepdims=True)
            e = np.exp(z)
            total = e.sum(axis=1, keepdims=True)
            loss = (np.log(total[:, 0]) - z[self.rows, self.y]).sum() / n
            delta = e / total
            delta[self.rows, self.y] -= 1
            delta /= n
            return loss, delta
        error = prediction - self.y
        factor = 0.5 / n if self.setup.loss == "half-mse" else 1 / (n * outputs)
        return factor * np.vdot(error, error), (2 * factor) * error

    def step(self):
        pre_activations, activations = [], [self.x]
        for w, b in zip(self.weights[:-1], self.biases[:-1]):
            z = activations[-1] @ w
            z += b
            pre_activations.append(z)
            activations.append(self.value(z))
        loss, delta = self.loss_and_delta(activations[-1] @ self.weights[-1] + self.biases[-1])
        weight_gradients, bias_gradients = [], []
        for i in reversed(range(len(self.weights))):
            weight_gradients.insert(0, activations[i].T @ delta)
            bias_gradients.insert(0, delta.sum(axis=0))
            if i > 0:
                delta = delta @ self.weights[i].T
                delta *= self.derivative(pre_activations[i - 1], activations[i])
        self.update(weight_gradients + bias_gradients)
        return loss

    def update(self, gradients):
        rate = self.setup.learning_rate
        if self.setup.optimizer == "gd":
            for p, g in zip(self.weights + self.biases, gradients):
                g *= rate
                p -= g
            return
        self.t += 1
        correction1, correction2 = 1 - 0.9**self.t, (1 - 0.999**self.t) ** 0.5
        for p, g, (m, v) in zip(self.weights + self.biases, gradients, self.moments):
            m *= 0.9
            m += 0.1 * g
            v *= 0.999
            g *= g
            g *= 0.001
            v += g
            denominator = np.sqrt(v)
            denominator /= correction2
            denominator += 1e-8
            np.divide(m, denominator, out=denominator)
            denominator *= rate / correction1
            p -= denominator

    def check(self, steps):
        if self.setup.inference:
            return self.predict(self.x).ravel()
        return [self.step() for _ in range(steps)]

    def run(self, steps):
        start = time.perf_counter()
        if self.setup.inference:
            for _ in range(steps):
                self.predict(self.x)
        else:
            for _ in range(steps):
                self.step()
        return time.perf_counter() - start


serve(f"NumPy {np.__version__}", Engine)
