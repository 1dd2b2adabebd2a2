#!/usr/bin/env python3
"""Times this project and its peers: the same networks, from the same weights, in interleaved rounds.

Each engine is a process that speaks the protocol of README.md. Before an engine is timed, its results are compared with
those of the others. The script needs Python 3.10 and its standard library; README.md lists the needs of the engines.
"""

import argparse
import ctypes
import importlib.util
import json
import math
import os
import platform
import random
import re
import shlex
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
from array import array
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent

# The losses compared before anything is timed: the first, and those after 1 to 10 steps.
CHECK_STEPS = 11

# Powers of two, so that they are the same numbers in f32 and f64. The rates of the check move the loss. The rates of
# the timing are so small that a network hardly changes, however long the measurement: it stays far from NaN, subnormal
# numbers and perfect fits.
CHECK_RATE = {"gd": 2.0**-7, "adam": 2.0**-10}
TIMING_RATE = {"gd": 2.0**-20, "adam": 2.0**-27}

# The largest allowed difference from the median of all engines, relative to the loss.
TOLERANCE = {"f32": 1e-5, "f64": 1e-9}

# Engines that store something in less than f64 in f64 networks: Burn the decays of Adam (in f32), FANN the learning
# rate (in f32), Candle the error function (to 1e-8).
TOLERANCE_F64 = {"burn-flex": 1e-5, "fann": 1e-7, "candle": 1e-7}


@dataclass
class Workload:
    name: str
    layers: list
    batch: int
    activation: str
    loss: str | None  # None: inference
    optimizer: str | None  # or one of DERIVATIVES, which changes no parameters

    @property
    def flops(self):
        """Multiplications and additions of the matrix products: forward, and in training also dL/dW of all layers and
        dL/da of all layers except the first."""
        macs = [a * b for a, b in zip(self.layers, self.layers[1:])]
        if self.optimizer in DERIVATIVES:
            first, rest = macs[0], sum(macs[1:])
            products = {"jvp": (2, 2), "vjp": (3, 3), "hvp": (4, 9)}[self.optimizer]
            return 2 * self.batch * (products[0] * first + products[1] * rest)
        return 2 * self.batch * (sum(macs) if self.loss is None else 3 * sum(macs) - macs[0])

    def __str__(self):
        what = [self.activation, self.loss or "inference"] + ([self.optimizer] if self.optimizer else [])
        return f"{self.name}: {self.layers} x {self.batch}, " + ", ".join(what)


def inference(name, layers, activation="relu"):
    return Workload(name, layers, 1, activation, None, None)


# Derivatives that are not the gradient of a step, with the number of results of the check: a forward pass with its
# tangent along the samples in reverse order; forward pass and gradients of inputs and parameters from dL/dy = 1/N; the
# product of the Hessian and the parameters, with the outputs of each layer in reverse order. (Along the samples and the
# parameters themselves, a compiler could share products with the values.) The results are sums of squares, one for each
# array.
DERIVATIVES = {
    "jvp": lambda layers: 1,
    "vjp": lambda layers: 2 * len(layers) - 1,
    "hvp": lambda layers: 2 * len(layers) - 2,
}


def derivatives(name, *network):
    return [Workload(f"{operation}-{name}", *network, operation) for operation in DERIVATIVES]


MNIST_M = [784, 512, 512, 10]
WORKLOADS = [
    Workload("nb-1", [1, 1, 1], 3, "leaky_relu", "half-mse", "gd"),
    Workload("nb-2", [1, 4, 3, 1], 3, "leaky_relu", "half-mse", "gd"),
    Workload("tabular", [13, 64, 64, 1], 32, "relu", "mse", "adam"),
    Workload("tabular-tanh", [13, 64, 64, 1], 32, "tanh", "mse", "adam"),
    Workload("simplechains", [4, 32, 16, 4], 10_000, "tanh", "mse", "adam"),
    Workload("mnist-s", [784, 128, 10], 32, "relu", "softmax-ce", "gd"),
    Workload("mnist-a", [784, 128, 10], 128, "relu", "softmax-ce", "adam"),
    Workload("mnist-m", MNIST_M, 128, "relu", "softmax-ce", "adam"),
    Workload("mnist-gelu", MNIST_M, 128, "gelu", "softmax-ce", "adam"),
    Workload("wide", [1024, 4096, 4096, 1024], 512, "relu", "mse", "gd"),
    Workload("peak-512", [784, 512, 512, 64], 128, "relu", "half-mse", "gd"),
    Workload("peak-128", [784, 128, 64], 32, "relu", "half-mse", "gd"),
    Workload("peak-64", [64, 64, 64, 64], 32, "relu", "half-mse", "gd"),
    Workload("peak-32", [32, 32, 32, 32], 32, "relu", "half-mse", "gd"),
    Workload("peak-45", [45, 45, 45, 45], 33, "relu", "half-mse", "gd"),
    inference("infer-nb2", [1, 4, 3, 1], "leaky_relu"),
    inference("infer-16", [16, 32, 32, 4]),
    inference("infer-64", [64, 64, 64, 64, 8]),
    inference("infer-tabular", [13, 64, 64, 1]),
    *derivatives("nb2", [1, 4, 3, 1], 3, "tanh", "half-mse"),
    *derivatives("tabular", [13, 64, 64, 1], 32, "tanh", "mse"),
    *derivatives("mnist-m", MNIST_M, 128, "relu", "softmax-ce"),
]

# The three samples of the notebook.
NOTEBOOK = {"nb-1", "nb-2"}
ACTIVATIONS = ["relu", "leaky_relu", "tanh", "sigmoid", "gelu"]


class Missing(Exception):
    """An engine that cannot be timed; the message says why."""


# ---------------------------------------------------------------------------------------------------------------------
# Building


def cargo(engine, native=False):
    """Builds an engine of rust/ and returns the command that runs it."""
    if not shutil.which("cargo"):
        raise Missing("cargo is not installed")
    # RUSTFLAGS apply to all crates of a build, so `ours`, which is built without flags, has its own target directory.
    target = Path(os.environ.get("CARGO_TARGET_DIR", HERE / "rust" / "target")) / ("native" if native else "portable")
    environment = {k: v for k, v in os.environ.items() if k not in ("RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS")}
    environment |= {"CARGO_TARGET_DIR": str(target), "RUSTFLAGS": "-C target-cpu=native" if native else ""}
    binary = engine.replace("-", "_")
    command = ["cargo", "build", "--release", "--manifest-path", HERE / "rust" / "Cargo.toml"]
    command += ["--features", engine, "--bin", binary]
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    if result.returncode != 0:
        errors = [line for line in result.stderr.splitlines() if line.startswith("error")]
        raise Missing(f"does not build: {errors[0] if errors else result.stderr.strip().splitlines()[-1]}")
    return [str(target / "release" / binary)]


def python(script, needs, *arguments):
    """Returns the command that runs engines/`script`, if `needs` can be imported."""
    if not importlib.util.find_spec(needs):
        raise Missing(f"the Python package {needs} is not installed")
    return [sys.executable, str(HERE / "engines" / script), *arguments]


def fann(options, scratch):
    """Returns the command that runs FANN, through a small library that times its calls, compiled against the installed
    FANN."""
    prefix = Path(options.fann) if options.fann else None
    flags = []
    if prefix:
        libraries = [prefix / "lib", prefix / "lib64", *(prefix / "lib").glob("*-linux-gnu")]
        flags = [f"-I{prefix / 'include'}"]
        flags += [flag for path in libraries if path.is_dir() for flag in (f"-L{path}", f"-Wl,-rpath,{path.resolve()}")]
    compiler = shlex.split(os.environ.get("CC", "cc"))
    if not shutil.which(compiler[0]):
        raise Missing(f"{compiler[0]} is not installed")
    library = scratch / f"fann_engine_{options.dtype}.so"
    command = [*compiler, "-O3", "-march=native", "-shared", "-fPIC", "-o", library, HERE / "fann" / "fann_engine.c"]
    command += ["-DDOUBLE", *flags, "-ldoublefann"] if options.dtype == "f64" else [*flags, "-lfloatfann"]
    # FANN 2.3 added ReLU and leaky ReLU.
    for rectifiers in (["-DRECTIFIERS"], []):
        result = subprocess.run(command + rectifiers, capture_output=True, text=True)
        if result.returncode == 0:
            return [sys.executable, str(HERE / "engines" / "fann_engine.py"), str(library)]
    where = f"in {prefix}" if prefix else "in the system (set its directory with --fann PREFIX)"
    lines = [line for line in result.stderr.splitlines() if "error" in line or "cannot find" in line]
    raise Missing(f"no FANN library {where}: {lines[0].split('error: ')[-1] if lines else result.stderr.strip()}")


ENGINES = {
    "ours": lambda options, scratch: cargo("ours"),
    "numpy": lambda options, scratch: python("numpy_engine.py", "numpy"),
    "jax": lambda options, scratch: python("jax_engine.py", "jax"),
    "jax-scan": lambda options, scratch: python("jax_engine.py", "jax", "scan"),
    "pytorch": lambda options, scratch: python("pytorch_engine.py", "torch"),
    "fann": fann,
    "burn-flex": lambda options, scratch: cargo("burn-flex", native=True),
    "candle": lambda options, scratch: cargo("candle", native=True),
}


# ---------------------------------------------------------------------------------------------------------------------
# Engines


PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


def prepare(cores):
    """Prepares a new process before it executes the engine."""
    # The threads of the engine inherit the cores, and libraries count them.
    os.sched_setaffinity(0, cores)
    # A stopped process would not notice that this one was killed, and would never exit.
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """A running engine. It is stopped except while it answers, so that none of its threads spins during the measurement
    of another engine."""

    def __init__(self, command, cores):
        threads = len(cores)
        environment = dict(os.environ)
        for variable in ("MLP", "OMP", "MKL", "OPENBLAS", "RAYON"):
            environment[f"{variable}_NUM_THREADS"] = str(threads)
        environment["JAX_PLATFORMS"] = "cpu"
        if threads == 1:
            environment["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
            env=environment,
            preexec_fn=lambda: prepare(cores),
        )
        self.process.send_signal(signal.SIGSTOP)

    def ask(self, **message):
        self.process.send_signal(signal.SIGCONT)
        try:
            print(json.dumps(message), file=self.process.stdin, flush=True)
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise Missing(f"the engine exited: {self.last_words()}")
        self.process.send_signal(signal.SIGSTOP)
        reply = json.loads(line)
        if "missing" in reply:
            raise Missing(reply["missing"])
        return reply

    def last_words(self):
        code = self.process.wait()
        self.log.seek(0)
        lines = self.log.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"exit code {code}"

    def peak_rss_mb(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s*(\d+) kB", status)[1]) / 1024

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        self.log.close()


@dataclass
class Entry:
    """An engine at a workload."""

    engine: str
    missing: str | None = None
    version: str | None = None
    process: Process | None = None
    values: list = field(default_factory=list)  # the answer to the check
    difference: float | None = None  # the difference of `values` from those of the others
    steps: int = 1  # in a measurement
    seconds: list = field(default_factory=list)  # per step, one number per round
    flops: float | None = None  # per step, if the engine counts them itself
    peak_rss_mb: float | None = None

    def attempt(self, action, *arguments):
        """Runs `action`; if the engine fails, records the reason and stops using the engine."""
        if self.missing is None:
            try:
                action(self, *arguments)
            except Missing as reason:
                self.fail(str(reason))

    def fail(self, reason):
        self.missing = reason
        self.seconds = []
        self.end()

    def end(self):
        if self.process:
            self.process.end()
            self.process = None

    def start(self, command, cores, setup):
        if self.process is None:
            self.process = Process(command, cores)
        self.version = self.process.ask(do="setup", **setup)["ready"]

    def check(self, count):
        self.values = self.process.ask(do="check", steps=CHECK_STEPS)["values"]
        if len(self.values) != count:
            raise Missing(f"computes different results ({len(self.values)} numbers, expected {count})")

    def run(self):
        return self.process.ask(do="run", steps=self.steps)["seconds"]

    def calibrate(self, seconds):
        """Finds the number of steps that takes about `seconds`."""
        self.run()  # warm-up
        while (taken := self.run()) < 0.25 * seconds:
            # At most tenfold at a time, because the clock may not have ticked yet.
            self.steps *= min(10, math.ceil(0.5 * seconds / max(taken, 1e-9)))
        # One significant digit: the lengths of a scan are compiled in, and few calls add up to a round number.
        self.steps = int(float(f"{max(1, self.steps * seconds / taken):.0e}"))

    def measure(self):
        self.seconds.append(self.run() / self.steps)

    def conclude(self):
        self.peak_rss_mb = self.process.peak_rss_mb()
        if self.engine == "peak":
            self.flops = self.process.ask(do="check", steps=1)["values"][0]

    @property
    def us_per_step(self):
        return 1e6 * statistics.median(self.seconds) if self.seconds else None

    def gflops(self, flops):
        return 1e-3 * flops / self.us_per_step if self.seconds else None


# ---------------------------------------------------------------------------------------------------------------------
# Data


def numbers(rng, count, scale):
    """Returns `count` numbers from -scale to scale."""
    # Repeats a prime number of random numbers: no two rows of a matrix are equal, and 25 million numbers are quick to
    # make.
    block = [rng.uniform(-scale, scale) for _ in range(min(count, 65_521))]
    return (block * math.ceil(count / len(block)))[:count]


def write_data(workload, dtype, directory):
    """Writes weights and samples as raw little-endian numbers; returns the part of `setup` that names the files."""
    rng = random.Random(1)
    message = {"weights": [], "biases": [], "target": None}

    def write(name, values, typecode):
        values = array(typecode, values)
        if sys.byteorder != "little":
            values.byteswap()
        path = directory / f"{name}.raw"
        path.write_bytes(values.tobytes())
        return str(path)

    typecode = "f" if dtype == "f32" else "d"
    layers, batch = workload.layers, workload.batch
    for i, (n_in, n_out) in enumerate(zip(layers, layers[1:])):
        # Variance 1 / n_in: values neither grow nor shrink from layer to layer.
        message["weights"].append(write(f"w{i}", numbers(rng, n_in * n_out, math.sqrt(3 / n_in)), typecode))
        message["biases"].append(write(f"b{i}", numbers(rng, n_out, 0.1), typecode))
    notebook = workload.name in NOTEBOOK
    x = [2, -1, 3] if notebook else numbers(rng, layers[0] * batch, math.sqrt(3))
    message["input"] = write("input", x, typecode)
    if workload.loss == "softmax-ce":
        classes = [rng.randrange(layers[-1]) for _ in range(batch)]
        message["target"] = write("target", classes, "i")
    elif workload.loss:
        y = [3, 1, 5] if notebook else numbers(rng, layers[-1] * batch, 1)
        message["target"] = write("target", y, typecode)
    return message


# ---------------------------------------------------------------------------------------------------------------------
# Comparing


def difference(values, reference):
    """Returns the largest difference, relative to the largest value of `reference`."""
    scale = max(abs(r) for r in reference)
    return max(abs(v - r) for v, r in zip(values, reference)) / scale


def judge(entries, dtype):
    """Excludes every engine that differs from the median of all answers."""
    for entry in entries:
        if not all(map(math.isfinite, entry.values)):
            entry.fail("computes different results (numbers that are not finite)")
    entries = [entry for entry in entries if entry.missing is None]
    columns = zip(*(entry.values for entry in entries))
    reference = [statistics.median(column) for column in columns]
    for entry in entries:
        entry.difference = difference(entry.values, reference)
        tolerance = TOLERANCE[dtype]
        if dtype == "f64":
            tolerance = TOLERANCE_F64.get(entry.engine, tolerance)
        if not entry.difference <= tolerance:
            entry.fail(f"computes different results (differs by {entry.difference:.1e}, allowed {tolerance:.0e})")


def results(workload):
    """Returns the number of results of the check."""
    if workload.optimizer in DERIVATIVES:
        return DERIVATIVES[workload.optimizer](workload.layers)
    return CHECK_STEPS if workload.loss else workload.layers[-1]


def compare(workload, commands, options, cores, scratch):
    """Checks and times every engine at a workload; returns the entries of the engines and of the multiply-add peak."""
    commands = commands | {"peak": [*commands["ours"], "peak"]}
    entries = [Entry(engine) for engine in ENGINES if engine in options.engines]
    peak = Entry("peak")
    everyone = [*entries, peak]
    for entry in entries:
        if isinstance(commands[entry.engine], str):
            entry.fail(commands[entry.engine])
        elif workload.optimizer in DERIVATIVES and entry.engine not in ("ours", "jax", "pytorch"):
            entry.fail("does not take part in derivatives")
    setup = {
        "layers": workload.layers,
        "batch": workload.batch,
        "activation": workload.activation,
        "loss": workload.loss,
        "optimizer": workload.optimizer,
        "dtype": options.dtype,
        "threads": options.threads,
    }
    try:
        with tempfile.TemporaryDirectory(dir=scratch) as directory:
            setup |= write_data(workload, options.dtype, Path(directory))
            setup["learning_rate"] = CHECK_RATE.get(workload.optimizer, 0.0)
            for entry in entries:
                entry.attempt(Entry.start, commands[entry.engine], cores, setup)
                entry.attempt(Entry.check, results(workload))
            judge(entries, options.dtype)
            setup["learning_rate"] = TIMING_RATE.get(workload.optimizer, 0.0)
            for entry in everyone:
                entry.attempt(Entry.start, commands[entry.engine], cores, setup)
        for entry in everyone:
            entry.attempt(Entry.calibrate, options.seconds)
        rng = random.Random(1)
        order = list(everyone)
        for _ in range(options.rounds):
            rng.shuffle(order)
            for entry in order:
                entry.attempt(Entry.measure)
        for entry in everyone:
            entry.attempt(Entry.conclude)
    finally:
        for entry in everyone:
            entry.end()
    return entries, peak


def records(workload, entries, peak, options, machine):
    """Returns the objects that --json writes: one per engine, including missing ones."""
    peers = [entry.us_per_step for entry in entries if entry.engine != "ours" and entry.seconds]
    best = min(peers, default=None)
    peak_gflops = peak.gflops(peak.flops)
    for entry in entries:
        gflops, us = entry.gflops(workload.flops), entry.us_per_step
        yield {
            "workload": workload.name,
            "layers": workload.layers,
            "batch": workload.batch,
            "activation": workload.activation,
            "loss": workload.loss,
            "optimizer": workload.optimizer,
            "dtype": options.dtype,
            "threads": options.threads,
            "engine": entry.engine,
            "version": entry.version,
            "missing": entry.missing,
            "us_per_step": us,
            "samples_per_s": 1e6 * workload.batch / us if us else None,
            "gflops": gflops,
            "peak_gflops": peak_gflops,
            "share_of_peak": gflops / peak_gflops if us and peak_gflops else None,
            "ratio_to_best_peer": us / best if us and best else None,
            "peak_rss_mb": entry.peak_rss_mb,
            "difference": entry.difference,
            "rounds": options.rounds,
            "seconds": options.seconds,
            "machine": machine | {"instructions": peak.version},
        }


def print_table(rows):
    header = ["engine", "us/step", "samples/s", "GFLOP/s", "of peak", "vs best peer", "RSS MB"]
    keys = ["us_per_step", "samples_per_s", "gflops", "share_of_peak", "ratio_to_best_peer", "peak_rss_mb"]
    formats = ["{:.4g}", "{:.4g}", "{:.3g}", "{:.1%}", "{:.2f}", "{:.0f}"]
    print(f"  {header[0]:<10}" + "".join(f"{title:>14}" for title in header[1:]))
    for row in rows:
        if row["missing"]:
            print(f"  {row['engine']:<10}  missing: {row['missing']}")
            continue
        cells = [plain(f, row[k]) if row[k] is not None else "-" for f, k in zip(formats, keys)]
        print(f"  {row['engine']:<10}" + "".join(f"{cell:>14}" for cell in cells))
    print(flush=True)


def plain(form, value):
    """Formats a number without an exponent."""
    text = form.format(value)
    return f"{float(text):.0f}" if "e+" in text else text


def machine_facts():
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        found = re.search(r"model name\s*:\s*(.+)", info.read_text())
        cpu = found[1] if found else cpu
    return {"cpu": cpu, "cores": len(os.sched_getaffinity(0)), "system": platform.system(), "arch": platform.machine()}


# ---------------------------------------------------------------------------------------------------------------------
# Options


def sizes(text):
    try:
        values = [int(part) for part in text.split(",")]
    except ValueError:
        values = []
    if len(values) < 2 or min(values) < 1:
        raise argparse.ArgumentTypeError(f"expected two or more sizes of at least 1, such as 7,45,46,3, got {text!r}")
    return values


def positive(kind):
    def parse(text):
        try:
            value = kind(text)
        except ValueError:
            value = 0
        if not (value > 0 and math.isfinite(value)):
            raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")
        return value

    return parse


def parse_options():
    names = [workload.name for workload in WORKLOADS]
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    add = parser.add_argument
    help_workload = f"workloads to run (default: all): {', '.join(names)}"
    add("--workload", nargs="+", metavar="NAME", choices=names, help=help_workload)
    add("--layers", type=sizes, metavar="N,N,...", help="run a network of these layer sizes instead, inputs first")
    add("--batch", type=positive(int), help="samples per step of that network (default: 32)")
    add("--activation", choices=ACTIVATIONS, help="activation of its hidden layers (default: relu)")
    add("--loss", choices=["half-mse", "mse", "softmax-ce"], help="(default: mse)")
    add("--optimizer", choices=["gd", "adam"], help="(default: gd)")
    add("--dtype", choices=["f32", "f64"], default="f32", help="(default: f32)")
    add("--threads", type=positive(int), default=1, help="threads, and cores, of each engine (default: 1)")
    help_engines = f"engines to run (default: all): {', '.join(ENGINES)}"
    add("--engines", nargs="+", metavar="ENGINE", choices=ENGINES, help=help_engines)
    add("--fann", metavar="PREFIX", help="directory of FANN, if it is not in the system (default: $FANN_DIR)")
    add("--rounds", type=positive(int), default=15, help="(default: 15)")
    add("--seconds", type=positive(float), default=0.25, help="approximate time of one measurement (default: 0.25)")
    add("--json", metavar="FILE", help="write the results to this file")
    options = parser.parse_args()

    options.engines = options.engines or list(ENGINES)
    options.fann = options.fann or os.environ.get("FANN_DIR")
    available = len(os.sched_getaffinity(0))
    if options.threads > available:
        parser.error(f"--threads: expected at most the {available} cores of this machine, got {options.threads}")
    if options.fann and not (Path(options.fann) / "include").is_dir():
        parser.error(f"--fann: expected a directory with include/ and lib/, got {options.fann!r}")
    own = {key: getattr(options, key) for key in ("batch", "activation", "loss", "optimizer")}
    if options.layers:
        if options.workload:
            parser.error("--layers and --workload cannot be combined: leave out --workload")
        defaults = {"batch": 32, "activation": "relu", "loss": "mse", "optimizer": "gd"}
        own = {key: value or defaults[key] for key, value in own.items()}
        name = "x".join(map(str, options.layers)) + f"-b{own['batch']}"
        options.workloads = [Workload(name, options.layers, **own)]
    else:
        for key, value in own.items():
            if value is not None:
                parser.error(f"--{key} needs --layers")
        wanted = options.workload or names
        options.workloads = [workload for workload in WORKLOADS if workload.name in wanted]
    if options.json:
        try:
            Path(options.json).write_text("[]\n")
        except OSError as error:
            parser.error(f"--json: {error}")
    return options


def main():
    options = parse_options()
    machine = machine_facts()
    cores = sorted(os.sched_getaffinity(0))[-options.threads :]
    results = []
    with tempfile.TemporaryDirectory(prefix="mlp-peers-") as scratch:
        scratch = Path(scratch)
        commands = {}
        for engine, build in ENGINES.items():
            # `ours` is always built, because it also measures the peak.
            if engine in options.engines or engine == "ours":
                print(f"building {engine}", file=sys.stderr)
                try:
                    commands[engine] = build(options, scratch)
                except Missing as reason:
                    commands[engine] = str(reason)
                    if engine == "ours":
                        sys.exit(f"the engine `ours` {reason}")
        print(f"{machine['cpu']}, {options.dtype}, {options.threads} thread{'s' * (options.threads > 1)}\n")
        for workload in options.workloads:
            entries, peak = compare(workload, commands, options, cores, scratch)
            rows = list(records(workload, entries, peak, options, machine))
            print(f"{workload}; peak {peak.gflops(peak.flops):.1f} GFLOP/s ({peak.version})")
            print_table(rows)
            results += rows
            if options.json:
                Path(options.json).write_text(json.dumps(results, indent=1) + "\n")
    wrong = [row["workload"] for row in results if row["engine"] == "ours" and row["missing"]]
    if wrong:
        sys.exit(f"the engine `ours` has no result for: {', '.join(wrong)}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
