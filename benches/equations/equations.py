#!/usr/bin/env python3
"""Solves differential equations by networks with JAX, PyTorch and this project, and compares the times to accuracy.

    python3 -m venv venv && venv/bin/pip install -r benches/peers/requirements.txt
    venv/bin/python benches/equations/equations.py

All start with the same parameters and take the same steps on the same points. The time is that of the steps until the
largest error on a grid is at most the tolerance; the error is looked at after each chunk of steps, outside of the time.
JAX runs a chunk in one `lax.scan` under `jit`; compiling is not in the time. PyTorch differentiates twice in reverse
mode, and has L-BFGS; JAX has no such optimizer, and neither has Gauss-Newton. `--threads 2` gives every engine two threads, and `--case` selects cases.
"""

import argparse
import json
import os
import subprocess
import time
from pathlib import Path

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--threads", type=int, default=1)
arguments.add_argument("--case", nargs="*", help="names of cases, such as heat-adam-float64")
arguments.add_argument("--rounds", type=int, default=3, help="the best of that many runs counts")
arguments = arguments.parse_args()
for variable in ["OMP_NUM_THREADS", "MKL_NUM_THREADS", "MLP_NUM_THREADS"]:
    os.environ[variable] = str(arguments.threads)
os.environ["XLA_FLAGS"] = f"--xla_cpu_multi_thread_eigen={'true' if arguments.threads > 1 else 'false'}"
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.threads])

import jax
import jax.numpy as jnp
import numpy as np
import torch

jax.config.update("jax_enable_x64", True)
torch.set_num_threads(arguments.threads)
ROOT = Path(__file__).resolve().parents[2]
K = 0.1


def oscillator():
    """u'' = -u on [0, 2 pi], u(0) = 0, u'(0) = 1."""
    x = np.linspace(0, 2 * np.pi, 201)[:, None]
    return x, np.zeros((1, 1)), np.array([[0.0, 1.0]]), np.linspace(0, 2 * np.pi, 1001)[:, None], np.sin


def heat():
    """u_t = K u_xx on [0, 1] x [0, 1], u(0, x) = sin(pi x), u(t, 0) = u(t, 1) = 0."""
    u = lambda p: np.exp(-K * np.pi**2 * p[:, :1]) * np.sin(np.pi * p[:, 1:])
    side = lambda n: np.linspace(0, 1, n)
    grid = lambda n: np.stack(np.meshgrid(side(n), side(n), indexing="ij"), -1).reshape(-1, 2)
    fixed = lambda t, x: np.stack(np.broadcast_arrays(t, x), -1)
    edge = np.concatenate([fixed(0.0, side(51)), fixed(side(51), 0.0), fixed(side(51), 1.0)])
    return grid(32), edge, u(edge), grid(61), u


# Layers, largest error, chunk of steps, most steps, weight of the edge.
PROBLEMS = {"oscillator": (oscillator, [1, 32, 32, 1], 1e-4), "heat": (heat, [2, 32, 32, 32, 1], 1e-3)}
OPTIMIZERS = {"adam": (2e-3, 500, 100_000), "lbfgs": (1.0, 20, 4000), "gauss_newton": (1.0, 5, 500)}


def job(problem, optimizer, dtype):
    make, layers, tolerance = PROBLEMS[problem]
    learning_rate, chunk, steps = OPTIMIZERS[optimizer]
    interior, edge, values, grid, solution = make()
    rng = np.random.default_rng(3)
    sizes = list(zip(layers, layers[1:]))
    weights = [rng.uniform(-1, 1, (b, a)) * np.sqrt(6 / (a + b)) for a, b in sizes]
    return {
        "problem": problem, "optimizer": optimizer, "dtype": dtype, "learning_rate": learning_rate,
        "parameters": [(w, np.zeros(len(w))) for w in weights], "interior": interior, "edge": edge, "values": values,
        "edge_weight": 10.0, "grid": grid, "solution": solution(grid).ravel(), "tolerance": tolerance, "chunk": chunk,
        "steps": steps,
    }  # fmt: skip


def until_solved(job, run, predict):
    """Runs chunks of steps until the error is small enough."""
    seconds, steps, error = 0.0, 0, np.inf
    while error > job["tolerance"] and steps < job["steps"]:
        start = time.perf_counter()
        run()
        seconds += time.perf_counter() - start
        steps += job["chunk"]
        error = np.abs(predict() - job["solution"]).max()
    return {"seconds": seconds, "steps": steps, "error": float(error)}


def in_jax(job):
    if job["optimizer"] != "adam":
        return None
    array = lambda a: jnp.asarray(a, job["dtype"])
    interior, edge, values, grid = (array(job[name]) for name in ["interior", "edge", "values", "grid"])
    parameters = [(array(w), array(b)) for w, b in job["parameters"]]

    def u(parameters, *x):
        a = jnp.stack(x)
        for w, b in parameters[:-1]:
            a = jnp.tanh(w @ a + b)
        w, b = parameters[-1]
        return (w @ a + b)[0]

    def along(f, x):
        return jax.jvp(f, (x,), (jnp.ones_like(x),))[1]

    def residual(parameters, x):
        if job["problem"] == "oscillator":
            f = lambda s: u(parameters, s)
            return along(lambda s: along(f, s), x[0]) + f(x[0])
        f = lambda t, s: u(parameters, t, s)
        u_xx = along(lambda s: along(lambda s: f(x[0], s), s), x[1])
        return along(lambda t: f(t, x[1]), x[0]) - K * u_xx

    def at_edge(parameters, x, values):
        f = lambda *x: u(parameters, *x)
        found = [f(*x)] + ([along(f, x[0])] if job["problem"] == "oscillator" else [])
        return jnp.stack(found) - values

    def loss(parameters):
        inside = jax.vmap(lambda x: residual(parameters, x))(interior)
        outside = jax.vmap(lambda x, v: at_edge(parameters, x, v))(edge, values)
        return 0.5 * jnp.mean(inside**2) + 0.5 * job["edge_weight"] * jnp.mean(jnp.sum(outside**2, 1))

    def step(state, _):
        parameters, m, v, t = state
        gradient = jax.grad(loss)(parameters)
        t = t + 1
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, gradient)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, gradient)
        rate = job["learning_rate"] * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        epsilon = 1e-8 * jnp.sqrt(1 - 0.999**t)
        move = lambda p, m, v: (p - rate * m / (jnp.sqrt(v) + epsilon)).astype(p.dtype)
        return (jax.tree.map(move, parameters, m, v), m, v, t), None

    zeros = jax.tree.map(jnp.zeros_like, parameters)
    state = (parameters, zeros, zeros, array(0))
    chunk = jax.jit(lambda state: jax.lax.scan(step, state, None, length=job["chunk"])[0])
    predict = jax.jit(jax.vmap(lambda parameters, x: u(parameters, *x), (None, 0)))
    jax.block_until_ready(chunk(state))

    def run():
        nonlocal state
        state = jax.block_until_ready(chunk(state))

    return until_solved(job, run, lambda: np.asarray(predict(state[0], grid)))


def in_torch(job):
    if job["optimizer"] == "gauss_newton":
        return None
    array = lambda a: torch.tensor(a, dtype=getattr(torch, job["dtype"]))
    interior, edge, values, grid = (array(job[name]) for name in ["interior", "edge", "values", "grid"])
    parameters = [array(p).requires_grad_() for layer in job["parameters"] for p in layer]
    interior.requires_grad_()
    edge.requires_grad_()

    def u(x):
        for i in range(0, len(parameters) - 2, 2):
            x = torch.tanh(torch.nn.functional.linear(x, parameters[i], parameters[i + 1]))
        return torch.nn.functional.linear(x, parameters[-2], parameters[-1])

    gradient = lambda y, x: torch.autograd.grad(y.sum(), x, create_graph=True)[0]

    def loss():
        value = u(interior)
        first = gradient(value, interior)
        second = gradient(first[:, -1], interior)[:, -1:]
        inside = second + value if job["problem"] == "oscillator" else first[:, :1] - K * second
        found = u(edge)
        if job["problem"] == "oscillator":
            found = torch.cat([found, gradient(found, edge)], 1)
        outside = ((found - values) ** 2).sum(1)
        return 0.5 * (inside**2).mean() + 0.5 * job["edge_weight"] * outside.mean()

    def closure():
        optimizer.zero_grad()
        value = loss()
        value.backward()
        return value

    if job["optimizer"] == "adam":
        optimizer = torch.optim.Adam(parameters, lr=job["learning_rate"], fused=True)
    else:
        optimizer = torch.optim.LBFGS(
            parameters, lr=1.0, max_iter=job["chunk"], max_eval=10**9, history_size=10, tolerance_grad=0,
            tolerance_change=0, line_search_fn="strong_wolfe",
        )  # fmt: skip

    def run():
        for _ in range(job["chunk"] if job["optimizer"] == "adam" else 1):
            optimizer.step(closure)

    def predict():
        with torch.no_grad():
            return u(grid).numpy()[:, 0]

    return until_solved(job, run, predict)


class Ours:
    def __init__(self):
        build = ["cargo", "build", "--release", "--quiet", "--example", "equations", "-p", "mlp-tests"]
        subprocess.run(build, cwd=ROOT, check=True)
        target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
        command = [target / "release" / "examples" / "equations"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, job):
        job = job | {"parameters": [(w.T.ravel(), b) for w, b in job["parameters"]]}
        print(json.dumps(job, default=lambda a: a.tolist()), file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())


def main():
    engines = {"ours": Ours(), "JAX": in_jax, "PyTorch": in_torch}
    print("| case | " + " | ".join(f"{name}: s, steps" for name in engines) + " | ours / best |\n|" + "---|" * 5)
    for problem in PROBLEMS:
        for optimizer in OPTIMIZERS:
            for dtype in ["float64", "float32"]:
                name = f"{problem}-{optimizer}-{dtype}"
                if arguments.case and name not in arguments.case:
                    continue
                best = {}
                for _ in range(arguments.rounds):
                    for engine, solve in engines.items():
                        result = solve(job(problem, optimizer, dtype))
                        if result and result["seconds"] < best.get(engine, {"seconds": np.inf})["seconds"]:
                            best[engine] = result
                show = lambda r: f"{r['seconds']:.3g}, {r['steps']}" + (
                    "" if r["error"] <= PROBLEMS[problem][2] else f" (error {r['error']:.1e})"
                )
                cells = [show(best[engine]) if engine in best else "-" for engine in engines]
                peers = [r["seconds"] for engine, r in best.items() if engine != "ours"]
                ratio = f"{best['ours']['seconds'] / min(peers):.3f}" if peers else "-"
                print(f"| {name} | " + " | ".join(cells) + f" | {ratio} |", flush=True)


if __name__ == "__main__":
    main()
