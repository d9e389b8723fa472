//! Turning a token and a commitment into a certificate.

use proto::api::base64;
use proto::api::verification::CertificateRequest;
use proto::certificate::{Claims, UnsignedCertificate};
use proto::commitment::Commitment;
use store::{Certify, CertifyOutcome, Issuer};

use crate::policy::{CERTIFICATE_LIFE, COMMITMENTS};
use crate::problem::Problem;
use crate::state::State;
use crate::token::Token;

/// What an app wants to have certified.
pub(crate) struct Petition {
    token: Token,
    commitment: Commitment,
}

impl Petition {
    /// Reads a request.
    pub(crate) fn parse(request: &CertificateRequest) -> Result<Self, Problem> {
        let token = Token::parse(&request.token).ok_or(Problem::TOKEN_INVALID)?;
        let commitment = base64::decode("ekeyhmac", &request.ekeyhmac).and_then(|bytes| Commitment::new(&bytes));
        Ok(Self { token, commitment: commitment.map_err(|_| Problem::HMAC_INVALID)? })
    }
}

/// Signs that the commitment may be published. The same petition again gets a certificate that says the same from later on.
pub(crate) async fn certify(state: &State, issuer: &Issuer, petition: &Petition) -> Result<String, Problem> {
    let now = state.now();
    // Asked first: without a key to sign, the token is not to be bound to anything.
    let signer = state.signer(&issuer.id, now).await?;
    let certify = Certify {
        id: petition.token.id(),
        token_digest: petition.token.digest(),
        authority: issuer.id.clone(),
        commitment_digest: petition.token.commitment_digest(&petition.commitment),
        limit: COMMITMENTS,
        now,
    };
    let terms = match state.store().certify(&certify).await? {
        CertifyOutcome::Certified(terms) => terms,
        CertifyOutcome::Unknown => return Err(Problem::TOKEN_INVALID),
        CertifyOutcome::Expired | CertifyOutcome::Spent => return Err(Problem::TOKEN_EXPIRED),
    };
    let claims = Claims {
        issuer: issuer.issuer.clone(),
        audience: issuer.audience.clone(),
        issued_at: now,
        expires_at: now.plus(CERTIFICATE_LIFE),
        report_type: terms.report_type,
        symptom_onset: terms.symptom,
        commitment: petition.commitment,
    };
    let unsigned = UnsignedCertificate::new(&signer.public_key(), &claims);
    let signature = signer.sign(unsigned.as_bytes()).await?;
    Ok(unsigned.with_signature(&signature))
}
