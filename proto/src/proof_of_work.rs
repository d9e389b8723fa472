//! Proof of work: what it costs a phone to report without a certificate, so that nobody can report by the thousand.
//!
//! The server gives out a challenge. The phone looks for a number, from 0 upwards, for which
//!
//! ```text
//! Argon2id(password = "pratique/self-report/v1\n" || SHA-256(signed report) || number as 8 bytes, big-endian,
//!          salt = SHA-256(challenge), version 0x13, 1 lane, memory and passes as the challenge says, 32 bytes)
//! ```
//!
//! begins with as many zero bits as the challenge says, and sends `challenge.number` beside its report. Finding it takes 2^bits tries on
//! average, checking it one. The work is over one report: it is of no use for another one.

use std::fmt;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use sha2::{Digest, Sha256};

use crate::error::Malformed;
use crate::tcn::SignedReport;

/// What the password begins with, so that no other use of Argon2id can be taken for this one.
const DOMAIN: &[u8] = b"pratique/self-report/v1\n";

/// How hard a challenge is. A phone that is asked for more than these bounds has met a server that it should not work for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Difficulty {
    memory_kib: u32,
    passes: u32,
    bits: u32,
}

impl Difficulty {
    /// The largest memory of one try, in KiB: small phones have it to spare.
    pub const MAX_MEMORY_KIB: u32 = 65_536;
    /// The most passes over it.
    pub const MAX_PASSES: u32 = 8;
    /// The most zero bits.
    pub const MAX_BITS: u32 = 20;

    /// A difficulty within bounds.
    ///
    /// # Errors
    /// `memoryKib` unless 8 to 65,536, `passes` unless 1 to 8, `bits` unless 0 to 20.
    pub fn new(memory_kib: u32, passes: u32, bits: u32) -> Result<Self, Malformed> {
        // RFC 9106 wants at least 8 KiB a lane.
        if !(8..=Self::MAX_MEMORY_KIB).contains(&memory_kib) {
            return Err(Malformed::new("memoryKib", "must be 8 to 65536"));
        }
        if !(1..=Self::MAX_PASSES).contains(&passes) {
            return Err(Malformed::new("passes", "must be 1 to 8"));
        }
        if bits > Self::MAX_BITS {
            return Err(Malformed::new("bits", "must be 0 to 20"));
        }
        Ok(Self { memory_kib, passes, bits })
    }

    /// The memory of one try, in KiB.
    pub const fn memory_kib(&self) -> u32 {
        self.memory_kib
    }

    /// The passes over it.
    pub const fn passes(&self) -> u32 {
        self.passes
    }

    /// How many bits of the result must be zero.
    pub const fn bits(&self) -> u32 {
        self.bits
    }

    /// Looks for a proof that `report` was worked for under `challenge`. Takes as long as it takes: a thread of its own is a good place.
    pub fn prove(&self, challenge: &str, report: &SignedReport) -> Proof {
        let mut search = self.search(challenge, report);
        loop {
            if let Some(proof) = search.try_next() {
                return proof;
            }
        }
    }

    /// The same, try by try, for a caller that wants to say how far it is or may call it off.
    pub fn search(&self, challenge: &str, report: &SignedReport) -> Search {
        Search { work: Work::new(*self, challenge, report), challenge: challenge.to_owned(), next: 0 }
    }

    /// How many tries it takes on average.
    pub const fn expected_tries(&self) -> u64 {
        1 << self.bits
    }

    /// Checks a proof with one run of Argon2id.
    pub fn accepts(&self, proof: &Proof, report: &SignedReport) -> bool {
        Work::new(*self, &proof.challenge, report).holds(proof.number)
    }
}

/// The search for a proof.
pub struct Search {
    work: Work,
    challenge: String,
    next: u64,
}

impl Search {
    /// Makes the next try, which takes one run of Argon2id; the proof, if this was the number.
    pub fn try_next(&mut self) -> Option<Proof> {
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        self.work.holds(number).then(|| Proof { challenge: self.challenge.clone(), number })
    }
}

/// A challenge and the number that was found for it: `challenge.number` on the wire.
#[derive(Clone, PartialEq, Eq)]
pub struct Proof {
    /// The challenge as it was given out.
    pub challenge: String,
    /// What was found.
    pub number: u64,
}

impl std::str::FromStr for Proof {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let malformed = || Malformed::new("X-Proof-Of-Work", "must be {challenge}.{number}");
        let (challenge, number) = text.split_once('.').ok_or_else(malformed)?;
        // A sign, or zeros in front, would give one proof several names.
        let plain = number == "0" || !number.starts_with('0') && number.bytes().all(|byte| byte.is_ascii_digit());
        let number = number.parse().ok().filter(|_| plain).ok_or_else(malformed)?;
        Ok(Self { challenge: challenge.to_owned(), number })
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.challenge, self.number)
    }
}

/// A challenge is for one phone alone and so never reaches a log.
impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Proof(..)")
    }
}

/// One report's work under one challenge, with the memory in which it is done.
struct Work {
    difficulty: Difficulty,
    argon2: Argon2<'static>,
    memory: Vec<Block>,
    salt: [u8; 32],
    /// Domain and report; the number follows.
    password: Vec<u8>,
}

impl Work {
    fn new(difficulty: Difficulty, challenge: &str, report: &SignedReport) -> Self {
        let Difficulty { memory_kib, passes, .. } = difficulty;
        let params = Params::new(memory_kib, passes, 1, None).expect("a difficulty lies within the bounds of Argon2");
        let memory = vec![Block::default(); params.block_count()];
        let password = [DOMAIN, &Sha256::digest(report.as_bytes())].concat();
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        Self { difficulty, argon2, memory, salt: Sha256::digest(challenge).into(), password }
    }

    fn holds(&mut self, number: u64) -> bool {
        let password = [&self.password[..], &number.to_be_bytes()].concat();
        let mut result = [0; 32];
        let run = self.argon2.hash_password_into_with_memory(&password, &self.salt, &mut result, &mut self.memory);
        run.is_ok() && zero_bits(&result) >= self.difficulty.bits
    }
}

/// With how many zero bits bytes begin.
fn zero_bits(bytes: &[u8]) -> u32 {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let next = bytes.get(zeros).map_or(0, |byte| byte.leading_zeros());
    u32::try_from(zeros).unwrap_or(u32::MAX).saturating_mul(8).saturating_add(next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tcn::{Memo, MemoType, ReportAuthorizationKey};

    fn report(seed: u8) -> SignedReport {
        let memo = Memo::new(MemoType::CoEpiV1, &[]).expect("short");
        SignedReport::create(&ReportAuthorizationKey::from_seed([seed; 32]), &memo, 1, 24).expect("in range")
    }

    fn easy() -> Difficulty {
        Difficulty::new(8, 1, 6).expect("within bounds")
    }

    #[test]
    fn a_proof_holds_for_its_report_and_its_challenge() {
        let proof = easy().prove("a-challenge", &report(1));
        assert!(easy().accepts(&proof, &report(1)));
        let others = [report(2), report(3), report(4), report(5), report(6), report(7), report(8), report(9)];
        let stolen = others.iter().filter(|other| easy().accepts(&proof, other)).count();
        assert!(stolen <= 2, "of eight other reports, each is one chance in 64: {stolen}");
        let moved = |challenge: &str| Proof { challenge: challenge.to_owned(), ..proof.clone() };
        let moved = ["b", "c", "d", "e", "f", "g", "h", "i"].iter().filter(|c| easy().accepts(&moved(c), &report(1)));
        assert!(moved.count() <= 2);
    }

    #[test]
    fn it_is_the_first_number_that_holds() {
        let (proof, mut work) = (easy().prove("x", &report(1)), Work::new(easy(), "x", &report(1)));
        assert!((0..proof.number).all(|number| !work.holds(number)) && work.holds(proof.number));
        assert_eq!(Difficulty::new(8, 1, 0).expect("within bounds").prove("x", &report(1)).number, 0);
    }

    #[test]
    fn the_work_is_over_the_documented_bytes() {
        let digest = Sha256::digest(report(1).as_bytes());
        let password = [b"pratique/self-report/v1\n", &digest[..], &[0, 0, 0, 0, 0, 0, 1, 2]].concat();
        let mut expected = [0; 32];
        Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8, 1, 1, Some(32)).expect("valid"))
            .hash_password_into(&password, &Sha256::digest("x"), &mut expected)
            .expect("valid");
        let bits = zero_bits(&expected);
        let at = |bits| Work::new(Difficulty::new(8, 1, bits).expect("within bounds"), "x", &report(1)).holds(0x102);
        assert!(at(bits) && !at(bits + 1));
    }

    #[test]
    fn zero_bits_are_counted_from_the_front() {
        assert_eq!(zero_bits(&[0x80, 0]), 0);
        assert_eq!(zero_bits(&[0x01, 0xff]), 7);
        assert_eq!(zero_bits(&[0, 0, 0x10]), 19);
        assert_eq!(zero_bits(&[0, 0]), 16);
    }

    #[test]
    fn a_proof_has_one_form_on_the_wire() {
        let proof: Proof = "abc-_.18446744073709551615".parse().expect("a proof");
        assert_eq!((proof.challenge.as_str(), proof.number), ("abc-_", u64::MAX));
        assert_eq!(proof.to_string(), "abc-_.18446744073709551615");
        assert!("x.0".parse::<Proof>().is_ok());
        for text in ["", "x", "x.", ".", "x.+1", "x.-1", "x.01", "x.1 ", "x.1.2", "x.18446744073709551616", "x.\u{661}"]
        {
            assert!(text.parse::<Proof>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_difficulty_beyond_the_bounds_is_refused_by_name() {
        let refused = |memory, passes, bits| Difficulty::new(memory, passes, bits).err().map(|refusal| refusal.field);
        assert_eq!(refused(7, 1, 1), Some("memoryKib"));
        assert_eq!(refused(65_537, 1, 1), Some("memoryKib"));
        assert_eq!(refused(8, 0, 1), Some("passes"));
        assert_eq!(refused(8, 9, 1), Some("passes"));
        assert_eq!(refused(8, 1, 21), Some("bits"));
        assert_eq!(refused(8, 1, 20), None);
    }
}
