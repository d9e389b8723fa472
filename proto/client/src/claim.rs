//! From a code to a certificate: the phone's half of the verification service.

use std::fmt;

use proto::api::base64;
use proto::api::verification::{CertificateReply, CertificateRequest, VerifyReply, VerifyRequest};
use proto::commitment::Commitment;
use proto::{Malformed, ReportType};
use reqwest::header::HeaderValue;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::base_url::BaseUrl;
use crate::error::ClientError;
use crate::http::Http;
use crate::relay::Relay;
use crate::secret::Secret;
use crate::way::Way;

/// The longest API key, token and certificate, in bytes.
const MAX_CREDENTIAL: usize = 4_096;

/// What a claimed code becomes; to be stored until the upload has succeeded.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Token(String);

/// An authority's signed word that a commitment may be published: a compact JWT, valid for minutes.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Certificate(String);

impl Certificate {
    /// The certificate as it travels.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Tokens never reach a log.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// Certificates never reach a log.
impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Certificate(..)")
    }
}

/// What the authority says about the owner of a code, and the token that stands for the code from now on.
#[derive(Debug, Clone)]
pub struct Verified {
    /// The report type.
    pub report_type: ReportType,
    /// When symptoms began, ISO 8601, if the authority knows.
    pub symptom_date: Option<String>,
    /// When the test was taken, ISO 8601, if the authority knows.
    pub test_date: Option<String>,
    /// To be exchanged for a certificate.
    pub token: Token,
}

/// A verification service, and the app's key to it.
#[derive(Clone)]
pub struct Verification {
    way: Way,
    api_key: HeaderValue,
}

impl Verification {
    /// The service at `base`; `api_key` is the authority's DEVICE key that stands in the app.
    ///
    /// # Errors
    /// [`ClientError::Setting`] if the key cannot stand in a header.
    pub fn new(http: Http, base: BaseUrl, api_key: &str) -> Result<Self, ClientError> {
        let refused = || ClientError::Setting(Malformed::new("API key", "cannot stand in a header"));
        let mut api_key = HeaderValue::from_str(api_key).map_err(|_| refused())?;
        if api_key.is_empty() || api_key.len() > MAX_CREDENTIAL / 8 {
            return Err(refused());
        }
        api_key.set_sensitive(true);
        Ok(Self { way: Way::new(http, base), api_key })
    }

    /// The same through a relay: every call is sealed to the service's gateway.
    #[must_use]
    pub fn through(self, relay: Relay) -> Self {
        Self { way: self.way.through(relay), ..self }
    }

    /// `POST /api/verify`: claims a code. Store `nonce` first: with it the same call is answered with the same token again, so that a lost
    /// reply burns nothing. `accept` names the report types that the app can handle; empty means all.
    ///
    /// # Errors
    /// As [`ClientError`] says; [`Refused`](ClientError::Refused) with `code_invalid`, `code_expired`, `unsupported_test_type` ...
    pub async fn verify(&self, code: &str, accept: &[ReportType], nonce: &Secret) -> Result<Verified, ClientError> {
        self.claim(code, accept, nonce.to_base64()).await
    }

    /// Claims a code with a nonce in base64.
    pub(crate) async fn claim(
        &self,
        code: &str,
        accept: &[ReportType],
        nonce: String,
    ) -> Result<Verified, ClientError> {
        let accept = accept.iter().map(|report_type| report_type.as_str().to_owned()).collect();
        let request = VerifyRequest { code: code.to_owned(), accept, nonce, padding: String::new() };
        let reply: VerifyReply = self.call("api/verify", request).await?;
        Ok(Verified {
            report_type: reply.testtype.parse().map_err(ClientError::Malformed)?,
            symptom_date: Some(reply.symptom_date).filter(|date| !date.is_empty()),
            test_date: Some(reply.test_date).filter(|date| !date.is_empty()),
            token: Token(credential("token", reply.token)?),
        })
    }

    /// `POST /api/certificate`: exchanges a token for a certificate over what will be uploaded. The same commitment again is answered
    /// with an equivalent certificate; a token is good for two different ones.
    ///
    /// # Errors
    /// As [`ClientError`] says; [`Refused`](ClientError::Refused) with `token_invalid`, `token_expired` ...
    pub async fn certificate(&self, token: &Token, commitment: &Commitment) -> Result<Certificate, ClientError> {
        let request = CertificateRequest {
            token: token.0.clone(),
            ekeyhmac: base64::encode(commitment.as_bytes()),
            padding: String::new(),
        };
        let reply: CertificateReply = self.call("api/certificate", request).await?;
        Ok(Certificate(credential("certificate", reply.certificate)?))
    }

    /// Chaff in the place of [`verify`](Self::verify): a request and an answer that look like its own, and nothing behind them. See
    /// [the crate](crate#chaff) for when to send it.
    ///
    /// # Errors
    /// As [`ClientError`] says; none of them is of any account.
    pub async fn chaff_verify(&self) -> Result<(), ClientError> {
        self.way.chaff("api/verify", Some(&self.api_key)).await
    }

    /// Chaff in the place of [`certificate`](Self::certificate).
    ///
    /// # Errors
    /// As [`chaff_verify`](Self::chaff_verify).
    pub async fn chaff_certificate(&self) -> Result<(), ClientError> {
        self.way.chaff("api/certificate", Some(&self.api_key)).await
    }

    /// Posts to a path of the service, and reads the reply.
    pub(crate) async fn call<M, R>(&self, path: &str, request: M) -> Result<R, ClientError>
    where
        M: proto::api::padding::Padded + Clone,
        R: DeserializeOwned,
    {
        let reply = self.way.post(path, Some(("x-api-key", &self.api_key)), request).await?;
        serde_json::from_slice(&reply).map_err(|_| Malformed::new("reply", "is not the documented JSON").into())
    }
}

/// A credential of the service's making: not empty, bounded, printable.
fn credential(field: &'static str, text: String) -> Result<String, ClientError> {
    let printable = !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
    if !printable || text.len() > MAX_CREDENTIAL {
        return Err(Malformed::new(field, "must be 1 to 4096 printable characters").into());
    }
    Ok(text)
}
