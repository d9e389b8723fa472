//! Challenges: given out to anybody, remembered by nobody until they are spent.
//!
//! What a challenge says stands in it, sealed: id, expiry and difficulty, followed by an HMAC. So giving one out costs no row, and every
//! server with the same secret takes it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use proto::Timestamp;
use proto::api::self_reports::ChallengeReply;
use proto::proof_of_work::{Difficulty, Proof};
use proto::tcn::SignedReport;
use sha2::{Digest as _, Sha256};
use store::SolvedChallenge;

use crate::problem::Unproven;

/// How long a challenge is taken, in seconds: a phone needs one, a slow one ten, and a bad network the rest.
const LIFE: i64 = 600;
/// For how much longer a spent one is remembered, in seconds: by then it has expired by the clock of every server.
const SLACK: i64 = 3_600;
/// The length of what is sealed: id, expiry, memory, passes, bits.
const SEALED: usize = 16 + 8 + 4 + 1 + 1;
/// The length of the seal.
const SEAL: usize = 16;

/// Gives out challenges and knows them again.
pub(crate) struct Challenges {
    secret: [u8; 32],
    difficulty: Difficulty,
}

/// A challenge that this server, or one beside it, gave out and that has not expired.
pub(crate) struct Challenge {
    id: [u8; 16],
    expires_at: Timestamp,
    /// How hard it is.
    pub(crate) difficulty: Difficulty,
}

impl Challenges {
    /// Challenges of one difficulty, sealed under a secret of any length.
    pub(crate) fn new(secret: &[u8], difficulty: Difficulty) -> Self {
        Self { secret: Sha256::digest(secret).into(), difficulty }
    }

    /// Gives out the challenge with this random id.
    pub(crate) fn give(&self, id: [u8; 16], now: Timestamp) -> ChallengeReply {
        let (difficulty, expires_at) = (self.difficulty, now.plus(LIFE));
        let sealed = sealed(&Challenge { id, expires_at, difficulty });
        let challenge = URL_SAFE_NO_PAD.encode([&sealed[..], &self.seal(&sealed)].concat());
        ChallengeReply {
            challenge,
            expires_at: expires_at.unix(),
            memory_kib: difficulty.memory_kib(),
            passes: difficulty.passes(),
            bits: difficulty.bits(),
            padding: String::new(),
        }
    }

    /// Opens the challenge of a proof.
    ///
    /// # Errors
    /// [`Unproven::Invalid`] if it was not given out here, [`Unproven::Expired`].
    pub(crate) fn open(&self, proof: &Proof, now: Timestamp) -> Result<Challenge, Unproven> {
        let bytes = URL_SAFE_NO_PAD.decode(&proof.challenge).map_err(|_| Unproven::Invalid)?;
        let bytes: &[u8; SEALED + SEAL] = bytes.as_slice().try_into().map_err(|_| Unproven::Invalid)?;
        let (sealed, seal) = bytes.split_at(SEALED);
        self.mac(b"pratique challenge v1", &[sealed]).verify_truncated_left(seal).map_err(|_| Unproven::Invalid)?;
        let challenge = opened(sealed).ok_or(Unproven::Invalid)?;
        if now > challenge.expires_at { Err(Unproven::Expired) } else { Ok(challenge) }
    }

    /// What to remember once the challenge is solved for a report: whoever reads the row cannot tell which report that was.
    pub(crate) fn solved(&self, challenge: &Challenge, report: &SignedReport) -> SolvedChallenge {
        let digest = self.mac(b"pratique challenge spent v1", &[&challenge.id, report.as_bytes()]);
        SolvedChallenge {
            id: challenge.id,
            spent_on: digest.finalize().into_bytes().into(),
            forget_at: challenge.expires_at.plus(SLACK),
        }
    }

    fn seal(&self, sealed: &[u8]) -> [u8; SEAL] {
        let mac = self.mac(b"pratique challenge v1", &[sealed]).finalize().into_bytes();
        *mac.first_chunk().expect("an HMAC-SHA256 has 32 bytes")
    }

    fn mac(&self, domain: &[u8], parts: &[&[u8]]) -> Hmac<Sha256> {
        let mut mac = Hmac::new_from_slice(&self.secret).expect("HMAC takes keys of any length");
        mac.update(domain);
        parts.iter().for_each(|part| mac.update(part));
        mac
    }
}

/// What a challenge says, numbers big-endian.
fn sealed(challenge: &Challenge) -> [u8; SEALED] {
    let Challenge { id, expires_at, difficulty } = challenge;
    // Passes and bits are below 256 in every difficulty.
    let [.., passes] = difficulty.passes().to_be_bytes();
    let [.., bits] = difficulty.bits().to_be_bytes();
    let mut sealed = [0; SEALED];
    sealed[..16].copy_from_slice(id);
    sealed[16..24].copy_from_slice(&expires_at.unix().to_be_bytes());
    sealed[24..28].copy_from_slice(&difficulty.memory_kib().to_be_bytes());
    sealed[28..].copy_from_slice(&[passes, bits]);
    sealed
}

/// Reads it back; none if it cannot have been ours.
fn opened(sealed: &[u8]) -> Option<Challenge> {
    let (id, rest) = sealed.split_first_chunk::<16>()?;
    let (expires_at, rest) = rest.split_first_chunk::<8>()?;
    let (memory_kib, rest) = rest.split_first_chunk::<4>()?;
    let [passes, bits] = *rest.first_chunk::<2>()?;
    let difficulty = Difficulty::new(u32::from_be_bytes(*memory_kib), passes.into(), bits.into()).ok()?;
    Some(Challenge { id: *id, expires_at: Timestamp::from_unix(i64::from_be_bytes(*expires_at)), difficulty })
}

#[cfg(test)]
mod tests {
    use proto::tcn::{Memo, MemoType, ReportAuthorizationKey};

    use super::*;

    const NOW: Timestamp = Timestamp::from_unix(1_795_257_000);

    fn challenges(secret: &[u8]) -> Challenges {
        Challenges::new(secret, Difficulty::new(65_536, 8, 20).expect("within bounds"))
    }

    fn proof(reply: &ChallengeReply) -> Proof {
        Proof { challenge: reply.challenge.clone(), number: 7 }
    }

    fn report(seed: u8) -> SignedReport {
        let memo = Memo::new(MemoType::CoEpiV1, &[]).expect("short");
        SignedReport::create(&ReportAuthorizationKey::from_seed([seed; 32]), &memo, 1, 24).expect("in range")
    }

    #[test]
    fn a_challenge_is_known_again_by_every_server_with_the_secret() {
        let reply = challenges(b"secret").give([9; 16], NOW);
        assert_eq!((reply.memory_kib, reply.passes, reply.bits), (65_536, 8, 20));
        assert_eq!(reply.expires_at, NOW.plus(600).unix());
        // The other server asks for less today; a challenge keeps the difficulty that it was given out with.
        let other = Challenges::new(b"secret", Difficulty::new(8, 1, 0).expect("within bounds"));
        let Ok(opened) = other.open(&proof(&reply), NOW) else { panic!("not known") };
        assert_eq!((opened.id, opened.expires_at), ([9; 16], NOW.plus(600)));
        assert_eq!(opened.difficulty, Difficulty::new(65_536, 8, 20).expect("within bounds"));
        assert_eq!(challenges(b"another").open(&proof(&reply), NOW).err(), Some(Unproven::Invalid));
    }

    #[test]
    fn a_challenge_is_taken_for_ten_minutes() {
        let reply = challenges(b"secret").give([9; 16], NOW);
        let open = |later| challenges(b"secret").open(&proof(&reply), NOW.plus(later)).err();
        assert_eq!((open(600), open(601)), (None, Some(Unproven::Expired)));
    }

    #[test]
    fn a_challenge_with_any_byte_changed_is_none() {
        let challenges = challenges(b"secret");
        let bytes = URL_SAFE_NO_PAD.decode(challenges.give([9; 16], NOW).challenge).expect("base64");
        for position in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[position] ^= 1;
            let forged = Proof { challenge: URL_SAFE_NO_PAD.encode(bytes), number: 0 };
            assert_eq!(challenges.open(&forged, NOW).err(), Some(Unproven::Invalid), "{position}");
        }
        for text in ["", "AAAA", "!", &"A".repeat(1_000)] {
            let forged = Proof { challenge: text.to_owned(), number: 0 };
            assert_eq!(challenges.open(&forged, NOW).err(), Some(Unproven::Invalid), "{text}");
        }
    }

    #[test]
    fn what_is_remembered_tells_the_report_to_nobody_without_the_secret() {
        let of = |secret: &[u8], seed| {
            let challenges = challenges(secret);
            let challenge = Challenge { id: [1; 16], expires_at: NOW, difficulty: challenges.difficulty };
            challenges.solved(&challenge, &report(seed))
        };
        let solved = of(b"secret", 1);
        assert_eq!((solved.id, solved.forget_at), ([1; 16], NOW.plus(3_600)));
        assert_eq!(of(b"secret", 1), solved, "the same report again");
        assert_ne!(of(b"secret", 2).spent_on, solved.spent_on);
        assert_ne!(of(b"another", 1).spent_on, solved.spent_on);
    }
}
