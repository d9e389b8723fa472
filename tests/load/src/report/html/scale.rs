//! From values to places, and which values deserve a line of their own.

/// Maps values to 0..1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scale {
    /// Evenly, between two values.
    Linear(f64, f64),
    /// By powers of ten, between two positive values.
    Logarithmic(f64, f64),
}

impl Scale {
    /// From zero to a round value that is not below `highest`.
    pub(super) fn from_zero(highest: f64) -> Self {
        let step = round_step(highest.max(1e-9) / 4.0);
        Self::Linear(0.0, (highest.max(1e-9) / step).ceil() * step)
    }

    /// Powers of ten, their doubles and fives around positive values; at least a factor of four wide, so that noise looks like noise.
    pub(super) fn around(lowest: f64, highest: f64) -> Self {
        let highest = round_up(highest.max(1e-3));
        let lowest = 1.0 / round_up(1.0 / lowest.max(1e-3));
        Self::Logarithmic(lowest.min(highest / 4.0), highest)
    }

    /// Where a value stands between 0 and 1; values outside stand at the nearer end.
    pub(super) fn place(self, value: f64) -> f64 {
        let place = match self {
            Self::Linear(low, high) => (value - low) / (high - low),
            Self::Logarithmic(low, high) => (value.max(low) / low).log10() / (high / low).log10(),
        };
        if place.is_finite() { place.clamp(0.0, 1.0) } else { 0.0 }
    }

    /// The values to draw lines at.
    pub(super) fn ticks(self) -> Vec<f64> {
        match self {
            Self::Linear(low, high) => {
                let step = round_step((high - low) / 4.0);
                (0..=((high - low) / step + 1e-6) as u32).map(|at| low + f64::from(at) * step).collect()
            }
            Self::Logarithmic(low, high) => {
                let decades = (high / low).log10();
                let digits: &[f64] = if decades > 4.2 {
                    &[1.0]
                } else if decades > 2.1 {
                    &[1.0, 3.0]
                } else {
                    &[1.0, 2.0, 5.0]
                };
                let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
                let all = (first..=last).flat_map(|power| digits.iter().map(move |digit| digit * 10_f64.powi(power)));
                all.filter(|tick| *tick >= low * 0.999 && *tick <= high * 1.001).collect()
            }
        }
    }
}

/// The step of a time axis in seconds, so that there are not more than `most`.
pub(super) fn time_step(seconds: f64, most: f64) -> f64 {
    const STEPS: [f64; 15] =
        [1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1_800.0, 3_600.0, 7_200.0, 14_400.0];
    let fits = STEPS.into_iter().find(|step| seconds / step <= most);
    fits.unwrap_or_else(|| (seconds / most / 86_400.0).ceil() * 86_400.0)
}

/// 1, 2 or 5 times a power of ten: the nearest above.
fn round_up(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    let digits = [1.0, 2.0, 5.0, 10.0];
    digits.into_iter().map(|digit| digit * power).find(|round| *round >= value * 0.999_999).unwrap_or(power * 10.0)
}

fn round_step(value: f64) -> f64 {
    round_up(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_end_at_round_values() {
        assert_eq!(Scale::from_zero(87.0), Scale::Linear(0.0, 100.0));
        assert_eq!(Scale::from_zero(0.0).place(0.0), 0.0);
        assert_eq!(Scale::from_zero(100.0).ticks(), [0.0, 50.0, 100.0]);
        let Scale::Logarithmic(low, high) = Scale::around(3.1, 812.0) else { panic!("powers of ten") };
        assert_eq!((low.round(), high.round()), (2.0, 1_000.0));
        assert_eq!(Scale::around(500.0, 600.0).ticks().len(), 2, "500 and 1000");
    }

    #[test]
    fn every_value_has_a_place() {
        for scale in
            [Scale::from_zero(0.0), Scale::from_zero(f64::MAX), Scale::around(0.0, 0.0), Scale::around(1e-3, 1e9)]
        {
            for value in [0.0, -1.0, 1.0, f64::MAX, f64::NAN, f64::INFINITY] {
                assert!((0.0..=1.0).contains(&scale.place(value)), "{value} on {scale:?}");
            }
            assert!(scale.ticks().len() < 20, "{scale:?}");
        }
    }

    #[test]
    fn a_time_axis_has_few_steps() {
        assert_eq!(
            (time_step(5.0, 6.0), time_step(300.0, 6.0), time_step(1_800.0, 6.0), time_step(86_400.0, 6.0)),
            (1.0, 60.0, 300.0, 14_400.0)
        );
        assert_eq!(time_step(6_000_000.0, 6.0), 1_036_800.0);
    }
}
