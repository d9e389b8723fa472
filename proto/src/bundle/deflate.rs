//! Deflate (RFC 1951): compressing with one pinned compressor, inflating within limits.

use std::io::{self, Write};

use zlib_rs::crc32::crc32;
use zlib_rs::{Deflate, DeflateConfig, DeflateFlush, Inflate, InflateFlush, Status};

use crate::error::Malformed;

/// Of a million keys (`benches/bundle.rs`), levels 1 to 4 leave 18.2 to 19.4 bytes a key, 5 leaves 17.59 in less time than 6 (17.65), and 7
/// gains 0.01 for half as much time again.
const LEVEL: i32 = 5;
/// The most memory, some 350 KiB: longer blocks spare a hundredth of a byte a key.
const MEMORY_LEVEL: i32 = 9;
/// A raw stream, without a zlib header, over the widest window.
const WINDOW_BITS: u8 = 15;
/// How many bytes are moved at a time.
const CHUNK: usize = 64 * 1024;

/// Compresses one file. Level, window and version are fixed, and so the output is a function of the input and of where it is cut into pieces.
/// What processor it runs on decides only how fast matches are compared, not which are found.
pub(super) struct Deflater {
    state: Deflate,
    output: Vec<u8>,
    checksum: u32,
}

impl Deflater {
    pub(super) fn new() -> Self {
        let window_bits = -i32::from(WINDOW_BITS);
        let config = DeflateConfig { window_bits, mem_level: MEMORY_LEVEL, ..DeflateConfig::new(LEVEL) };
        Self { state: Deflate::new_with_config(config), output: vec![0; CHUNK], checksum: 0 }
    }

    /// Compresses one piece into `out`.
    pub(super) fn write(&mut self, piece: &[u8], out: &mut impl Write) -> io::Result<()> {
        self.checksum = crc32(self.checksum, piece);
        let mut rest = piece;
        while !rest.is_empty() {
            let (taken, _) = self.step(rest, DeflateFlush::NoFlush, out)?;
            rest = &rest[taken..];
        }
        Ok(())
    }

    /// Ends the stream.
    pub(super) fn finish(&mut self, out: &mut impl Write) -> io::Result<()> {
        while self.step(&[], DeflateFlush::Finish, out)?.1 != Status::StreamEnd {}
        Ok(())
    }

    /// CRC-32 of what was written.
    pub(super) const fn checksum(&self) -> u32 {
        self.checksum
    }

    /// How many bytes were written.
    pub(super) fn plain_bytes(&self) -> u64 {
        self.state.total_in()
    }

    /// How many bytes came out.
    pub(super) fn packed_bytes(&self) -> u64 {
        self.state.total_out()
    }

    /// One call of the compressor: how much input it took, and how it stands.
    fn step(&mut self, input: &[u8], flush: DeflateFlush, out: &mut impl Write) -> io::Result<(usize, Status)> {
        let (before_in, before_out) = (self.state.total_in(), self.state.total_out());
        let status = self.state.compress(input, &mut self.output, flush).map_err(|e| io::Error::other(e.as_str()))?;
        out.write_all(&self.output[..(self.state.total_out() - before_out) as usize])?;
        Ok(((self.state.total_in() - before_in) as usize, status))
    }
}

/// Inflates `packed`, which must hold exactly `plain_bytes` bytes with this checksum. Memory grows with what really comes out, never with
/// what is claimed, and the first byte too many ends it.
pub(super) fn inflate(packed: &[u8], plain_bytes: u64, checksum: u32) -> Result<Vec<u8>, Malformed> {
    let mut plain = Vec::new();
    inflate_to(packed, (plain_bytes, checksum), &mut |piece| {
        plain.extend_from_slice(piece);
        Ok(())
    })?;
    Ok(plain)
}

/// The same, piece by piece: nothing is kept. What was handed over counts only once all of it was good.
pub(super) fn inflate_to(
    packed: &[u8],
    (plain_bytes, checksum): (u64, u32),
    take: &mut dyn FnMut(&[u8]) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    let malformed = |reason| Malformed::new("zip", reason);
    let mut state = Inflate::new(false, WINDOW_BITS);
    let (mut chunk, mut found) = (vec![0; CHUNK], 0);
    loop {
        let (taken, made) = (state.total_in() as usize, state.total_out());
        let status = state
            .decompress(&packed[taken..], &mut chunk, InflateFlush::NoFlush)
            .map_err(|_| malformed("must be well-formed deflate"))?;
        if state.total_out() > plain_bytes {
            return Err(malformed("must not inflate to more than it says"));
        }
        let piece = &chunk[..(state.total_out() - made) as usize];
        found = crc32(found, piece);
        take(piece)?;
        if status == Status::StreamEnd {
            break;
        }
        if state.total_in() as usize == taken && state.total_out() == made {
            return Err(malformed("must not end within a deflate stream"));
        }
    }
    if state.total_in() != packed.len() as u64 || state.total_out() != plain_bytes {
        return Err(malformed("must inflate to what it says, and from nothing more"));
    }
    same_checksum(found, checksum)
}

/// Checks a file against its CRC-32.
pub(super) fn check(plain: &[u8], checksum: u32) -> Result<(), Malformed> {
    same_checksum(crc32(0, plain), checksum)
}

fn same_checksum(found: u32, said: u32) -> Result<(), Malformed> {
    if found == said { Ok(()) } else { Err(Malformed::new("zip", "must have the checksums that it says")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deflate(plain: &[u8]) -> (Vec<u8>, u32) {
        let (mut deflater, mut packed) = (Deflater::new(), Vec::new());
        plain.chunks(1_000).for_each(|piece| deflater.write(piece, &mut packed).expect("memory does not fail"));
        deflater.finish(&mut packed).expect("memory does not fail");
        assert_eq!((deflater.plain_bytes(), deflater.packed_bytes()), (plain.len() as u64, packed.len() as u64));
        (packed, deflater.checksum())
    }

    #[test]
    fn what_is_deflated_inflates() {
        for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 5 * CHUNK] {
            let plain: Vec<u8> = (0..length).map(|n| (n * n / 7) as u8).collect();
            let (packed, checksum) = deflate(&plain);
            assert_eq!(inflate(&packed, length as u64, checksum), Ok(plain));
        }
    }

    #[test]
    fn a_stream_ends_where_its_file_does() {
        let plain = vec![b'x'; 3 * CHUNK];
        let (packed, checksum) = deflate(&plain);
        let length = plain.len() as u64;
        for cut in 0..packed.len() {
            assert!(inflate(&packed[..cut], length, checksum).is_err(), "cut at {cut}");
        }
        assert!(inflate(&[&packed[..], &[0]].concat(), length, checksum).is_err(), "bytes after the stream");
        assert!(inflate(&packed, length - 1, checksum).is_err(), "more than was said");
        assert!(inflate(&packed, length + 1, checksum).is_err(), "less than was said");
        assert!(inflate(&packed, length, checksum ^ 1).is_err(), "another checksum");
    }
}
