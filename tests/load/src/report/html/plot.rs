//! One plot: a frame with axes, lines and areas in it, and what is said when a pointer rests on it. Colours are named by classes, so that
//! the style sheet decides them for light, dark and paper.

use std::fmt::Write;

use super::markup::Markup;
use super::path::{Path, short};
use super::scale::Scale;

/// How large a plot is, in its own units: a character is about 6 wide and 11 high.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    pub(super) width: f64,
    pub(super) height: f64,
}

/// For a third of a page, or a telephone.
pub(super) const SMALL: Size = Size { width: 400.0, height: 190.0 };
/// For the whole width of a page.
pub(super) const WIDE: Size = Size { width: 1_120.0, height: 260.0 };

const LEFT: f64 = 46.0;
const RIGHT: f64 = 10.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 22.0;

/// A direction: its scale and the values that are written at it.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    pub(super) scale: Scale,
    pub(super) labels: Vec<(f64, String)>,
}

impl Axis {
    /// An axis that writes the values of its scale in this way.
    pub(super) fn labelled(scale: Scale, label: impl Fn(f64) -> String) -> Self {
        Self { scale, labels: scale.ticks().into_iter().map(|tick| (tick, label(tick))).collect() }
    }
}

/// A plot that is being drawn.
pub(super) struct Plot {
    size: Size,
    x: Axis,
    y: Axis,
    drawn: Markup,
}

impl Plot {
    pub(super) fn new(size: Size, x: Axis, y: Axis) -> Self {
        let mut plot = Self { size, x, y, drawn: Markup::default() };
        plot.draw_axes();
        plot
    }

    /// A line through values that stand at these places; where there is none, the line is interrupted.
    pub(super) fn line(&mut self, class: &str, points: impl IntoIterator<Item = (f64, Option<f64>)>) {
        let (mut path, mut drawing) = (Path::default(), false);
        for (x, y) in points {
            match y.map(|y| (self.place_x(x), self.place_y(y))) {
                Some((x, y)) if drawing => path.to(x, y),
                Some((x, y)) => path.begin(x, y),
                None => {}
            }
            drawing = y.is_some();
        }
        self.drawn.empty("path", &[("class", &format!("line {class}")), ("d", path.letters())]);
    }

    /// The area between two lines: place, lower value, upper value.
    pub(super) fn area(&mut self, class: &str, points: &[(f64, f64, f64)]) {
        let mut path = Path::default();
        let upper = points.iter().map(|&(x, _, upper)| (x, upper));
        let lower = points.iter().rev().map(|&(x, lower, _)| (x, lower));
        for (at, (x, y)) in upper.chain(lower).enumerate() {
            let (x, y) = (self.place_x(x), self.place_y(y));
            if at == 0 { path.begin(x, y) } else { path.to(x, y) }
        }
        path.close();
        self.drawn.empty("path", &[("class", &format!("area {class}")), ("d", path.letters())]);
    }

    /// A horizontal line with a word, for a limit.
    pub(super) fn level(&mut self, value: f64, word: &str) {
        let (y, right) = (self.place_y(value), self.size.width - RIGHT);
        let path = format!("M{} {}H{}", short(LEFT), short(y), short(right));
        self.drawn.empty("path", &[("class", "level"), ("d", &path)]);
        let y = if y < TOP + 14.0 { y + 11.0 } else { y - 4.0 };
        self.drawn.says("text", &[("class", "limit"), ("x", &short(right - 3.0)), ("y", &short(y))], word);
    }

    /// A vertical line with a number, for something that happened.
    pub(super) fn mark(&mut self, at: f64, number: &str) {
        let (x, bottom) = (short(self.place_x(at)), short(self.size.height - BOTTOM));
        let path = format!("M{x} {}V{bottom}", short(TOP));
        self.drawn.empty("path", &[("class", "mark"), ("d", &path)]);
        self.drawn.says("text", &[("class", "marked"), ("x", &x), ("y", &short(TOP - 2.0))], number);
    }

    /// What is said when a pointer rests between two places.
    pub(super) fn tell(&mut self, columns: impl IntoIterator<Item = (f64, f64, String)>) {
        let (top, height) = (short(TOP), short(self.size.height - TOP - BOTTOM));
        for (from, to, words) in columns {
            let (x, end) = (self.place_x(from), self.place_x(to));
            let (x, width) = (short(x), short(end - x));
            let path = format!("M{x} {top}h{width}v{height}h-{width}z");
            self.drawn.element("path", &[("class", "told"), ("d", &path)], |path| path.says("title", &[], &words));
        }
    }

    /// The finished picture; `description` is read to those who cannot see it.
    pub(super) fn picture(self, class: &str, description: &str) -> Markup {
        let mut picture = Markup::default();
        let view = format!("0 0 {} {}", self.size.width, self.size.height);
        let attributes = [("class", class), ("viewBox", &view), ("role", "img"), ("aria-label", description)];
        picture.element("svg", &attributes, |inside| inside.append(&self.drawn));
        picture
    }

    fn draw_axes(&mut self) {
        let (right, bottom) = (self.size.width - RIGHT, self.size.height - BOTTOM);
        let mut grid = String::new();
        for (value, label) in self.y.labels.clone() {
            let y = self.place_y(value);
            let _ = write!(grid, "M{} {}H{}", short(LEFT), short(y), short(right));
            let place = [("class", "end"), ("x", &*short(LEFT - 6.0)), ("y", &*short(y + 3.5))];
            self.drawn.says("text", &place, &label);
        }
        for (value, label) in self.x.labels.clone() {
            let x = self.place_x(value);
            let _ = write!(grid, "M{} {}v4", short(x), short(bottom));
            // The last label must not run out of the picture.
            let class = if x > right - 12.0 { "end" } else { "middle" };
            let place = [("class", class), ("x", &*short(x)), ("y", &*short(self.size.height - 6.0))];
            self.drawn.says("text", &place, &label);
        }
        self.drawn.empty("path", &[("class", "grid"), ("d", &grid)]);
    }

    fn place_x(&self, value: f64) -> f64 {
        LEFT + self.x.scale.place(value) * (self.size.width - LEFT - RIGHT)
    }

    fn place_y(&self, value: f64) -> f64 {
        let height = self.size.height - TOP - BOTTOM;
        TOP + height - self.y.scale.place(value) * height
    }
}
