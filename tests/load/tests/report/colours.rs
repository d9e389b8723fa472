//! One man in twelve sees red and green alike.

use load::report;
use load::results::Results;

/// What a person sees of linear red, green and blue: everything, or without one of the three kinds of cones. Machado, Oliveira and
/// Fernandes, "A Physiologically-based Model for Simulation of Color Vision Deficiency" (2009), severity 1.
const EYES: [(&str, [[f64; 3]; 3]); 4] = [
    ("all cones", [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]),
    (
        "no red",
        [[0.152_286, 1.052_583, -0.204_868], [0.114_503, 0.786_281, 0.099_216], [-0.003_882, -0.048_116, 1.051_998]],
    ),
    (
        "no green",
        [[0.367_322, 0.860_646, -0.227_968], [0.280_085, 0.672_501, 0.047_413], [-0.011_820, 0.042_940, 0.968_881]],
    ),
    (
        "no blue",
        [[1.255_528, -0.076_749, -0.178_779], [-0.078_411, 0.930_809, 0.147_602], [0.004_733, 0.691_367, 0.303_900]],
    ),
];

/// Colours that lie upon each other in a stack, and lines of one plot.
const TOGETHER: [&[&str]; 2] = [&["done", "same", "refused", "failed", "other"], &["p50", "p99", "max"]];

/// About ten times the least difference that an eye notices (CIE 1976).
const APART: f64 = 20.0;
/// What WCAG 2 asks for lines and for small text.
const LINES: f64 = 3.0;
const TEXT: f64 = 4.5;

/// The colour of a name in one of the themes: the light one comes first.
fn colour(page: &str, name: &str, theme: usize) -> [f64; 3] {
    let values: Vec<&str> = page.split(&format!("--{name}: #")).skip(1).collect();
    let hex = values.get(theme).unwrap_or_else(|| panic!("{name} has a colour in each theme"));
    let part = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("two digits");
    [part(0), part(2), part(4)].map(|part| {
        let part = f64::from(part) / 255.0;
        if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    })
}

/// Where a colour lies among those that an eye tells apart: lightness and two opposites.
fn seen([red, green, blue]: [f64; 3]) -> [f64; 3] {
    let curve = |part: f64| if part > 0.008_856 { part.cbrt() } else { 7.787 * part + 16.0 / 116.0 };
    let x = curve((0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.9505);
    let y = curve(0.2126 * red + 0.7152 * green + 0.0722 * blue);
    let z = curve((0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.089);
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

fn through(eyes: [[f64; 3]; 3], colour: [f64; 3]) -> [f64; 3] {
    seen(eyes.map(|row| row.iter().zip(colour).map(|(share, part)| share * part).sum()))
}

#[test]
fn colour_blind_people_can_tell_colours_apart() {
    let page = report::page(&Results::default());
    for (theme, (name, eyes)) in [0, 1].into_iter().flat_map(|theme| EYES.map(|eyes| (theme, eyes))) {
        for colours in TOGETHER {
            for (at, left) in colours.iter().enumerate() {
                for right in &colours[at + 1..] {
                    let [a, b] = [left, right].map(|colour_of| through(eyes, colour(&page, colour_of, theme)));
                    let distance = a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
                    assert!(distance >= APART, "{left} and {right}, {name}, theme {theme}: {distance:.1}");
                }
            }
        }
    }
}

#[test]
fn lines_and_words_stand_out() {
    let page = report::page(&Results::default());
    for theme in [0, 1] {
        let light = |name: &str| {
            colour(&page, name, theme).iter().zip([0.2126, 0.7152, 0.0722]).map(|(a, b)| a * b).sum::<f64>()
        };
        let pairs =
            [("text", "card", TEXT), ("quiet", "card", TEXT), ("quiet", "page", TEXT), ("bad", "bad-page", TEXT)];
        let lines = ["p50", "p99", "max", "asked"].map(|line| (line, "card", LINES));
        for (name, behind, least) in pairs.into_iter().chain(lines) {
            let (a, b) = (light(name).max(light(behind)), light(name).min(light(behind)));
            let contrast = (a + 0.05) / (b + 0.05);
            assert!(contrast >= least, "{name} on {behind}, theme {theme}: {contrast:.2}");
        }
    }
}
