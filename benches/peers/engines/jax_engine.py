"""JAX: jax.jit, called once per step; with the argument `scan`, many steps within one call by jax.lax.scan."""

import sys
import time

import jax
import jax.numpy as jnp
from common import Missing, serve

SCAN = sys.argv[1:] == ["scan"]

ACTIVATIONS = {
    "relu": jax.nn.relu,
    "leaky_relu": lambda z: jax.nn.leaky_relu(z, 0.01),
    "tanh": jnp.tanh,
    "sigmoid": jax.nn.sigmoid,
    "gelu": lambda z: jax.nn.gelu(z, approximate=False),
}


class Engine:
    def __init__(self, setup):
        if SCAN and setup.inference:
            raise Missing("a scan has no single predictions to time")
        jax.config.update("jax_enable_x64", setup.dtype == "f64")
        self.setup = setup
        parameters, x, y = setup.arrays()
        parameters = [(jnp.array(w.T), jnp.array(b)) for w, b in parameters]
        self.x = jnp.array(x)
        if setup.inference:
            self.parameters = parameters
            self.predict = jax.jit(self.forward)
            return
        self.y = jnp.array(y)
        if setup.derivative:
            if SCAN:
                raise Missing("a scan has no single derivatives to time")
            self.parameters = parameters
            self.dx = self.x[::-1].copy()
            self.direction = [(w[:, ::-1].copy(), b[::-1].copy()) for w, b in parameters]
            self.derivative = jax.jit(getattr(self, setup.derivative))
            return
        moments = ()
        if setup.optimizer == "adam":
            # Separate memory for each, because a step takes it over.
            m, v = (jax.tree.map(jnp.zeros_like, parameters) for _ in range(2))
            moments = (m, v, jnp.zeros((), jnp.int32))
        self.state = (parameters, moments)
        self.compiled = {}

    def forward(self, parameters, x):
        activation = ACTIVATIONS[self.setup.activation]
        for w, b in parameters[:-1]:
            x = activation(x @ w + b)
        w, b = parameters[-1]
        return x @ w + b

    def jvp(self, parameters, x, y, dx, direction):
        return jax.jvp(lambda x: self.forward(parameters, x), (x,), (dx,))

    def vjp(self, parameters, x, y, dx, direction):
        prediction, pullback = jax.vjp(self.forward, parameters, x)
        return prediction, pullback(jnp.full_like(prediction, 1 / len(x)))

    def hvp(self, parameters, x, y, dx, direction):
        return jax.jvp(lambda p: jax.grad(self.loss)(p, x, y), (parameters,), (direction,))

    def loss(self, parameters, x, y):
        prediction = self.forward(parameters, x)
        if self.setup.loss == "softmax-ce":
            logs = jax.nn.log_softmax(prediction)
            return -jnp.take_along_axis(logs, y[:, None], axis=1).mean()
        if self.setup.loss == "mse":
            return ((prediction - y) ** 2).mean()
        return 0.5 * ((prediction - y) ** 2).sum() / len(y)

    def step(self, state, x, y):
        parameters, moments = state
        rate = self.setup.learning_rate
        loss, gradient = jax.value_and_grad(self.loss)(parameters, x, y)
        if not moments:
            return (jax.tree.map(lambda p, g: p - rate * g, parameters, gradient), ()), loss
        m, v, t = moments
        t = t + 1
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, gradient)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * (g * g), v, gradient)
        # In the parameters' type 1 - 0.999^t cancels, so the factors are computed by expm1.
        time = t.astype(loss.dtype)
        correction1 = -jnp.expm1(time * jnp.log(0.9).astype(loss.dtype))
        correction2 = jnp.sqrt(-jnp.expm1(time * jnp.log(0.999).astype(loss.dtype)))

        def update(p, m, v):
            return p - (rate / correction1) * m / (jnp.sqrt(v) / correction2 + 1e-8)

        return (jax.tree.map(update, parameters, m, v), (m, v, t)), loss

    def steps(self, length):
        """Returns `length` steps as one compiled function, whose input state is donated."""
        if length not in self.compiled:

            def scan(state, x, y):
                return jax.lax.scan(lambda state, _: self.step(state, x, y), state, length=length)

            function = jax.jit(scan if SCAN else self.step, donate_argnums=0)
            self.compiled[length] = function.lower(self.state, self.x, self.y).compile() if SCAN else function
        return self.compiled[length]

    def check(self, steps):
        if self.setup.inference:
            return self.predict(self.parameters, self.x).ravel().tolist()
        if self.setup.derivative:
            _, result = self.derivative(self.parameters, self.x, self.y, self.dx, self.direction)
            return [(array**2).sum().item() for array in jax.tree.leaves(result)]
        step, losses = self.steps(1), []
        for _ in range(steps):
            self.state, loss = step(self.state, self.x, self.y)
            losses.append(loss.item())
        return losses

    def run(self, steps):
        if self.setup.inference:
            start = time.perf_counter()
            for _ in range(steps):
                self.predict(self.parameters, self.x).block_until_ready()
            return time.perf_counter() - start
        if self.setup.derivative:
            start = time.perf_counter()
            for _ in range(steps):
                jax.block_until_ready(self.derivative(self.parameters, self.x, self.y, self.dx, self.direction))
            return time.perf_counter() - start
        # The length of a scan is compiled in, so every count is made up of a few lengths.
        calls = []
        for length in (1_000_000, 10_000, 100, 1) if SCAN else (1,):
            calls += [self.steps(length)] * (steps // length) if steps >= length else []
            steps %= length
        jax.block_until_ready(self.state)
        start = time.perf_counter()
        for call in calls:
            self.state, _ = call(self.state, self.x, self.y)
        jax.block_until_ready(self.state)
        return time.perf_counter() - start


serve(f"JAX {jax.__version__}", Engine)
