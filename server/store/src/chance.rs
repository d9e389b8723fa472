//! The one source of randomness: the operating system's, through a CSPRNG a thread.

use rand::CryptoRng;

/// A cryptographically secure source of randomness.
pub fn source() -> impl CryptoRng {
    #[expect(clippy::disallowed_methods, reason = "the one source of randomness")]
    rand::rng()
}

/// `N` random bytes.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::Rng::fill_bytes(&mut source(), &mut bytes);
    bytes
}
