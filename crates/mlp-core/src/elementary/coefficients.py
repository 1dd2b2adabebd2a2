"""Fits the polynomials of the elementary functions and prints coefficients.rs.

Minimax fits by the Remez exchange, at 60 digits; every coefficient is then rounded to its format.
Needs mpmath and numpy: python3 coefficients.py | rustfmt --config max_width=120 > coefficients.rs
"""

import numpy
from mpmath import atan, cos, erfc, exp, hyp1f1, log, lu_solve, matrix, mp, mpf, nstr, pi, sin, sqrt, tan

mp.dps = 60
STEPS = 40  # grid points per extremum


def chebyshev(low, high, x):
    return low + (high - low) * (1 - cos(pi * x)) / 2


def extrema(error, low, high, count):
    """The places of the `count` alternating extrema, and the smallest and largest size of the error there."""
    best = []
    for i in range(STEPS * count + 1):
        t = chebyshev(low, high, mpf(i) / (STEPS * count))
        e = error(t)
        if best and (e > 0) == (best[-1][1] > 0):
            best[-1] = max(best[-1], (t, e), key=lambda pair: abs(pair[1]))
        elif e != 0:
            best.append((t, e))
    assert len(best) == count, f"{len(best)} extrema instead of {count}"
    sizes = [abs(e) for _, e in best]
    return [t for t, _ in best], min(sizes), max(sizes)


def polynomial(coefficients, x):
    total = mpf(0)
    for c in reversed(coefficients):
        total = total * x + c
    return total


def remez(target, weight, low, high, p_count, q_count=0, place=lambda t: t, q=None):
    """P and Q, where weight |P/Q - target| is the least it can be, and that number.

    P has `p_count` coefficients; Q has `q_count` beyond its constant term, which is 1. x = place(t), where t runs from
    `low` to `high`; `q` is a first guess at Q.
    """
    count = p_count + q_count + 1
    q = q or (lambda x: mpf(1))
    nodes = [chebyshev(low, high, (mpf(i) + 0.5) / count) for i in range(count)]
    while True:
        # The system is linear but for the product of the level and Q: repeat with the Q that came out.
        for _ in range(1 if q_count == 0 else 10):
            rows, right = matrix(count, count), matrix(count, 1)
            for i, x in enumerate(map(place, nodes)):
                y = target(x)
                for j in range(p_count):
                    rows[i, j] = x**j
                for j in range(q_count):
                    rows[i, p_count + j] = -y * x ** (j + 1)
                rows[i, count - 1] = (-1) ** i * q(x) / weight(x)
                right[i] = y
            solution = list(lu_solve(rows, right))
            p_solved, q_solved = solution[:p_count], [mpf(1), *solution[p_count:-1]]
            q = lambda x: polynomial(q_solved, x)
        error = lambda t: weight(place(t)) * (polynomial(p_solved, place(t)) / q(place(t)) - target(place(t)))
        nodes, smallest, largest = extrema(error, low, high, count)
        if largest < 1.01 * smallest:
            return p_solved, q_solved, largest


def fit_exp(count):
    """(e^r - 1 - r) / r^2 for |r| <= ln(2)/2: the error counts times |r|, that is, relative to e^r - 1."""
    high = log(2) / 2 * mpf("1.0001")
    return remez(lambda r: hyp1f1(1, 3, r) / 2, lambda r: max(abs(r), high / 10), -high, high, count)


def fit_ln(count):
    """(2 artanh(s)/s - 2) / s^2 as a function of z = s^2, s <= (sqrt(2) - 1) / (sqrt(2) + 1)."""
    high = ((sqrt(2) - 1) / (sqrt(2) + 1)) ** 2 * mpf("1.0001")

    def target(z):
        s = sqrt(z)
        return (log((1 + s) / (1 - s)) / s - 2) / z

    return remez(target, lambda z: z / 2, high * mpf("1e-12"), high, count)


def fit_erfc(highest, a, p_count, q_count):
    """(erfc(x) e^(x^2) (x + a) - a) / x for 0 <= x <= highest: the error counts times x and relative to erfc.

    The nodes lie evenly in t = (x - 2) / (x + 2), which takes the half-line to [-1, 1].
    """
    product = lambda x: erfc(x) * exp(x * x) * (x + a)
    place = lambda t: 2 * (1 + t) / (1 - t)
    low, high = (mpf("1e-6") - 2) / (mpf("1e-6") + 2), (highest - 2) / (highest + 2)
    guess = lambda x: (1 + x / 2) ** q_count
    weight = lambda x: max(x, mpf("0.02")) / product(x)
    return remez(lambda x: (product(x) - a) / x, weight, low, high, p_count, q_count, place, guess)


def fit_odd(function, high, count):
    """(f(x) - x) / x^3 as a function of z = x^2, for an odd f and |x| <= high: the error counts relative to x."""
    target = lambda z: (function(sqrt(z)) / sqrt(z) - 1) / z
    return remez(target, lambda z: z, high**2 * mpf("1e-12"), high**2 * mpf("1.0001"), count)


def fit_cos(count):
    """(cos(r) - 1 + r^2/2) / r^4 as a function of z = r^2, for |r| <= pi/4."""
    high = (pi / 4) ** 2
    target = lambda z: (cos(sqrt(z)) - 1 + z / 2) / z**2
    return remez(target, lambda z: z**2, high * mpf("1e-6"), high * mpf("1.0001"), count)


def group(number, bits):
    """A Rust literal, its digits in groups of three."""
    text = repr(float(number)) if bits == 64 else str(numpy.float32(number))
    mantissa, _, exponent = text.partition("e")
    whole, _, fraction = mantissa.partition(".")
    fraction = "_".join(fraction[i : i + 3] for i in range(0, len(fraction), 3)) or "0"
    return f"{whole}.{fraction}" + (f"e{int(exponent)}" if exponent else "")


def show(name, coefficients, bits):
    lines = [f"    const {name}: &'static [Self] = &["]
    lines += [f"        {group(c, bits)}," for c in coefficients]
    print("\n".join([*lines, "    ];"]))


def a_of(bits):
    """1/sqrt(pi), rounded to the format."""
    return mpf(float(1 / sqrt(pi) if bits == 64 else numpy.float32(1 / sqrt(pi))))


print("""//! The coefficients of the polynomials, printed by `coefficients.py` beside this file.

/// The coefficients of the polynomials for one number type, the constant term first.
pub(crate) trait Coefficients: Sized + 'static {
    /// (e^r - 1 - r) / r^2 for |r| <= ln(2)/2.
    const EXP: &'static [Self];
    /// (2 artanh(s)/s - 2) / s^2, as a function of s^2, for |s| <= (sqrt(2) - 1) / (sqrt(2) + 1).
    const LN: &'static [Self];
    /// (erfc(x) e^(x^2) (x + a) - a) / x with a = 1/sqrt(pi), from x = 0 to where erfc(x) underflows, approximated
    /// by the quotient of `ERFC_NUMERATOR` and `ERFC_DENOMINATOR`. All coefficients are positive, so nothing cancels.
    const ERFC_NUMERATOR: &'static [Self];
    const ERFC_DENOMINATOR: &'static [Self];
}""")
for bits, exp_count, ln_count, highest, erfc_counts in [
    (32, 5, 3, mpf("10.1"), (4, 5)),
    (64, 10, 7, mpf("27.3"), (9, 10)),
]:
    exp_p, _, exp_error = fit_exp(exp_count)
    ln_p, _, ln_error = fit_ln(ln_count)
    erfc_p, erfc_q, erfc_error = fit_erfc(highest, a_of(bits), *erfc_counts)
    errors = [("exp", exp_error), ("ln", ln_error), ("erfc", erfc_error)]
    sizes = ", ".join(f"{name} 2^{nstr(log(error, 2), 3)}" for name, error in errors)
    print(f"\n// Relative errors before the coefficients are rounded: {sizes}.\nimpl Coefficients for f{bits} {{")
    show("EXP", exp_p, bits)
    show("LN", ln_p, bits)
    show("ERFC_NUMERATOR", erfc_p, bits)
    show("ERFC_DENOMINATOR", erfc_q, bits)
    print("}")

# For the functions that are computed in f64 for both formats.
for name, meaning, (coefficients, _, error) in [
    ("SIN", "(sin(r) - r) / r^3, as a function of r^2, for |r| <= pi/4", fit_odd(sin, pi / 4, 6)),
    ("COS", "(cos(r) - 1 + r^2/2) / r^4, as a function of r^2, for |r| <= pi/4", fit_cos(6)),
    ("ATAN", "(atan(s) - s) / s^3, as a function of s^2, for |s| <= tan(pi/8)", fit_odd(atan, tan(pi / 8), 11)),
]:
    print(f"\n/// {meaning}; relative error 2^{nstr(log(error, 2), 3)}.")
    print(f"pub(crate) const {name}: &[f64] = &[")
    print("".join(f"    {group(c, 64)},\n" for c in coefficients) + "];")
