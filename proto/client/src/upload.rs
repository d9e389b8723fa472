//! Uploading keys and reports: the phone's half of the key server.

use proto::Interval;
use proto::Malformed;
use proto::api::base64;
use proto::api::padding::Padded;
use proto::api::publish::{ExposureKey, MAX_KEYS, MAX_REPORTS, PublishReply, PublishRequest, ReportsRequest};
use proto::commitment::{Commitment, HmacKey, KeySegment};
use proto::gaen::TemporaryExposureKey;
use proto::tcn::SignedReport;
use serde::{Deserialize, Serialize};

use crate::base_url::BaseUrl;
use crate::claim::Certificate;
use crate::error::ClientError;
use crate::http::Http;
use crate::relay::Relay;
use crate::secret::Secret;
use crate::way::Way;

/// Keys on their way to the server. Store it before asking for the certificate: a retry must send exactly what was committed to.
#[derive(Clone, Serialize, Deserialize)]
pub struct KeyUpload {
    authority: String,
    keys: Vec<ExposureKey>,
    hmac_key: Secret,
    symptom_onset: Option<Interval>,
    #[serde(default)]
    travelled: bool,
    #[serde(default)]
    revision_token: Option<String>,
}

impl KeyUpload {
    /// An upload of `keys`, each with its transmission risk (0 to 8, 0 for "not set"), under a fresh `hmac_key`.
    ///
    /// # Errors
    /// [`ClientError::Setting`] unless 1 to 30 keys.
    pub fn new(
        authority: &str,
        keys: &[(TemporaryExposureKey, u8)],
        symptom_onset: Option<Interval>,
        hmac_key: Secret,
    ) -> Result<Self, ClientError> {
        if !(1..=MAX_KEYS).contains(&keys.len()) {
            return Err(ClientError::Setting(Malformed::new("temporaryExposureKeys", "must be 1 to 30 keys")));
        }
        let keys = keys.iter().map(|(key, risk)| as_sent(key, *risk)).collect();
        let authority = authority.to_owned();
        Ok(Self { authority, keys, hmac_key, symptom_onset, travelled: false, revision_token: None })
    }

    /// The same, after an earlier upload for the same authority: what its [`Receipt`] said is presented, so that another report type may be said of the
    /// keys that were in it, once. Always present the newest one: it stands for the keys of all uploads before.
    #[must_use]
    pub fn after(self, revision_token: &str) -> Self {
        Self { revision_token: Some(revision_token.to_owned()), ..self }
    }

    /// The same for a person who was in other regions meanwhile: the keys reach whichever regions take travellers.
    #[must_use]
    pub fn travelled(self) -> Self {
        Self { travelled: true, ..self }
    }

    /// What the certificate must cover.
    pub fn commitment(&self) -> Commitment {
        let segments: Vec<KeySegment<'_>> = self.keys.iter().map(KeySegment::from).collect();
        hmac_key(&self.hmac_key).commit_keys(&segments)
    }

    /// How many keys it carries.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether it carries none, which it never does.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    fn request(&self, certificate: &Certificate) -> PublishRequest {
        PublishRequest {
            temporary_exposure_keys: self.keys.clone(),
            health_authority_id: self.authority.clone(),
            verification_payload: certificate.as_str().to_owned(),
            hmac_key: self.hmac_key.to_base64(),
            symptom_onset_interval: self.symptom_onset.map(|onset| i64::from(onset.number())),
            traveler: self.travelled,
            revision_token: self.revision_token.clone(),
            ..PublishRequest::default()
        }
    }
}

/// Reports on their way to the server, to be stored as a [`KeyUpload`] is.
#[derive(Clone, Serialize, Deserialize)]
pub struct ReportUpload {
    authority: String,
    reports: Vec<String>,
    hmac_key: Secret,
}

impl ReportUpload {
    /// An upload of `reports` under a fresh `hmac_key`.
    ///
    /// # Errors
    /// [`ClientError::Setting`] unless 1 to 56 reports.
    pub fn new(authority: &str, reports: &[SignedReport], hmac_key: Secret) -> Result<Self, ClientError> {
        if !(1..=MAX_REPORTS).contains(&reports.len()) {
            return Err(ClientError::Setting(Malformed::new("reports", "must be 1 to 56 reports")));
        }
        let reports = reports.iter().map(|report| base64::encode(report.as_bytes())).collect();
        Ok(Self { authority: authority.to_owned(), reports, hmac_key })
    }

    /// What the certificate must cover.
    pub fn commitment(&self) -> Commitment {
        let reports: Vec<&str> = self.reports.iter().map(String::as_str).collect();
        hmac_key(&self.hmac_key).commit_reports(&reports)
    }

    fn request(&self, certificate: &Certificate) -> ReportsRequest {
        ReportsRequest {
            reports: self.reports.clone(),
            health_authority_id: self.authority.clone(),
            verification_payload: certificate.as_str().to_owned(),
            hmac_key: self.hmac_key.to_base64(),
            padding: String::new(),
        }
    }
}

/// The server's answer to an upload. It is the same for keys that it knew already.
#[derive(Debug, Clone)]
pub struct Receipt {
    /// How many keys or reports are good.
    pub accepted: usize,
    /// What a later revision must present, see [`KeyUpload::after`]: the same for a repeat. Keep it as you keep the keys. None for reports.
    pub revision_token: Option<String>,
    /// Set if some were dropped (`partial_failure`): which and why.
    pub dropped: Option<String>,
    /// What was accepted, but not as sent.
    pub warnings: Vec<String>,
}

/// A key server.
#[derive(Clone)]
pub struct KeyServer {
    pub(crate) way: Way,
}

impl KeyServer {
    /// The server at `base`.
    pub const fn new(http: Http, base: BaseUrl) -> Self {
        Self { way: Way::new(http, base) }
    }

    /// The same through a relay: every upload is sealed to the server's gateway.
    #[must_use]
    pub fn through(self, relay: Relay) -> Self {
        Self { way: self.way.through(relay) }
    }

    /// `POST /v1/publish`. May be repeated: the answer does not depend on what the server knows.
    ///
    /// # Errors
    /// As [`ClientError`] says; [`Refused`](ClientError::Refused) with the codes of the publish API.
    pub async fn publish(&self, upload: &KeyUpload, certificate: &Certificate) -> Result<Receipt, ClientError> {
        self.upload("v1/publish", upload.request(certificate)).await
    }

    /// `POST /v1/reports`. May be repeated as [`publish`](Self::publish).
    ///
    /// # Errors
    /// As for [`publish`](Self::publish).
    pub async fn report(&self, upload: &ReportUpload, certificate: &Certificate) -> Result<Receipt, ClientError> {
        self.upload("v1/reports", upload.request(certificate)).await
    }

    /// Chaff in the place of [`publish`](Self::publish): a request and an answer that look like its own, and nothing behind them. See
    /// [the crate](crate#chaff) for when to send it.
    ///
    /// # Errors
    /// As [`ClientError`] says; none of them is of any account.
    pub async fn chaff(&self) -> Result<(), ClientError> {
        self.way.chaff("v1/publish", None).await
    }

    async fn upload(&self, path: &str, request: impl Padded + Clone) -> Result<Receipt, ClientError> {
        Receipt::read(&self.way.post(path, None, request).await?)
    }
}

impl Receipt {
    /// Reads the server's answer.
    pub(crate) fn read(reply: &[u8]) -> Result<Self, ClientError> {
        let reply: PublishReply =
            serde_json::from_slice(reply).map_err(|_| Malformed::new("reply", "is not the documented JSON"))?;
        Ok(Self {
            accepted: reply.inserted_exposures.unwrap_or_default(),
            revision_token: reply.revision_token,
            dropped: reply.code.map(|code| reply.error.unwrap_or(code)),
            warnings: reply.warnings,
        })
    }
}

fn as_sent(key: &TemporaryExposureKey, risk: u8) -> ExposureKey {
    ExposureKey {
        key: base64::encode(key.data()),
        rolling_start_number: i64::from(key.rolling_start().number()),
        rolling_period: i64::from(key.rolling_period()),
        transmission_risk: i64::from(risk),
    }
}

fn hmac_key(secret: &Secret) -> HmacKey {
    HmacKey::new(secret.as_bytes()).expect("a secret has 32 bytes, more than the 16 that are needed")
}
