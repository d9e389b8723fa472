//! May this report be published although no health authority vouches for it?

use std::path::Path;

use proto::Timestamp;
use proto::proof_of_work::Difficulty;
use service::secret_file;
use store::{Authority, KeyStore, SelfReporting, SpendOutcome};

use crate::challenge::Challenges;
use crate::config::SelfReportSettings;
use crate::dialect::SelfReport;
use crate::error::ServerError;
use crate::examiner::Examiner;
use crate::problem::{Problem, Unproven};

/// The shortest secret under which challenges are sealed, in bytes.
const MIN_SECRET: usize = 32;
/// When somebody is to come back who found the examiner busy, in seconds.
const EXAMINER_BUSY: u32 = 5;
/// How many reports with proof of work an authority takes in an hour: each may cost every phone that follows it more than a thousand hashes, and
/// in 14 days they fill two thirds of what a feed can list.
const PROVEN_PER_HOUR: u32 = 10_000;
/// The grain of an authority's tally, in seconds.
const HOUR: i64 = 3_600;

/// What admitting a report takes.
pub(crate) struct Admission {
    /// Whom apps mean that name no authority.
    authority: Option<String>,
    /// What phones work on.
    pub(crate) challenges: Challenges,
    examiner: Examiner,
}

impl Admission {
    /// By these settings; `drawn` is the secret if they name none.
    ///
    /// # Errors
    /// [`ServerError::Malformed`] for a difficulty out of bounds, [`ServerError::KeyFile`] for a file that cannot be read or that others may read, and
    /// [`ServerError::Secret`] for one that is too short.
    pub(crate) fn new(settings: &SelfReportSettings, drawn: [u8; 32]) -> Result<Self, ServerError> {
        let SelfReportSettings { proof_memory_kib, proof_passes, proof_bits, .. } = *settings;
        let difficulty = Difficulty::new(proof_memory_kib, proof_passes, proof_bits)?;
        let secret = settings.challenge_secret_file.as_deref().map_or(Ok(drawn.to_vec()), read_secret)?;
        let authority = settings.self_report_authority.as_ref().map(|id| id.to_ascii_lowercase());
        Ok(Self { authority, challenges: Challenges::new(&secret, difficulty), examiner: Examiner::new() })
    }

    /// Lets a report in if the authority that it means, or that the settings mean for it, takes any, and whoever sent it has done what is asked.
    ///
    /// # Errors
    /// [`Problem::SelfReportsOff`], [`Problem::UnknownAuthority`], [`Problem::BadSignature`], [`Problem::Unproven`], [`Problem::Busy`], and
    /// [`Problem::Internal`] if the store fails.
    pub(crate) async fn admit(
        &self,
        store: &dyn KeyStore,
        sent: &SelfReport,
        now: Timestamp,
    ) -> Result<Authority, Problem> {
        let id = sent.authority.as_ref().or(self.authority.as_ref()).ok_or(Problem::SelfReportsOff)?;
        let authority = store.authority(id).await?.ok_or(Problem::UnknownAuthority)?;
        // The signature comes before what costs others their share of the hour, or us a millisecond.
        let signed = || sent.report.verify().map_err(|_| Problem::BadSignature);
        match authority.self_reports {
            SelfReporting::Off => return Err(Problem::SelfReportsOff),
            SelfReporting::ProofOfWork => {
                signed()?;
                self.prove(store, sent, now).await?;
                count(store, &authority, PROVEN_PER_HOUR, now).await?;
            }
            SelfReporting::Open { per_hour } => {
                signed()?;
                count(store, &authority, per_hour, now).await?;
            }
        }
        Ok(authority)
    }

    /// Checks the proof and then spends its challenge, so that a wrong number burns nothing.
    async fn prove(&self, store: &dyn KeyStore, sent: &SelfReport, now: Timestamp) -> Result<(), Problem> {
        let proof = sent.proof.as_ref().ok_or(Unproven::Missing)?;
        let challenge = self.challenges.open(proof, now)?;
        match self.examiner.accepts(challenge.difficulty, proof, &sent.report).await {
            Ok(true) => {}
            Ok(false) => return Err(Unproven::Invalid.into()),
            Err(_) => return Err(Problem::Busy { retry_after: EXAMINER_BUSY }),
        }
        match store.spend_challenge(&self.challenges.solved(&challenge, &sent.report)).await? {
            SpendOutcome::Spent => Ok(()),
            SpendOutcome::SpentElsewhere => Err(Unproven::Spent.into()),
        }
    }
}

/// Reads a secret of any form, as long as it is long enough.
fn read_secret(path: &Path) -> Result<Vec<u8>, ServerError> {
    let refused = |why| ServerError::Secret { path: path.to_owned(), why };
    let secret = secret_file::read_bytes(path)?;
    if secret.len() < MIN_SECRET { Err(refused("it has less than 32 bytes")) } else { Ok(secret.to_vec()) }
}

/// Takes one of the authority's places in this hour. A repeat takes another: whether a report is known is not for an answer to depend on.
async fn count(store: &dyn KeyStore, authority: &Authority, per_hour: u32, now: Timestamp) -> Result<(), Problem> {
    let counted = store.tally_self_report(&authority.id, per_hour, now).await?;
    if counted { Ok(()) } else { Err(Problem::Busy { retry_after: until_next_hour(now) }) }
}

fn until_next_hour(now: Timestamp) -> u32 {
    let seconds = now.floor(HOUR).plus(HOUR).unix() - now.unix();
    u32::try_from(seconds).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn who_found_the_hour_full_comes_back_in_the_next_one() {
        assert_eq!(until_next_hour(Timestamp::from_unix(7_200)), 3_600);
        assert_eq!(until_next_hour(Timestamp::from_unix(10_799)), 1);
    }

    #[test]
    fn a_secret_that_is_short_or_missing_is_refused_with_its_file() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("secret");
        let settings =
            SelfReportSettings { challenge_secret_file: Some(path.clone()), ..SelfReportSettings::default() };
        let refused = || Admission::new(&settings, [0; 32]).err().expect("refused").to_string();
        assert!(refused().contains("secret"));
        fs::write(&path, [7; 31]).expect("written");
        fs::set_permissions(&path, Permissions::from_mode(0o644)).expect("chmod");
        assert!(refused().contains("chmod 600"));
        fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("chmod");
        assert!(refused().contains("32 bytes"));
        fs::write(&path, [7; 32]).expect("written");
        assert!(Admission::new(&settings, [0; 32]).is_ok());
        let hard = SelfReportSettings { proof_bits: 21, ..SelfReportSettings::default() };
        assert!(Admission::new(&hard, [0; 32]).err().expect("refused").to_string().starts_with("bits: "));
    }
}
