//! Envelopes of RFC 9458 as its authors wrote them, and as an independent implementation writes them.

use std::convert::Infallible;

use ohttp::hpke::{Aead, Kdf, Kem};
use ohttp::{ClientRequest, SymmetricSuite};
use proto::ohttp::{Cipher, KeyConfig, PrivateKey, Unopened, decode_keys, encode_keys, open_request, seal_request};
use rand::SeedableRng;
use rand::rngs::StdRng;

/// RFC 9458, appendix A.
const SECRET: &str = "3c168975674b2fa8e465970b79c8dcf09f1c741626480bd4c6162fc5b6a98e1a";
const KEY_CONFIG: &str = "01002031e1f05a740102115220e9af918f738674aec95f54db6e04eb705aae8e79815500080001000100010003";
const REQUEST: &str = "00034745540568747470730b6578616d706c652e636f6d012f";
const SEALED_REQUEST: &str = "010020000100014b28f881333e7c164ffc499ad9796f877f4e1051ee6d31bad19dec96c208b472\
    6374e469135906992e1268c594d2a10c695d858c40a026e7965e7d86b83dd440b2c0185204b4d63525";
const RESPONSE: &str = "0140c8";
const RESPONSE_NONCE: &str = "c789e7151fcba46158ca84b04464910d";
const SEALED_RESPONSE: &str = "c789e7151fcba46158ca84b04464910d86f9013e404feea014e7be4a441f234f857fbd";

fn unhex(text: &str) -> Vec<u8> {
    hex::decode(text).expect("hexadecimal")
}

fn rng() -> StdRng {
    StdRng::seed_from_u64(9_458)
}

/// Chance that always gives the nonce of the appendix.
struct Nonce;

impl rand::TryRng for Nonce {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        unreachable!("a nonce is drawn as bytes")
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        unreachable!("a nonce is drawn as bytes")
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.copy_from_slice(&unhex(RESPONSE_NONCE));
        Ok(())
    }
}

impl rand::TryCryptoRng for Nonce {}

#[test]
fn the_key_configuration_of_the_specification_is_ours_for_its_key() {
    let key = PrivateKey::new(1, &unhex(SECRET)).expect("a key");
    assert_eq!(hex::encode(key.config().as_bytes()), KEY_CONFIG);
    assert_eq!(KeyConfig::decode(&unhex(KEY_CONFIG)), Ok(Some(key.config().clone())));
}

#[test]
fn the_request_of_the_specification_is_opened_and_answered_with_its_response() {
    let key = PrivateKey::new(1, &unhex(SECRET)).expect("a key");
    let opened = open_request(&unhex(SEALED_REQUEST), |id| (id == 1).then_some(&key)).expect("opened");
    assert_eq!(hex::encode(&opened.message), REQUEST);
    assert_eq!(hex::encode(opened.reply.seal(&unhex(RESPONSE), &mut Nonce)), SEALED_RESPONSE);
}

#[test]
fn what_is_sealed_is_opened_and_so_is_the_reply() {
    let key = PrivateKey::new(200, &PrivateKey::draw(&mut rng())).expect("a key");
    for cipher in Cipher::ALL {
        let config = key.config().with_cipher(cipher).expect("taken");
        let (sealed, opener) = seal_request(&config, b"request", &mut rng()).expect("sealed");
        assert_eq!(sealed.len(), 7 + 32 + 7 + 16);
        let opened = open_request(&sealed, |_| Some(&key)).expect("opened");
        assert_eq!((opened.message.as_slice(), opened.reply.cipher()), (b"request".as_slice(), cipher));
        let reply = opened.reply.seal(b"reply", &mut rng());
        assert_eq!(reply.len(), 5 + cipher.reply_overhead());
        assert_eq!(opener.open(&reply).expect("opened"), b"reply");
    }
}

#[test]
fn nothing_may_be_changed() {
    let key = PrivateKey::new(1, &[7; 32]).expect("a key");
    let (sealed, _) = seal_request(key.config(), b"request", &mut rng()).expect("sealed");
    let open = |bytes: &[u8]| open_request(bytes, |id| (id == 1).then_some(&key)).map(|opened| opened.message);
    assert!(open(&sealed).is_ok());
    for at in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[at] ^= 0x80;
        let refusal = open(&changed).expect_err("refused");
        let expected = match at {
            0 => Unopened::UnknownKey,
            1..7 => Unopened::UnknownAlgorithm,
            // The highest bit of an X25519 key is ignored when a secret is agreed on, but not when it is derived (RFC 9180, section 4.1).
            _ => Unopened::Undecryptable,
        };
        assert_eq!(refusal, expected, "{at}");
        assert!(open(&sealed[..at]).is_err(), "{at}");
    }
    // The other cipher, which is known: it is part of what is sealed.
    let mut changed = sealed.clone();
    changed[6] = 3;
    assert_eq!(open(&changed), Err(Unopened::Undecryptable));
    // A key of the same id that is another.
    let other = PrivateKey::new(1, &[8; 32]).expect("a key");
    assert_eq!(open_request(&sealed, |_| Some(&other)).err(), Some(Unopened::Undecryptable));
    // A point with which everybody would agree on the same secret.
    let weak = [&sealed[..7], &[0; 32], &sealed[39..]].concat();
    assert_eq!(open(&weak), Err(Unopened::Undecryptable));
}

#[test]
fn a_reply_is_for_its_own_request_alone() {
    let key = PrivateKey::new(1, &[7; 32]).expect("a key");
    let mut rng = rng();
    let mut ask = || {
        let (sealed, opener) = seal_request(key.config(), b"request", &mut rng).expect("sealed");
        (open_request(&sealed, |_| Some(&key)).expect("opened").reply, opener)
    };
    let ((first, first_opener), (second, second_opener)) = (ask(), ask());
    let reply = first.seal(b"first", &mut Nonce);
    assert!(second_opener.open(&reply).is_err());
    let mut changed = second.seal(b"second", &mut Nonce);
    let last = changed.len() - 1;
    changed[last] ^= 1;
    assert!(first_opener.open(&changed).is_err());
    for cut in [0, 15, 16, 31] {
        let (_, opener) = ask();
        assert!(opener.open(&reply[..cut]).is_err(), "{cut}");
    }
}

#[test]
fn another_implementation_opens_what_we_seal() {
    let mut rng = rng();
    for (aead, cipher) in [(Aead::Aes128Gcm, Cipher::Aes128Gcm), (Aead::ChaCha20Poly1305, Cipher::ChaCha20Poly1305)] {
        let suites = vec![SymmetricSuite::new(Kdf::HkdfSha256, aead)];
        let theirs = ohttp::KeyConfig::new(9, Kem::X25519Sha256, suites).expect("a key");
        let server = ohttp::Server::new(theirs).expect("a server");
        let list = ohttp::KeyConfig::encode_list(&[server.config()]).expect("encoded");
        let keys = decode_keys(&list).expect("read");
        let config = keys[0].with_cipher(cipher).expect("the only one");
        assert_eq!(encode_keys(&keys), list);
        let (sealed, opener) = seal_request(&config, b"our request", &mut rng).expect("sealed");
        let (message, reply) = server.decapsulate(&sealed).expect("opened");
        assert_eq!(message, b"our request");
        let reply = reply.encapsulate(b"their reply").expect("sealed");
        assert_eq!(opener.open(&reply).expect("opened"), b"their reply");
    }
}

#[test]
fn we_open_what_another_implementation_seals() {
    let mut rng = rng();
    let key = PrivateKey::new(9, &PrivateKey::draw(&mut rng)).expect("a key");
    for cipher in [1_u8, 3] {
        // With one cipher, they have no choice.
        let config = [&key.config().as_bytes()[..35], &[0, 4, 0, 1, 0, cipher]].concat();
        let client = ClientRequest::from_encoded_config(&config).expect("read");
        let (sealed, opener) = client.encapsulate(b"their request").expect("sealed");
        let opened = open_request(&sealed, |id| (id == 9).then_some(&key)).expect("opened");
        assert_eq!(opened.message, b"their request");
        let reply = opened.reply.seal(b"our reply", &mut rng);
        assert_eq!(opener.decapsulate(&reply).expect("opened"), b"our reply");
    }
    let list = encode_keys([key.config()]);
    assert!(ClientRequest::from_encoded_config_list(&list).is_ok());
}
