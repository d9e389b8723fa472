//! The requests that are sent: good ones, chaff, and such as are refused, for several reasons each. All are of one size, as `client` makes them.

use std::net::SocketAddr;

use proto::api::base64;
use proto::api::padding::{Padded, to_padded_json};
use proto::api::publish::{ExposureKey, PublishRequest};
use proto::api::verification::{CertificateRequest, VerifyRequest};
use proto::certificate::{CertificateSigner, Claims};
use proto::commitment::{HmacKey, KeySegment};
use proto::{Interval, ReportType, Timestamp};
use store::chance;

use crate::scene::Scene;

/// The length of each request, head and body.
const REQUEST: usize = client::REQUEST_BYTES;
/// How many keys an upload has.
const KEYS: i64 = 14;
/// The routes that are watched.
pub(crate) const ROUTES: [Route; 3] = [Route::Publish, Route::Verify, Route::Certificate];

/// A route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    /// Keys.
    Publish,
    /// A code.
    Verify,
    /// A token.
    Certificate,
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// It is real and accepted.
    Real,
    /// It is chaff.
    Chaff,
    /// It is real and refused.
    Refused,
}

/// What is needed to make them.
pub(crate) struct Stock {
    device: String,
    codes: Vec<String>,
    tokens: Vec<String>,
    /// A code that was claimed before.
    used: String,
    signer: CertificateSigner,
    authority: &'static str,
    now: Timestamp,
}

impl Route {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Verify => "verify",
            Self::Certificate => "certificate",
        }
    }

    const fn path(self) -> &'static str {
        match self {
            Self::Publish => "/v1/publish",
            Self::Verify => "/api/verify",
            Self::Certificate => "/api/certificate",
        }
    }
}

impl Class {
    pub(crate) const ALL: [Self; 3] = [Self::Real, Self::Chaff, Self::Refused];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Real => "real",
            Self::Chaff => "chaff",
            Self::Refused => "refused",
        }
    }
}

/// A body before it is filled up.
enum Body {
    Keys(PublishRequest),
    Code(VerifyRequest),
    Token(CertificateRequest),
    /// No JSON.
    Broken,
}

impl Stock {
    /// Has codes issued, and as many claimed, for so many requests of each class.
    pub(crate) async fn gather(scene: &Scene, samples: usize) -> anyhow::Result<Self> {
        let codes = scene.issue(2 * samples + 1).await?;
        let (claimed, codes) = codes.split_at(samples + 1);
        let tokens = scene.claim(claimed).await?;
        Ok(Self {
            device: scene.device.clone(),
            codes: codes.to_vec(),
            tokens,
            used: claimed[0].clone(),
            signer: scene.signer(),
            authority: Scene::AUTHORITY,
            now: scene.now(),
        })
    }

    /// The request with this number.
    pub(crate) fn request(&self, route: Route, class: Class, number: usize, to: SocketAddr) -> anyhow::Result<Vec<u8>> {
        let refusal = (class == Class::Refused).then_some(number % 4);
        let mut key = Some(self.device.clone()).filter(|_| route != Route::Publish);
        let body = match (class, route, refusal) {
            (Class::Chaff, ..) => Body::Code(VerifyRequest::default()),
            (_, _, Some(3)) => Body::Broken,
            (_, Route::Publish, why) => Body::Keys(self.upload(why)?),
            (_, _, Some(2)) => {
                key = key.map(|key| key[..key.len() - 1].to_owned() + "-");
                Body::Code(VerifyRequest::default())
            }
            (_, Route::Verify, why) => Body::Code(self.claim(number, why)),
            (_, Route::Certificate, why) => Body::Token(self.wish(number, why)),
        };
        let mut head = format!("POST {} HTTP/1.1\r\nhost: {to}\r\ncontent-type: application/json\r\n", route.path());
        if let Some(key) = key {
            head += &format!("x-api-key: {key}\r\n");
        }
        let [one, other] = chance::bytes::<2>().map(|byte| 100 + byte % 150);
        head += &format!("x-forwarded-for: 10.{one}.{other}.1\r\n");
        if class == Class::Chaff {
            head += "x-chaff: 1\r\n";
        }
        let room = REQUEST - head.len() - "content-length: 12345\r\n\r\n".len();
        let body = body.filled(room);
        anyhow::ensure!(body.len() == room, "{} bytes do not fit into {room}", body.len());
        head += &format!("content-length: {room}\r\n\r\n");
        Ok([head.into_bytes(), body].concat())
    }

    fn upload(&self, why: Option<usize>) -> anyhow::Result<PublishRequest> {
        let today = i64::from(Interval::containing(self.now).midnight().number());
        let key = |day: i64| ExposureKey {
            key: base64::encode(&chance::bytes::<16>()),
            rolling_start_number: today - 144 * (day % 10 + 2),
            rolling_period: if why == Some(0) { 0 } else { 144 },
            transmission_risk: 3,
        };
        let mut keys: Vec<_> = (0..KEYS).map(key).collect();
        let secret = chance::bytes::<16>();
        let claims = Claims {
            issuer: self.authority.to_owned(),
            audience: "pratique".to_owned(),
            issued_at: self.now,
            expires_at: self.now.plus(3_000),
            report_type: ReportType::Confirmed,
            symptom_onset: None,
            commitment: HmacKey::new(&secret)?.commit_keys(&keys.iter().map(KeySegment::from).collect::<Vec<_>>()),
        };
        if why == Some(1) {
            keys[0].transmission_risk = 4;
        }
        Ok(PublishRequest {
            temporary_exposure_keys: keys,
            health_authority_id: if why == Some(2) { "nobody" } else { self.authority }.to_owned(),
            verification_payload: self.signer.sign(&claims),
            hmac_key: base64::encode(&secret),
            ..PublishRequest::default()
        })
    }

    fn claim(&self, number: usize, why: Option<usize>) -> VerifyRequest {
        let code = match why {
            None => self.codes[number].clone(),
            Some(0) => self.used.clone(),
            Some(_) => format!("{:08}", u32::from_be_bytes(chance::bytes()) % 100_000_000),
        };
        VerifyRequest { code, nonce: base64::encode(&chance::bytes::<16>()), ..VerifyRequest::default() }
    }

    fn wish(&self, number: usize, why: Option<usize>) -> CertificateRequest {
        let (token, bytes) = match why {
            None => (self.tokens[number].clone(), 32),
            Some(0) => ("A".repeat(64), 32),
            Some(_) => (self.tokens[0].clone(), 31),
        };
        let ekeyhmac = base64::encode(&chance::bytes::<32>()[..bytes]);
        CertificateRequest { token, ekeyhmac, padding: String::new() }
    }
}

impl Body {
    fn filled(self, room: usize) -> Vec<u8> {
        fn pad(message: impl Padded, room: usize) -> Vec<u8> {
            to_padded_json(message, room)
        }
        match self {
            Self::Keys(request) => pad(request, room),
            Self::Code(request) => pad(request, room),
            Self::Token(request) => pad(request, room),
            Self::Broken => vec![b'{'; room],
        }
    }
}
