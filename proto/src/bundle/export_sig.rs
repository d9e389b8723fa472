//! `export.sig`: the list of signatures over `export.bin`, the same for both kinds.

use prost::Message;

use crate::bundle::Signature;
use crate::bundle::header::{signature_info, signing_key};
use crate::bundle::signature::check_form;
use crate::error::Malformed;
use crate::feed::Kind;
use crate::generated::{TekSignature, TekSignatureList};

/// Renders the file.
pub(super) fn encode(kind: Kind, signatures: &[Signature]) -> Vec<u8> {
    let signatures = signatures.iter().map(|signature| TekSignature {
        signature_info: Some(signature_info(kind, &signature.key)),
        batch_num: Some(1),
        batch_size: Some(1),
        signature: Some(signature.bytes.clone()),
    });
    TekSignatureList { signatures: signatures.collect() }.encode_to_vec()
}

/// Reads the file, whose size the caller has bounded.
pub(super) fn decode(kind: Kind, file: &[u8]) -> Result<Vec<Signature>, Malformed> {
    let list = TekSignatureList::decode(file).map_err(|_| Malformed::new("export.sig", "is no well-formed message"))?;
    list.signatures.into_iter().map(|signature| read_one(kind, signature)).collect()
}

fn read_one(kind: Kind, signature: TekSignature) -> Result<Signature, Malformed> {
    if signature.batch_num() != 1 || signature.batch_size() != 1 {
        return Err(Malformed::new("export.sig", "must be for batch 1 of 1"));
    }
    let info = signature.signature_info.ok_or_else(|| Malformed::new("signature_info", "must be there"))?;
    let bytes = signature.signature.unwrap_or_default();
    check_form(kind, &bytes)?;
    Ok(Signature { key: signing_key(kind, &info)?, bytes })
}
