//! The letters of a line in a picture. Most of a page is such letters, so steps are written from point to point and in tenths of a unit.

use std::fmt::Write;

/// A path that is being written.
#[derive(Debug, Default)]
pub(super) struct Path {
    letters: String,
    /// Where the pen is, in tenths of a unit, so that rounding does not add up.
    pen: (i64, i64),
}

impl Path {
    /// Lifts the pen and puts it down elsewhere. A point where it stays alone becomes a dot, because lines end round.
    pub(super) fn begin(&mut self, x: f64, y: f64) {
        self.pen = (tenths(x), tenths(y));
        let _ = write!(self.letters, "M{} {}h0", written(self.pen.0), written(self.pen.1));
    }

    /// Draws a straight line.
    pub(super) fn to(&mut self, x: f64, y: f64) {
        let (x, y) = (tenths(x), tenths(y));
        let (right, down) = (x - self.pen.0, y - self.pen.1);
        let letters = &mut self.letters;
        let _ = match (right, down) {
            (0, 0) => Ok(()),
            (right, 0) => write!(letters, "h{}", written(right)),
            (0, down) => write!(letters, "v{}", written(down)),
            // A minus parts two numbers as well as a space.
            (right, down) if down < 0 => write!(letters, "l{}{}", written(right), written(down)),
            (right, down) => write!(letters, "l{} {}", written(right), written(down)),
        };
        self.pen = (x, y);
    }

    /// Closes an area.
    pub(super) fn close(&mut self) {
        self.letters.push('z');
    }

    /// The value of the attribute `d`.
    pub(super) fn letters(&self) -> &str {
        &self.letters
    }
}

/// A number as it stands in a picture: a tenth of a unit is finer than any screen.
pub(super) fn short(number: f64) -> String {
    written(tenths(number))
}

fn tenths(number: f64) -> i64 {
    (number * 10.0).round() as i64
}

fn written(tenths: i64) -> String {
    let (sign, whole, rest) = (if tenths < 0 { "-" } else { "" }, tenths.abs() / 10, tenths.abs() % 10);
    match (whole, rest) {
        (whole, 0) => format!("{sign}{whole}"),
        (0, rest) => format!("{sign}.{rest}"),
        (whole, rest) => format!("{sign}{whole}.{rest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_short_and_do_not_drift() {
        let mut path = Path::default();
        path.begin(1.04, 2.0);
        for step in 1..=100 {
            path.to(1.04 + 0.1 * f64::from(step), 2.0 - 0.033 * f64::from(step));
        }
        assert_eq!(path.pen, (110, -13));
        path.to(11.0, 2.0);
        path.close();
        assert!(path.letters().starts_with("M1 2h0h.1l.1-.1"), "{}", path.letters());
        assert!(path.letters().ends_with("v3.3z"), "{}", path.letters());
    }
}
