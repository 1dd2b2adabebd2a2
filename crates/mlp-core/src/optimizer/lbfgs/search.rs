//! The line search: how far to go in a direction.
//!
//! Source: J. Nocedal, S. J. Wright, *Numerical Optimization* (2nd ed., Springer 2006), algorithms 3.5 (here
//! [`search`]) and 3.6 ([`narrow`]), with the interpolation of its equation 3.59 and the safeguards of
//! `torch.optim.LBFGS`.

/// Sufficient decrease: L(t) <= L(0) + c1 t L'(0).
const C1: f64 = 1e-4;
/// Curvature: |L'(t)| <= c2 |L'(0)|.
const C2: f64 = 0.9;
/// How often a search evaluates the loss at most.
pub(super) const EVALUATIONS: usize = 25;

/// The loss L along a line, t its length from the start: what a search knows of one t.
#[derive(Clone, Copy, Debug)]
pub(super) struct Point {
    /// t.
    pub(super) length: f64,
    /// L(t); infinite if it, its derivative or a parameter is not finite: too far.
    pub(super) loss: f64,
    /// L'(t), the gradient times the direction.
    pub(super) slope: f64,
}

/// The line that is searched.
pub(super) trait Line {
    /// Evaluates the loss.
    fn at(&mut self, length: f64) -> Point;

    /// If no parameter changes along `length` by more than is worth looking for.
    fn is_short(&mut self, length: f64) -> bool;
}

impl Point {
    /// The first of the strong Wolfe conditions, for a line that begins at `start`. Not met where the loss is infinite.
    fn falls_enough(&self, start: &Self) -> bool {
        self.loss <= start.loss + C1 * self.length * start.slope
    }

    /// The second.
    fn is_flat_enough(&self, start: &Self) -> bool {
        self.slope.abs() <= -C2 * start.slope
    }
}

/// A point at which the strong Wolfe conditions hold, looked for from the length `first` on; `start` is the point of
/// length 0, its slope below 0.
///
/// If none is found with [`EVALUATIONS`], or the interval left is short, the lowest of the points that it has come to:
/// never above `start`, and `start` itself if all others are.
pub(super) fn search(line: &mut impl Line, start: Point, first: f64) -> Point {
    let mut before = start;
    let mut point = line.at(first);
    for evaluations in 1..EVALUATIONS {
        let rises = point.loss >= before.loss && evaluations > 2;
        if !point.falls_enough(&start) || rises {
            return narrow(line, &start, before, point, evaluations);
        }
        if point.is_flat_enough(&start) {
            return point;
        }
        if point.slope >= 0.0 {
            return narrow(line, &start, before, point, evaluations);
        }
        // Still downhill, and steep: further.
        let least = point.length + 0.01 * (point.length - before.length);
        let length = cubic_minimum(&before, &point, least, 10.0 * point.length);
        before = point;
        point = line.at(length);
    }
    // The first of them fell enough.
    if point.loss < before.loss { point } else { before }
}

/// Narrows the interval between two points, which has lengths within it at which the conditions hold, until one is
/// found. `evaluations` were made.
fn narrow(line: &mut impl Line, start: &Point, a: Point, b: Point, evaluations: usize) -> Point {
    // The point to be improved on, and the other end.
    let (mut low, mut high) = if b.loss < a.loss { (b, a) } else { (a, b) };
    let mut crept = false;
    for _ in evaluations..EVALUATIONS {
        if line.is_short(high.length - low.length) {
            break;
        }
        let length = if high.loss == f64::INFINITY {
            // Nothing to interpolate: a tenth of the way to it. Half would take too long from a first length that is
            // too great by orders of magnitude.
            low.length + 0.1 * (high.length - low.length)
        } else {
            between(&low, &high, &mut crept)
        };
        let point = line.at(length);
        if !point.falls_enough(start) || point.loss >= low.loss {
            high = point;
            if high.loss < low.loss {
                (low, high) = (high, low);
            }
        } else {
            if point.is_flat_enough(start) {
                return point;
            }
            // The end that the loss falls to, seen from the new point, stays. Neither number is 0: a slope of 0 is flat
            // enough, and no interval short. Their product might be.
            if point.slope.is_sign_negative() == (high.length - low.length).is_sign_negative() {
                high = low;
            }
            low = point;
        }
    }
    low
}

/// Where to look within an interval: where the cubic polynomial has its minimum, unless that comes close to an end for
/// the second time in a row (`crept`), or is an end: then a tenth of the interval away from that end.
fn between(a: &Point, b: &Point, crept: &mut bool) -> f64 {
    let (left, right) = (a.length.min(b.length), a.length.max(b.length));
    let length = cubic_minimum(a, b, left, right);
    let margin = 0.1 * (right - left);
    let near = (right - length).min(length - left) < margin;
    let inside = left < length && length < right;
    if !near || (inside && !*crept) {
        *crept = near;
        length
    } else {
        *crept = false;
        if length - left <= right - length {
            left + margin
        } else {
            right - margin
        }
    }
}

/// The length from `least` to `most` nearest to the minimum of the cubic polynomial that has the losses and slopes of
/// both points; the middle of them if it has no minimum, or the numbers are too large to find it.
fn cubic_minimum(a: &Point, b: &Point, least: f64, most: f64) -> f64 {
    let (a, b) = if a.length <= b.length { (a, b) } else { (b, a) };
    let d1 = a.slope + b.slope - 3.0 * (a.loss - b.loss) / (a.length - b.length);
    // NaN below zero.
    let d2 = crate::Scalar::sqrt(d1 * d1 - a.slope * b.slope);
    let share = (b.slope + d2 - d1) / (b.slope - a.slope + 2.0 * d2);
    let length = b.length - (b.length - a.length) * share;
    if length.is_nan() {
        0.5 * (least + most)
    } else {
        length.max(least).min(most)
    }
}

#[cfg(test)]
mod tests;
