//! How many bundles a seal makes, and how large each becomes.

/// How many members a bundle gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Portion {
    /// Ordinary ones.
    pub(crate) ordinary: u64,
    /// Revised ones.
    pub(crate) revised: u64,
}

/// Cuts what was claimed into portions of at most `maximum` members. The portions are as even as can be: if the last one took what the others
/// leave, it could be one person's keys. Revised members follow the last ordinary ones where they fit, so that few hide among many; else they
/// make bundles of their own.
pub(crate) fn cut(ordinary: u64, revised: u64, maximum: u64) -> Vec<Portion> {
    let mut portions: Vec<_> = evenly(ordinary, maximum).map(|ordinary| Portion { ordinary, revised: 0 }).collect();
    for part in evenly(revised, maximum) {
        match portions.last_mut() {
            Some(last) if last.revised == 0 && last.ordinary + part <= maximum => last.revised = part,
            _ => portions.push(Portion { ordinary: 0, revised: part }),
        }
    }
    portions
}

/// `total` in as few parts of at most `maximum` as possible, which differ by at most one.
fn evenly(total: u64, maximum: u64) -> impl Iterator<Item = u64> {
    let parts = total.div_ceil(maximum.max(1));
    (0..parts).map(move |part| total / parts + u64::from(part < total % parts))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn portions(ordinary: u64, revised: u64, maximum: u64) -> Vec<(u64, u64)> {
        cut(ordinary, revised, maximum).iter().map(|p| (p.ordinary, p.revised)).collect()
    }

    #[test]
    fn no_portion_is_a_small_rest() {
        assert_eq!(portions(1_000, 0, 500), [(500, 0), (500, 0)]);
        assert_eq!(portions(1_001, 0, 500), [(334, 0), (334, 0), (333, 0)]);
        assert_eq!(portions(7, 0, 500), [(7, 0)]);
        assert_eq!(portions(0, 0, 500), []);
    }

    #[test]
    fn revised_members_join_ordinary_ones_where_they_fit() {
        assert_eq!(portions(1_001, 20, 500), [(334, 0), (334, 0), (333, 20)]);
        assert_eq!(portions(500, 20, 500), [(500, 0), (0, 20)]);
        assert_eq!(portions(10, 700, 500), [(10, 350), (0, 350)]);
    }

    #[test]
    fn nothing_is_lost_and_no_portion_exceeds_the_maximum() {
        for (ordinary, revised, maximum) in [(0, 5, 2), (13, 7, 1), (99, 1, 10), (100, 100, 33), (5, 5, 0)] {
            let portions = cut(ordinary, revised, maximum);
            assert_eq!(portions.iter().map(|p| p.ordinary).sum::<u64>(), ordinary);
            assert_eq!(portions.iter().map(|p| p.revised).sum::<u64>(), revised);
            assert!(portions.iter().all(|p| (1..=maximum.max(1)).contains(&(p.ordinary + p.revised))));
        }
    }
}
