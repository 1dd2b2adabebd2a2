//! The line search, which finds how far to go in a direction.
//!
//! Source: J. Nocedal, S. J. Wright, *Numerical Optimization* (2nd ed., Springer 2006), algorithms 3.5 (here
//! [`search`]) and 3.6 ([`narrow`]), with the interpolation of its equation 3.59 and the safeguards of
//! `torch.optim.LBFGS`.

/// Sufficient decrease: L(t) <= L(0) + c1 t L'(0).
const C1: f64 = 1e-4;
/// Curvature: |L'(t)| <= c2 |L'(0)|.
const C2: f64 = 0.9;
/// The largest number of evaluations of the loss in a search.
pub(super) const EVALUATIONS: usize = 25;

/// A point on the line: the loss L at the length t from the start, and its slope.
#[derive(Clone, Copy, Debug)]
pub(super) struct Point {
    /// The length t.
    pub(super) length: f64,
    /// L(t). It is infinite if the loss, its derivative or a parameter is not finite, that is, if t is too large.
    pub(super) loss: f64,
    /// L'(t), the gradient times the direction.
    pub(super) slope: f64,
}

/// The line that is searched.
pub(super) trait Line {
    /// Evaluates the loss and its slope at `length`.
    fn at(&mut self, length: f64) -> Point;

    /// Returns true if no parameter changes enough along `length` to search further.
    fn is_short(&mut self, length: f64) -> bool;
}

impl Point {
    /// Returns true if the first of the strong Wolfe conditions holds, for a line that begins at `start`. It does not
    /// hold if the loss is infinite.
    fn falls_enough(&self, start: &Self) -> bool {
        self.loss <= start.loss + C1 * self.length * start.slope
    }

    /// Returns true if the second of the strong Wolfe conditions holds.
    fn is_flat_enough(&self, start: &Self) -> bool {
        self.slope.abs() <= -C2 * start.slope
    }
}

/// Searches for a point at which the strong Wolfe conditions hold, and first tries the length `first`. `start` is the
/// point of length 0, and its slope must be below 0.
///
/// If no such point is found with [`EVALUATIONS`] evaluations, or if the remaining interval is short, returns the
/// lowest of the points that the search has kept. This point is never above `start`, and it is `start` itself if all
/// others are higher.
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
        // The line still leads steeply downhill, so go further.
        let least = point.length + 0.01 * (point.length - before.length);
        let length = cubic_minimum(&before, &point, least, 10.0 * point.length);
        before = point;
        point = line.at(length);
    }
    // The first condition holds at `before`, so it is the result unless the last point is lower.
    if point.loss < before.loss { point } else { before }
}

/// Narrows the interval between two points until a length is found at which the conditions hold. The interval must
/// contain such lengths. `evaluations` is the number of evaluations made so far.
fn narrow(line: &mut impl Line, start: &Point, a: Point, b: Point, evaluations: usize) -> Point {
    // `low` is the best point so far, `high` the other end of the interval.
    let (mut low, mut high) = if b.loss < a.loss { (b, a) } else { (a, b) };
    let mut crept = false;
    for _ in evaluations..EVALUATIONS {
        if line.is_short(high.length - low.length) {
            break;
        }
        let length = if high.loss == f64::INFINITY {
            // An infinite loss cannot be interpolated, so go a tenth of the way. Half the way would take too many
            // evaluations if the first length is too large by orders of magnitude.
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
            // Keep the end toward which the loss falls, seen from the new point. Compare signs rather than multiply,
            // because the product might underflow to 0. Neither number is 0 itself: a slope of 0 would be flat enough,
            // and an interval of length 0 would be short.
            if point.slope.is_sign_negative() == (high.length - low.length).is_sign_negative() {
                high = low;
            }
            low = point;
        }
    }
    low
}

/// Returns the length to try next within an interval. This is the minimum of the cubic polynomial, unless the minimum
/// is an end of the interval, or is close to an end for the second time in a row (`crept`). In these cases it is a
/// tenth of the interval away from that end.
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

/// Returns the length from `least` to `most` that is nearest to the minimum of the cubic polynomial with the losses and
/// slopes of both points. Returns the middle of `least` and `most` if the polynomial has no minimum, or if the numbers
/// are too large to find it.
fn cubic_minimum(a: &Point, b: &Point, least: f64, most: f64) -> f64 {
    let (a, b) = if a.length <= b.length { (a, b) } else { (b, a) };
    let d1 = a.slope + b.slope - 3.0 * (a.loss - b.loss) / (a.length - b.length);
    // The root is NaN if its argument is negative.
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
