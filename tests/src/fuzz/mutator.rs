//! Blind mutation: small damage to good inputs, from a seed, so that every run can be repeated.

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// Inputs never grow beyond this many bytes: the largest body that any decoder is given is smaller.
const LONGEST: usize = 96 * 1_024;
/// Numbers at which parsers change their mind.
const NUMBERS: [u64; 16] = [
    0,
    1,
    2,
    16,
    0x7f,
    0x80,
    0xff,
    0x100,
    0x7fff,
    0xffff,
    0x1_0000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    0xffff_ffff_ffff_ffff,
];

/// Makes new inputs of old ones.
pub struct Mutator {
    rng: StdRng,
    dictionary: &'static [&'static str],
}

impl Mutator {
    /// A mutator whose every choice follows from `seed`.
    pub fn new(seed: u64, dictionary: &'static [&'static str]) -> Self {
        Self { rng: StdRng::seed_from_u64(seed), dictionary }
    }

    /// A damaged copy of one of `inputs`, which must not be empty: one to eight changes.
    pub fn next(&mut self, inputs: &[(String, Vec<u8>)]) -> Vec<u8> {
        let mut bytes = inputs[self.below(inputs.len())].1.clone();
        for _ in 0..=self.below(8) {
            self.change(&mut bytes, inputs);
        }
        bytes.truncate(LONGEST);
        bytes
    }

    fn change(&mut self, bytes: &mut Vec<u8>, inputs: &[(String, Vec<u8>)]) {
        if bytes.is_empty() {
            bytes.push(self.rng.random());
            return;
        }
        let at = self.below(bytes.len());
        match self.below(10) {
            0 | 1 => bytes[at] ^= 1 << self.below(8),
            2 => bytes[at] = self.rng.random(),
            3 => bytes.truncate(at),
            4 => self.remove(bytes, at),
            5 => self.repeat(bytes, at),
            6 => self.number(bytes, at),
            7 => self.word(bytes, at),
            8 => self.splice(bytes, at, inputs),
            _ => self.decimal(bytes, at),
        }
    }

    fn remove(&mut self, bytes: &mut Vec<u8>, at: usize) {
        let end = (at + 1 + self.below(32)).min(bytes.len());
        bytes.drain(at..end);
    }

    /// Copies a piece once more, or many times: nesting and lists grow this way.
    fn repeat(&mut self, bytes: &mut Vec<u8>, at: usize) {
        let end = (at + 1 + self.below(64)).min(bytes.len());
        let times = if self.below(16) == 0 { 200 } else { 1 };
        let piece = bytes[at..end].repeat(times);
        bytes.splice(at..at, piece);
    }

    /// Overwrites with an interesting number of one, two, four or eight bytes in either byte order.
    fn number(&mut self, bytes: &mut [u8], at: usize) {
        let number = NUMBERS[self.below(NUMBERS.len())];
        let width = 1 << self.below(4);
        let mut written = number.to_le_bytes()[..width].to_vec();
        if self.rng.random() {
            written.reverse();
        }
        for (to, from) in bytes[at..].iter_mut().zip(written) {
            *to = from;
        }
    }

    fn word(&mut self, bytes: &mut Vec<u8>, at: usize) {
        if self.dictionary.is_empty() {
            return;
        }
        let word = self.dictionary[self.below(self.dictionary.len())].as_bytes();
        let end = if self.rng.random() { at } else { (at + word.len()).min(bytes.len()) };
        bytes.splice(at..end, word.iter().copied());
    }

    /// Continues with the end of another input.
    fn splice(&mut self, bytes: &mut Vec<u8>, at: usize, inputs: &[(String, Vec<u8>)]) {
        let other = &inputs[self.below(inputs.len())].1;
        let from = self.below(other.len() + 1);
        bytes.truncate(at);
        bytes.extend_from_slice(&other[from..]);
    }

    /// Replaces the run of digits around `at`, if there is one, by an interesting number in decimal.
    fn decimal(&mut self, bytes: &mut Vec<u8>, at: usize) {
        let Some(start) = bytes[at..].iter().position(u8::is_ascii_digit).map(|offset| at + offset) else { return };
        let length = bytes[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let mut text = NUMBERS[self.below(NUMBERS.len())].to_string();
        if self.rng.random() {
            text.insert(0, '-');
        }
        bytes.splice(start..start + length, text.into_bytes());
    }

    fn below(&mut self, end: usize) -> usize {
        self.rng.random_range(0..end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_inputs_and_another_seed_others() {
        let inputs = vec![("a".to_owned(), b"{\"number\": 17}".to_vec()), ("b".to_owned(), Vec::new())];
        let run = |seed| {
            let mut mutator = Mutator::new(seed, &["word"]);
            (0..1_000).map(|_| mutator.next(&inputs)).collect::<Vec<_>>()
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
        assert!(run(3).iter().all(|input| input.len() <= LONGEST));
    }
}
