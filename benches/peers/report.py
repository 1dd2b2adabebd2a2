#!/usr/bin/env python3
"""Writes the tables and pictures of the documentation from the JSON of compare.py, and draws the width sweep.

Tables go between the markers `<!-- table:NAME -->` and `<!-- end -->` of docs/performance.md and README.md. The
README.md beside this file lists the markers.
"""

import argparse
import copy
import csv
import json
import re
import statistics
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Results:
    """The objects of all files. An object replaces that of an earlier file for the same workload."""

    def __init__(self, paths):
        self.rows = {}
        for path in paths:
            for row in json.loads(Path(path).read_text()):
                self.rows[row["dtype"], row["threads"], row["workload"], row["engine"]] = row

    def engines(self):
        return list(dict.fromkeys(engine for *_, engine in self.rows))

    def settings(self):
        """Returns (dtype, threads) of every run, f32 first, one thread first."""
        return sorted({key[:2] for key in self.rows})

    def derivatives(self, wanted):
        """Returns the results for derivatives, or all others."""
        part = copy.copy(self)
        part.rows = {key: row for key, row in self.rows.items() if (kind_of(row) == "derivative") == wanted}
        return part

    def workloads(self, dtype, threads, kind):
        names = dict.fromkeys(name for d, t, name, _ in self.rows if (d, t) == (dtype, threads))
        return [name for name in names if kind_of(self.any(dtype, threads, name)) == kind]

    def any(self, dtype, threads, workload):
        """Returns a row of that workload, for the fields that all engines share."""
        return next(row for key, row in self.rows.items() if key[:3] == (dtype, threads, workload))

    def get(self, dtype, threads, workload, engine="ours"):
        return self.rows.get((dtype, threads, workload, engine), {})

    def best_peer(self, dtype, threads, workload):
        rows = [self.get(dtype, threads, workload, engine) for engine in self.engines() if engine != "ours"]
        timed = [row for row in rows if row.get("us_per_step")]
        return min(timed, key=lambda row: row["us_per_step"], default={})


def kind_of(row):
    if row["loss"] is None:
        return "infer"
    if row["optimizer"] in ("jvp", "vjp", "hvp"):
        return "derivative"
    if row["workload"].startswith("peak-"):
        return "peak"
    # The name of a network given by --layers consists of its sizes.
    return "own" if row["workload"][0].isdigit() else "train"


# ---------------------------------------------------------------------------------------------------------------------
# Tables


def number(value, digits=3):
    """Formats a number to the given digits, in plain notation with thousands separators."""
    if value is None:
        return "-"
    text = f"{value:.{digits}g}"
    if "e" in text or abs(value) >= 10**digits:
        return f"{value:,.0f}" if abs(value) >= 1 else f"{value:.3f}"
    return text


def fixed(value):
    return "-" if value is None else f"{value:.2f}"


def percent(value):
    return "-" if value is None else f"{100 * value:.0f} %"


def table(header, rows):
    align = ["---"] + ["---:"] * (len(header) - 1)
    return "\n".join("| " + " | ".join(map(str, cells)) + " |" for cells in [header, align, *rows])


def describe(row):
    words = {
        "relu": "ReLU",
        "leaky_relu": "leaky ReLU",
        "gelu": "GELU",
        "half-mse": "half squared error",
        "mse": "squared error",
    }
    words |= {"softmax-ce": "softmax CE", "gd": "GD", "adam": "Adam"}
    parts = [row["activation"], row["loss"], row["optimizer"]]
    layers = ",".join(map(str, row["layers"]))
    batch = f" x {row['batch']:,}" if row["loss"] else ""
    return f"[{layers}]{batch}, " + ", ".join(words.get(part, part) for part in parts if part)


def engines_table(results, dtype, threads, kind):
    """Makes the table of us per step of every engine, and of the rates and the ratio of `ours`."""
    engines = results.engines()
    rows = []
    for name in results.workloads(dtype, threads, kind):
        ours = results.get(dtype, threads, name)
        cells = [number(results.get(dtype, threads, name, engine).get("us_per_step")) for engine in engines]
        rates = [number(ours.get("gflops")), percent(ours.get("share_of_peak")), fixed(ours.get("ratio_to_best_peer"))]
        rows.append([f"`{name}` {describe(results.any(dtype, threads, name))}", *cells, *rates])
    return table(["us", *engines, "GFLOP/s", "of peak", "ours / best peer"], rows)


def derivatives_table(results):
    """Makes the table of us per derivative of every engine, for each type and number of threads."""
    engines = [engine for engine in results.engines() if any(key[3] == engine for key in results.rows)]
    rows = []
    for dtype, threads in results.settings():
        for name in results.workloads(dtype, threads, "derivative"):
            cells = [number(results.get(dtype, threads, name, engine).get("us_per_step")) for engine in engines]
            ratio = fixed(results.get(dtype, threads, name).get("ratio_to_best_peer"))
            rows.append([f"`{name}`", dtype, threads, *cells, ratio])
    return table(["us", "type", "threads", *engines, "ours / best peer"], rows)


def peak_table(results, dtype):
    """Makes the table of `ours` against the multiply-add peak."""
    settings = [threads for d, threads in results.settings() if d == dtype]
    names = dict.fromkeys(
        name for t in settings for kind in ("peak", "train") for name in results.workloads(dtype, t, kind)
    )
    columns = ("GFLOP/s", "of peak", "ours / best peer")
    header = ["", *(f"{t} thread{'s' * (t > 1)}: {what}" for t in settings for what in columns)]
    rows = []
    for name in names:
        all_rows = [results.get(dtype, threads, name) for threads in settings]
        cells = [
            cell
            for row in all_rows
            for cell in (
                number(row.get("gflops")),
                percent(row.get("share_of_peak")),
                fixed(row.get("ratio_to_best_peer")),
            )
        ]
        shape = next(row for row in all_rows if row)
        rows.append([f"`{name}` {describe(shape)}", *cells])
    return table(header, rows)


def memory_table(results, dtype, threads):
    """Makes the table of the largest resident memory of every engine's process."""
    engines = results.engines()
    rows = []
    for name in results.workloads(dtype, threads, "train"):
        cells = [number(results.get(dtype, threads, name, engine).get("peak_rss_mb")) for engine in engines]
        rows.append([f"`{name}`", *cells])
    return table(["MB", *engines], rows)


def missing_table(results):
    """Makes the table of engines without a number, with the reasons and the workloads."""
    reasons = {}
    for (dtype, threads, name, engine), row in results.rows.items():
        if row["missing"]:
            reasons.setdefault((engine, generic(row["missing"])), {}).setdefault((dtype, threads), []).append(name)
    rows = []
    for (engine, reason), where in sorted(reasons.items()):
        # Workloads that are the same in every run are named once.
        lists = {tuple(names) for names in where.values()}
        if len(lists) == 1:
            places = ", ".join(f"`{name}`" for name in lists.pop())
        else:
            places = "; ".join(
                f"{d}, {t}: " + ", ".join(f"`{name}`" for name in names) for (d, t), names in where.items()
            )
        rows.append([engine, reason, places])
    return table(["engine", "why", "where"], rows).replace("---:", "---")


def generic(reason):
    """Removes the numbers of one run from a reason, so that the same reason is listed once."""
    return re.sub(r" \(differs by .*\)", "", reason).replace("|", "\\|")


def short_table(results):
    """Makes the table of the README: f32, `ours` and the best peer."""
    settings = [threads for dtype, threads in results.settings() if dtype == "f32"]
    if not settings:
        return None
    header = ["step, f32", "ours, us", "best peer, us"] + [f"ratio, {t} thread{'s' * (t > 1)}" for t in settings]
    rows = []
    for kind in ("train", "infer"):
        for name in results.workloads("f32", settings[0], kind):
            ours, best = results.get("f32", settings[0], name), results.best_peer("f32", settings[0], name)
            peer = f"{number(best['us_per_step'])} ({best['engine']})" if best else "-"
            ratios = [fixed(results.get("f32", t, name).get("ratio_to_best_peer")) for t in settings]
            what = describe(results.any("f32", settings[0], name))
            rows.append([what, number(ours.get("us_per_step")), peer, *ratios])
    return table(header, rows)


# The targets of the library: workload, type, threads, the quantity measured, and its limit.
TARGETS = [
    ("nb-1", "f32", 1, "us_per_step", 0.15),
    ("nb-1", "f32", 1, "ratio to FANN", 0.6),
    ("nb-2", "f32", 1, "ratio", 0.45),
    *((name, "f32", t, "ratio", 0.7) for name in ("tabular", "tabular-tanh") for t in (1, 2)),
    ("simplechains", "f32", 1, "ratio", 0.6),
    ("simplechains", "f32", 2, "ratio", 0.4),
    *((name, "f32", t, "ratio", limit) for name in ("mnist-s", "mnist-a") for t, limit in ((1, 0.85), (2, 0.75))),
    *((name, "f32", t, "ratio", limit) for name in ("mnist-m", "mnist-gelu") for t, limit in ((1, 0.85), (2, 0.8))),
    *(("wide", "f32", t, "ratio", 0.92) for t in (1, 2)),
    *(("wide", "f32", t, "share_of_peak", limit) for t, limit in ((1, 0.85), (2, 0.8))),
    ("peak-512", "f32", 1, "share_of_peak", 0.9),
    ("peak-512", "f32", 2, "share_of_peak", 0.8),
    ("peak-128", "f32", 1, "share_of_peak", 0.86),
    ("peak-64", "f32", 1, "share_of_peak", 0.8),
    ("peak-32", "f32", 1, "share_of_peak", 0.72),
    ("peak-45", "f32", 1, "share_of_peak", 0.65),
    ("infer-nb2", "f32", 1, "us_per_step", 0.04),
    ("infer-16", "f32", 1, "us_per_step", 0.25),
    ("infer-64", "f32", 1, "us_per_step", 1),
    ("nb-2", "f64", 1, "ratio", 0.45),
    *(("tabular", "f64", t, "ratio", 0.7) for t in (1, 2)),
    *(("mnist-m", "f64", t, "ratio", limit) for t, limit in ((1, 0.85), (2, 0.8))),
    *(("wide", "f64", t, "ratio", 0.92) for t in (1, 2)),
]


def targets_table(results):
    """Makes the table of targets and measurements, with the amount by which a target is missed."""
    rows = []
    for name, dtype, threads, what, limit in TARGETS:
        row = results.get(dtype, threads, name)
        time, fann = row.get("us_per_step"), results.get(dtype, threads, name, "fann").get("us_per_step")
        value, unit, show = {
            "us_per_step": (time, "us", lambda value: f"{value:.4g}"),
            "share_of_peak": (row.get("share_of_peak"), "of the peak", lambda value: f"{100 * value:.1f} %"),
            "ratio": (row.get("ratio_to_best_peer"), "of the best peer", lambda value: f"{value:.3f}"),
            "ratio to FANN": (time / fann if time and fann else None, "of FANN", lambda value: f"{value:.3f}"),
        }[what]
        least = what == "share_of_peak"
        if value is None:
            result, verdict = "-", "not measured"
        else:
            result = show(value)
            missed = limit / value - 1 if least else value / limit - 1
            verdict = "yes" if missed <= 0 else f"**no**, by {100 * missed:.1f} %"
        target = f"{'at least' if least else 'at most'} {show(limit)} {unit}"
        rows.append([f"`{name}`", dtype, threads, target, result, verdict])
    return table(["", "type", "threads", "target", "measured", "met"], rows)


def machine_text(results):
    """Describes the machine, the engines' versions and the settings of the run."""
    row = next(iter(results.rows.values()))
    machine = row["machine"]
    versions = dict.fromkeys(row["version"] for row in results.rows.values() if row["version"])
    peaks = []
    for dtype, threads in results.settings():
        values = [row["peak_gflops"] for key, row in results.rows.items() if key[:2] == (dtype, threads)]
        values = [value for value in values if value]
        if values:
            peaks.append(f"{statistics.median(values):.0f} ({dtype}, {threads} thread{'s' * (threads > 1)})")
    rounds = " to ".join(str(count) for count in sorted({row["rounds"] for row in results.rows.values()}))
    return (
        f"{machine['cpu']}, {machine['cores']} cores, {machine['system']} {machine['arch']}, {machine['instructions']}. "
        f"Multiply-add peak, GFLOP/s: {', '.join(peaks)}. "
        f"Medians of {rounds} rounds of about {row['seconds']:g} s. "
        f"Engines: {', '.join(versions)}."
    )


def tables(results):
    """Returns the text of every marker for which there are results."""
    derivatives, results = results.derivatives(True), results.derivatives(False)
    texts = {}
    if derivatives.rows:
        texts["derivatives"] = f"{machine_text(derivatives)}\n\n{derivatives_table(derivatives)}"
    if not results.rows:
        return texts
    texts |= {"machine": machine_text(results), "missing": missing_table(results), "short": short_table(results)}
    texts["targets"] = targets_table(results)
    for dtype, threads in results.settings():
        texts[f"{dtype}-{threads}"] = engines_table(results, dtype, threads, "train")
        texts[f"infer-{dtype}-{threads}"] = engines_table(results, dtype, threads, "infer")
        texts[f"own-{dtype}-{threads}"] = engines_table(results, dtype, threads, "own")
        texts[f"memory-{dtype}-{threads}"] = memory_table(results, dtype, threads)
        texts[f"peak-{dtype}"] = peak_table(results, dtype)
    return texts


def fill(path, texts):
    """Replaces the text between the markers of a document."""
    if not path.exists():
        print(f"{path}: file not found, skipped", file=sys.stderr)
        return

    def replace(match):
        text = texts.get(match[1])
        if match[1] == "errors":
            return match[0]  # written by tests/errors.rs
        if text is None:
            print(f"{path}: no results for the marker table:{match[1]}, left unchanged", file=sys.stderr)
            return match[0]
        return f"<!-- table:{match[1]} -->\n\n{text}\n\n<!-- end -->"

    old = path.read_text()
    new = re.sub(r"<!-- table:([\w-]+) -->.*?<!-- end -->", replace, old, flags=re.DOTALL)
    if new != old:
        path.write_text(new)
        print(f"{path}: written")


# ---------------------------------------------------------------------------------------------------------------------
# Pictures


def plots():
    """Returns Matplotlib, configured so that the same numbers give the same bytes."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams |= {"svg.hashsalt": "mlp", "svg.fonttype": "none", "font.size": 9}
    import matplotlib.pyplot as plt

    return plt


def save(figure, path):
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, format="svg", metadata={"Date": None}, bbox_inches="tight")
    print(f"{path}: written")


def draw_ratios(results, path):
    """Draws a bar for every workload and run: ours / best peer, so that less is better."""
    plt = plots()
    settings = results.settings()
    names = {}
    for dtype, threads in settings:
        for kind in ("train", "infer"):
            for name in results.workloads(dtype, threads, kind):
                names.setdefault(name, (dtype, threads))
    thickness = 0.8 / len(settings)
    limit = 2  # longer bars are cut off, but still labeled with their number
    figure, axes = plt.subplots(figsize=(7, 1 + 0.5 * len(names)))
    for i, (dtype, threads) in enumerate(settings):
        ratios = [results.get(dtype, threads, name).get("ratio_to_best_peer") for name in names]
        bars = [(j + (i + 0.5) * thickness - 0.4, ratio) for j, ratio in enumerate(ratios) if ratio is not None]
        label = f"{dtype}, {threads} thread{'s' * (threads > 1)}"
        axes.barh([y for y, _ in bars], [ratio for _, ratio in bars], thickness, label=label)
        for y, ratio in bars:
            axes.text(min(ratio, limit) + 0.01 * limit, y, f"{ratio:.2f}", va="center", fontsize=6)
    axes.set_xlim(0, limit)
    axes.axvline(1, color="black", linewidth=1)
    labels = [describe(results.any(*names[name], name)).replace(", ", "\n", 1) for name in names]
    axes.set_yticks(range(len(names)), labels)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlabel("time of a step over that of the best peer")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.08 - 0.5 / len(names)), ncols=len(settings), frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    save(figure, path)
    plt.close(figure)


def draw_width(source, folder):
    """Draws each sweep's ns per multiply-add over the width of the layers, one file a sweep."""
    with open(source, newline="") as file:
        rows = [row for row in csv.DictReader(file) if (row["width"] or "").isdigit()]
    pictures = {"square": ("width", "linear"), "sample": ("sample", "log"), "output": ("output", "linear")}
    for sweep, (name, scale) in pictures.items():
        points = [(int(row["width"]), float(row["ns_per_multiply_add"])) for row in rows if row["sweep"] == sweep]
        if not points:
            continue
        plt = plots()
        figure, axes = plt.subplots(figsize=(7, 3))
        axes.plot(*zip(*points), linewidth=1)
        axes.set_xlabel("width of the layers")
        axes.set_ylabel("ns per multiply-add")
        axes.set_xscale(scale)
        axes.set_yscale("log")
        axes.set_xlim(points[0][0], points[-1][0])
        if scale == "linear":
            step = points[-1][0] // 8
            axes.set_xticks(range(0, points[-1][0] + 1, step))
            axes.set_xticks(range(0, points[-1][0] + 1, step // 2), minor=True)
        axes.grid(which="both", linewidth=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        save(figure, folder / f"{name}.svg")
        plt.close(figure)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("json", nargs="*", metavar="JSON", help="files written by compare.py --json")
    parser.add_argument("--width", metavar="CSV", help="output of `cargo bench --bench width`")
    options = parser.parse_args()
    if not options.json and not options.width:
        parser.error("nothing to do: give a JSON file of compare.py, or --width")
    try:
        if options.json:
            results = Results(options.json)
            if not results.rows:
                parser.error("these JSON files hold no results")
            texts = tables(results)
            fill(ROOT / "docs" / "performance.md", texts)
            fill(ROOT / "README.md", texts)
            if results.derivatives(False).rows:
                draw_ratios(results.derivatives(False), ROOT / "docs" / "ratios.svg")
        if options.width:
            draw_width(options.width, ROOT / "docs")
    except (OSError, ValueError, KeyError) as error:
        parser.error(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
