"""Prints golden.txt: arguments and correctly rounded results of the elementary functions, as bits of f64.

Arguments are the edges of a function's range and random numbers, evaluated at 50 digits and rounded once.
Needs mpmath: python3 golden.py > golden.txt
"""

import random
import struct
from fractions import Fraction
from math import inf, nextafter

from mpmath import atan, cos, erfc, exp, expm1, log, log1p, mp, mpf, pi, sin, tan

COUNT = 400
mp.dps = 50


def tanh(x):
    return expm1(2 * x) / (expm1(2 * x) + 2)


# Multiples of pi/4, where the reduction of the argument and the signs change.
TURNS = [float(n * pi / 4) for n in (1, 2, 3, 4, 6, 8, -2, -3, 355, 1000001, 2000002)]

# Function, range of the evenly spread arguments, upper end of the others, and edges: where the result overflows,
# underflows, turns subnormal, saturates, or where the reduction of the argument changes over.
FUNCTIONS = {
    "exp": (exp, -746, 710, 710, [709.782712893384, -708.3964185322641, -745.1332191019411, 0.34657359027997264, 1.0]),
    "exp_m1": (expm1, -45, 710, 710, [709.782712893384, -36.7368005696771, 0.34657359027997264, 1.0397207708399179]),
    "ln": (log, 0, 100, inf, [5e-324, 2.2250738585072014e-308, 0.7071067811865476, 1.0, 1.4142135623730951, 2.0**1023]),
    "ln_1p": (log1p, -1, 100, inf, [-0.9999999999999999, -0.2928932188134524, 0.41421356237309503, 2.0**53, 2.0**1023]),
    "tanh": (tanh, -20, 20, 20, [0.17328679513998632, 0.5198603854199589, 19.061547465398498]),
    "erfc": (erfc, -6, 27.5, 27.5, [5.921587195794507, 26.543258438873, 27.226017111108366, 0.4769362762044699]),
    "sin": (sin, -1.6e6, 1.6e6, 1.6e6, TURNS),
    "cos": (cos, -1.6e6, 1.6e6, 1.6e6, TURNS),
    "tan": (tan, -1.6e6, 1.6e6, 1.6e6, TURNS),
    "atan": (atan, -10, 10, inf, [0.41421356237309503, 1.0, 2.414213562373095, -2.414213562373095, 2.0**1000]),
}


def arguments(low, high, highest, edges):
    points = [y for x in edges for y in (nextafter(x, -inf), x, nextafter(x, inf)) if y > low]
    even = (COUNT - len(points)) // 2
    points += [random.uniform(low, high) for _ in range(even)]
    while len(points) < COUNT:  # all magnitudes, with either sign where the function has one
        exponent = random.choice([random.randint(-12, 6), random.randint(-1060, 1000)])
        x = random.choice([-1, 1]) * random.uniform(1, 2) * 2.0**exponent
        if low < x < highest:
            points.append(x)
    return sorted(points)


def rounded(value):
    """The nearest f64: a division of integers is correctly rounded, subnormal numbers included."""
    sign, mantissa, exponent, _ = value._mpf_
    sign = -1 if sign else 1
    try:
        return sign * float(Fraction(int(mantissa)) * Fraction(2) ** exponent)
    except OverflowError:
        return sign * inf


def bits(x):
    return struct.pack(">d", x).hex()


random.seed(0)
for name, (function, *spread) in FUNCTIONS.items():
    print(f"[{name}]")
    for x in arguments(*spread):
        print(bits(x), bits(rounded(function(mpf(x)))))
