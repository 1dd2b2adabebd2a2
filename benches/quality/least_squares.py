#!/usr/bin/env python3
"""Fits sinc with [1, 20, 1] from the same 20 starts by `GaussNewton` and by scipy's Levenberg-Marquardt method.

    python3 -m venv venv && venv/bin/pip install -r benches/quality/requirements.txt
    venv/bin/python benches/quality/least_squares.py [STEPS] [SEEDS]

200 points of sin(x) / x on [-10, 10], of which the network sees x / 10; tanh, mean squared error, float64, one thread.
`scipy.optimize.least_squares(method="lm")` runs until it converges or has called the residuals 100 times as often as
there are parameters, its default, once with differences (its default) and once with the analytic Jacobian. `GaussNewton`
takes STEPS steps, 10000 by default. For a seed, the script prints the mean squared errors and the seconds.
"""

import os

for variable in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"]:
    os.environ[variable] = "1"

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from scipy.optimize import least_squares

HIDDEN = 20
INPUT = np.linspace(-1.0, 1.0, 200)
TARGET = np.sin(10 * INPUT) / (10 * INPUT)


def hidden(w):
    return np.tanh(np.outer(w[:HIDDEN], INPUT) + w[HIDDEN : 2 * HIDDEN, None])


def residuals(w):
    return w[2 * HIDDEN : 3 * HIDDEN] @ hidden(w) + w[3 * HIDDEN] - TARGET


def jacobian(w):
    a = hidden(w)
    slope = (1 - a * a) * w[2 * HIDDEN : 3 * HIDDEN, None]
    return np.concatenate([slope * INPUT, slope, a, np.ones((1, len(INPUT)))]).T


def scipy_fit(start, jac):
    began = time.perf_counter()
    fit = least_squares(residuals, start, jac=jac, method="lm")
    return 2 * fit.cost / len(INPUT), time.perf_counter() - began


def main():
    steps, seeds = (int(x) for x in (sys.argv[1:] + ["10000", "20"][len(sys.argv) - 1 :])[:2])
    build = ["cargo", "build", "--release", "--locked", "--example", "least_squares"]
    root = Path(__file__).resolve().parents[2]
    subprocess.run(build, cwd=root, check=True)
    target = Path(os.environ.get("CARGO_TARGET_DIR", root / "target"))
    program = target / "release" / "examples" / "least_squares"
    lines = subprocess.run([program, str(steps)], check=True, capture_output=True, text=True).stdout.splitlines()
    rows = []
    for seed, line in enumerate(lines[:seeds]):
        start, ours = (np.array(part.split(), float) for part in line.split("result"))
        rows.append([*ours, *scipy_fit(start, "2-point"), *scipy_fit(start, jacobian)])
        print(seed, *(f"{x:.2e}" for x in rows[-1]), flush=True)
    medians = np.median(rows, axis=0)
    for name, (error, seconds) in zip(["GaussNewton", "scipy, differences", "scipy, Jacobian"], medians.reshape(3, 2)):
        print(f"{name}: mean squared error {error:.1e}, {seconds:.2f} s (medians)")


if __name__ == "__main__":
    main()
