//! Unpacking: the zip around a bundle, read as the strictest phone would, and nowhere trusted.
//!
//! The two files, the directory and at most a comment must fill the zip without a gap, and headers and directory must agree: a reader that
//! streams and one that looks things up in the directory then see the same, and there is no room for anything else.

use crate::bundle::Limits;
use crate::bundle::deflate::{check, inflate, inflate_to};
use crate::bundle::pack::{CENTRAL_FILE, DEFLATED, END, LOCAL_FILE};
use crate::error::Malformed;

/// The two files, in order.
pub(super) const NAMES: [&str; 2] = ["export.bin", "export.sig"];

const DESCRIPTOR: u32 = 0x0807_4B50;
const STORED: u16 = 0;
const END_BYTES: usize = 22;
/// Sizes and checksum follow the data instead of standing before it.
const HAS_DESCRIPTOR: u16 = 1 << 3;
/// Apart from that, how hard the compressor tried, and that names are UTF-8: none changes how the file is read.
const HARMLESS: u16 = HAS_DESCRIPTOR | 0b110 | 1 << 11;
/// `export.sig` holds at most ten signatures of at most some 150 bytes each.
const MAX_SIGNATURE_FILE: u64 = 16 * 1024;

/// What the zip holds.
pub(super) struct Unpacked {
    pub(super) export: Vec<u8>,
    pub(super) signatures: Vec<u8>,
}

/// Unpacks both files. No more comes out than the limits allow, and what comes out is what the zip says it is.
pub(super) fn unpack(zip: &[u8], limits: &Limits) -> Result<Unpacked, Malformed> {
    let [export, signatures] = locate(zip, limits)?;
    Ok(Unpacked { export: export.unpack(limits.export_bytes)?, signatures: signatures.unpack(MAX_SIGNATURE_FILE)? })
}

/// The same, with `export.bin` handed over piece by piece instead of kept; `export.sig`.
pub(super) fn unpack_to(
    zip: &[u8],
    limits: &Limits,
    take: &mut dyn FnMut(&[u8]) -> Result<(), Malformed>,
) -> Result<Vec<u8>, Malformed> {
    let [export, signatures] = locate(zip, limits)?;
    export.unpack_to(limits.export_bytes, take)?;
    signatures.unpack(MAX_SIGNATURE_FILE)
}

/// Finds both files.
fn locate<'a>(zip: &'a [u8], limits: &Limits) -> Result<[Located<'a>; 2], Malformed> {
    if zip.len() as u64 > limits.zip_bytes {
        return Err(malformed("must not be larger than the limit"));
    }
    let (files, directory) = read_directory(zip)?;
    let [export, signatures] = &files;
    let (first, second) = (export.offset, signatures.offset);
    if first != 0 {
        return Err(malformed("must begin with export.bin"));
    }
    let packed_export = packed(zip.get(first..second), export)?;
    let packed_signatures = packed(zip.get(second..directory), signatures)?;
    if export.plain_bytes > (packed_export.len() as u64).saturating_mul(limits.expansion) {
        return Err(malformed("must not expand beyond the limit"));
    }
    let [export, signatures] = files;
    Ok([Located { packed: packed_export, file: export }, Located { packed: packed_signatures, file: signatures }])
}

/// A file and its packed bytes.
struct Located<'a> {
    packed: &'a [u8],
    file: Listed,
}

/// A file as the directory describes it.
struct Listed {
    offset: usize,
    about: About,
    plain_bytes: u64,
}

/// What local header and directory both say of a file.
#[derive(PartialEq, Eq)]
struct About {
    flags: u16,
    method: u16,
    sizes: Sizes,
    name: &'static str,
}

#[derive(PartialEq, Eq, Clone, Copy)]
struct Sizes {
    checksum: u32,
    packed: u32,
    plain: u32,
}

/// The directory's two files, and where it begins.
fn read_directory(zip: &[u8]) -> Result<([Listed; 2], usize), Malformed> {
    let unfinished = || malformed("must end with its directory, and at most a comment");
    let at = find_end(zip).ok_or_else(unfinished)?;
    let mut end = Bytes(&zip[at..]);
    if end.u32() != Some(END) {
        return Err(unfinished());
    }
    let counts = [end.u16(), end.u16(), end.u16(), end.u16()];
    if counts != [Some(0), Some(0), Some(2), Some(2)] {
        return Err(malformed("must hold exactly export.bin and export.sig"));
    }
    let (bytes, offset) = (end.u32(), end.u32());
    let begin = offset.and_then(|offset| usize::try_from(offset).ok()).unwrap_or(usize::MAX);
    let directory = zip.get(begin..at).ok_or_else(unfinished)?;
    if bytes.map(u64::from) != Some(directory.len() as u64) {
        return Err(unfinished());
    }
    let mut directory = Bytes(directory);
    let mut next =
        |name| read_central(&mut directory, name).ok_or_else(|| malformed("must list export.bin, then export.sig"));
    let files = [next(NAMES[0])?, next(NAMES[1])?];
    if directory.0.is_empty() { Ok((files, begin)) } else { Err(unfinished()) }
}

/// Where the record begins that ends a zip: followed by nothing but the comment whose length it says. Of two such places readers would
/// choose as they please, so then there is none.
fn find_end(zip: &[u8]) -> Option<usize> {
    let latest = zip.len().checked_sub(END_BYTES)?;
    let earliest = latest.saturating_sub(u16::MAX.into());
    let mut ends = (earliest..=latest).filter(|at| {
        let comment = Bytes(&zip[at + END_BYTES - 2..]).u16();
        zip[*at..].starts_with(&END.to_le_bytes()) && comment.map(usize::from) == Some(latest - at)
    });
    let at = ends.next()?;
    ends.next().is_none().then_some(at)
}

fn read_central(directory: &mut Bytes<'_>, name: &'static str) -> Option<Listed> {
    if directory.u32()? != CENTRAL_FILE {
        return None;
    }
    let _made_by = directory.u16()?;
    let (mut about, name_bytes, extra) = read_about(directory, name)?;
    let comment = directory.u16()?;
    let (_disk, _internal, _external) = (directory.u16()?, directory.u16()?, directory.u32()?);
    let offset = usize::try_from(directory.u32()?).ok()?;
    if directory.take(name_bytes)? != name.as_bytes() {
        return None;
    }
    directory.take(extra)?;
    directory.take(comment.into())?;
    about.name = name;
    Some(Listed { offset, plain_bytes: about.sizes.plain.into(), about })
}

/// The run of fields that both headers have in common, and the lengths of name and extra field.
fn read_about(bytes: &mut Bytes<'_>, name: &'static str) -> Option<(About, usize, usize)> {
    let _needed = bytes.u16()?;
    let (flags, method) = (bytes.u16()?, bytes.u16()?);
    let (_time, _date) = (bytes.u16()?, bytes.u16()?);
    let sizes = read_sizes(bytes)?;
    let lengths = (bytes.u16()?, bytes.u16()?);
    Some((About { flags, method, sizes, name }, lengths.0.into(), lengths.1.into()))
}

fn read_sizes(bytes: &mut Bytes<'_>) -> Option<Sizes> {
    Some(Sizes { checksum: bytes.u32()?, packed: bytes.u32()?, plain: bytes.u32()? })
}

/// The packed bytes of a file that lies exactly in `span`: local header, data and, if it says so, a descriptor.
fn packed<'a>(span: Option<&'a [u8]>, file: &Listed) -> Result<&'a [u8], Malformed> {
    let about = &file.about;
    if about.flags & !HARMLESS != 0 || ![STORED, DEFLATED].contains(&about.method) {
        return Err(malformed("must be deflated or stored, and not encrypted"));
    }
    let streamed = about.flags & HAS_DESCRIPTOR != 0;
    if streamed && about.method == STORED {
        return Err(malformed("must not store a file with a data descriptor"));
    }
    let disagree = || malformed("must have files that fill it, with headers that agree with the directory");
    let mut bytes = Bytes(span.ok_or_else(disagree)?);
    let local = read_local(&mut bytes, about.name).ok_or_else(disagree)?;
    // Where a descriptor follows, the local header may leave the sizes to it.
    let nothing = Sizes { checksum: 0, packed: 0, plain: 0 };
    let same = local.flags == about.flags && local.method == about.method;
    if !same || !(local.sizes == about.sizes || streamed && local.sizes == nothing) {
        return Err(disagree());
    }
    let data = bytes.take(about.sizes.packed as usize).ok_or_else(disagree)?;
    if streamed {
        check_descriptor(&mut bytes, &about.sizes).ok_or_else(disagree)?;
    }
    if bytes.0.is_empty() { Ok(data) } else { Err(disagree()) }
}

fn read_local(bytes: &mut Bytes<'_>, name: &'static str) -> Option<About> {
    if bytes.u32()? != LOCAL_FILE {
        return None;
    }
    let (about, name_bytes, extra) = read_about(bytes, name)?;
    let same_name = bytes.take(name_bytes)? == name.as_bytes();
    bytes.take(extra)?;
    same_name.then_some(about)
}

/// A descriptor has the sizes of the directory; its signature may be left out.
fn check_descriptor(bytes: &mut Bytes<'_>, sizes: &Sizes) -> Option<()> {
    if bytes.0.len() == 16 && bytes.u32()? != DESCRIPTOR {
        return None;
    }
    (read_sizes(bytes)? == *sizes).then_some(())
}

impl Located<'_> {
    fn unpack(&self, limit: u64) -> Result<Vec<u8>, Malformed> {
        if !self.is_deflated(limit)? {
            return Ok(self.packed.to_vec());
        }
        let sizes = &self.file.about.sizes;
        inflate(self.packed, sizes.plain.into(), sizes.checksum)
    }

    fn unpack_to(&self, limit: u64, take: &mut dyn FnMut(&[u8]) -> Result<(), Malformed>) -> Result<(), Malformed> {
        if !self.is_deflated(limit)? {
            return take(self.packed);
        }
        let sizes = &self.file.about.sizes;
        inflate_to(self.packed, (sizes.plain.into(), sizes.checksum), take)
    }

    /// Whether it must be inflated; if not, it is what it says it is.
    fn is_deflated(&self, limit: u64) -> Result<bool, Malformed> {
        if self.file.plain_bytes > limit {
            return Err(malformed("must not inflate beyond the limit"));
        }
        let sizes = &self.file.about.sizes;
        if self.file.about.method == DEFLATED {
            return Ok(true);
        }
        if sizes.plain != sizes.packed {
            return Err(malformed("must say the same of a stored file twice"));
        }
        check(self.packed, sizes.checksum)?;
        Ok(false)
    }
}

fn malformed(reason: &'static str) -> Malformed {
    Malformed::new("zip", reason)
}

/// Bytes that are taken from the front.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_le_bytes(self.take(2)?.try_into().ok()?))
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use super::*;
    use zip::write::SimpleFileOptions;
    use zip::{CompressionMethod, ZipWriter};

    const DEFLATE: CompressionMethod = CompressionMethod::Deflated;
    const STORE: CompressionMethod = CompressionMethod::Stored;

    /// Packs files with an independent implementation.
    fn pack(method: CompressionMethod, files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in files {
            zip.start_file(*name, SimpleFileOptions::default().compression_method(method)).expect("begins");
            zip.write_all(content).expect("writes");
        }
        zip.finish().expect("ends").into_inner()
    }

    /// The same, without ever seeking back: sizes stand in data descriptors, as with writers in Go.
    fn stream(method: CompressionMethod, files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut zip = ZipWriter::new_stream(&mut out);
        for (name, content) in files {
            zip.start_file(*name, SimpleFileOptions::default().compression_method(method)).expect("begins");
            zip.write_all(content).expect("writes");
        }
        zip.finish().expect("ends");
        out
    }

    const SOUND: [(&str, &[u8]); 2] = [("export.bin", b"an export, an export"), ("export.sig", b"a signature")];

    fn read(zip: &[u8]) -> Result<Unpacked, Malformed> {
        unpack(zip, &Limits::default())
    }

    fn refusal(zip: &[u8]) -> String {
        read(zip).err().expect("must be refused").to_string()
    }

    /// Writes `value` over every occurrence of four bytes.
    fn replace(zip: &mut [u8], from: u32, to: u32) -> usize {
        let places: Vec<usize> =
            zip.windows(4).enumerate().filter(|(_, w)| *w == from.to_le_bytes()).map(|(i, _)| i).collect();
        for place in &places {
            zip[*place..place + 4].copy_from_slice(&to.to_le_bytes());
        }
        places.len()
    }

    #[test]
    fn a_zip_of_others_is_read_if_a_phone_would() {
        for zip in [pack(DEFLATE, &SOUND), pack(STORE, &SOUND), stream(DEFLATE, &SOUND)] {
            let files = read(&zip).expect("sound");
            assert_eq!((&files.export[..], &files.signatures[..]), (SOUND[0].1, SOUND[1].1));
        }
    }

    /// The same zip with a comment that says that it has `length` bytes.
    fn commented(zip: &[u8], comment: &[u8], length: u8) -> Vec<u8> {
        let mut zip = zip.to_vec();
        let at = zip.len() - 2;
        zip[at] = length;
        zip.extend(comment);
        zip
    }

    #[test]
    fn a_comment_does_no_harm() {
        let zip = pack(DEFLATE, &SOUND);
        for comment in [&b"made elsewhere"[..], b"PK\x05\x06", &[0; 255]] {
            let files = read(&commented(&zip, comment, comment.len() as u8)).expect("phones do not look at it");
            assert_eq!(files.export, SOUND[0].1);
        }
    }

    #[test]
    fn a_stored_file_with_a_data_descriptor_is_refused() {
        assert!(refusal(&stream(STORE, &SOUND)).contains("data descriptor"));
    }

    #[test]
    fn a_zip_holds_exactly_two_files_in_order() {
        let [export, signature] = SOUND;
        let others: [&[(&str, &[u8])]; 7] = [
            &[],
            &[export],
            &[signature, export],
            &[export, signature, ("README", b"")],
            &[export, ("export.sig.bak", b"")],
            &[("folder/export.bin", b"x"), ("folder/export.sig", b"y")],
            &[("folder/", b""), export, signature],
        ];
        for files in others {
            assert!(read(&pack(DEFLATE, files)).is_err());
        }
    }

    #[test]
    fn nothing_hides_around_the_files() {
        let zip = pack(DEFLATE, &SOUND);
        let before = [b"junk", zip.as_slice()].concat();
        let after = [zip.as_slice(), b"junk"].concat();
        let half_a_comment = commented(&zip, b"junk", 5);
        let other_directory = commented(&zip, &zip[zip.len() - END_BYTES..], END_BYTES as u8);
        let between = {
            let at = zip.windows(4).rposition(|w| w == LOCAL_FILE.to_le_bytes()).expect("two files");
            [&zip[..at], b"junk", &zip[at..]].concat()
        };
        for spoilt in
            [before, after, half_a_comment, other_directory, between, zip[..zip.len() - 1].to_vec(), Vec::new()]
        {
            assert!(read(&spoilt).is_err());
        }
    }

    #[test]
    fn a_zip_has_an_upper_limit() {
        let zip = pack(DEFLATE, &SOUND);
        let limits = Limits { zip_bytes: zip.len() as u64 - 1, ..Limits::default() };
        assert!(unpack(&zip, &limits).is_err());
        let limits = Limits { export_bytes: 19, ..Limits::default() };
        assert!(unpack(&zip, &limits).is_err());
        assert!(unpack(&zip, &Limits { export_bytes: 20, ..limits }).is_ok());
    }

    #[test]
    fn a_zip_bomb_is_refused_before_it_is_inflated() {
        let zeros = vec![0; 10_000_000];
        assert!(refusal(&pack(DEFLATE, &[("export.bin", &zeros), SOUND[1]])).contains("expand"));
        assert!(refusal(&pack(DEFLATE, &[SOUND[0], ("export.sig", &zeros)])).contains("limit"));
    }

    #[test]
    fn a_zip_bomb_that_lies_about_its_size_is_refused_where_the_lie_ends() {
        let zeros = vec![0; 10_000_000];
        let mut zip = pack(DEFLATE, &[("export.bin", &zeros), SOUND[1]]);
        assert_eq!(replace(&mut zip, 10_000_000, 1_000), 2, "local header and directory");
        assert!(refusal(&zip).contains("inflate to more than it says"));
        let mut zip = pack(DEFLATE, &[SOUND[0], ("export.sig", &zeros)]);
        assert_eq!(replace(&mut zip, 10_000_000, 1_000), 2);
        assert!(refusal(&zip).contains("inflate to more than it says"));
    }

    #[test]
    fn a_claim_of_four_gigabytes_allocates_nothing() {
        for method in [DEFLATE, STORE] {
            let mut zip = pack(method, &SOUND);
            replace(&mut zip, 20, u32::MAX);
            assert!(read(&zip).is_err());
        }
    }

    #[test]
    fn a_wrong_checksum_is_refused() {
        for method in [DEFLATE, STORE] {
            let zip = pack(method, &SOUND);
            for (_, content) in SOUND {
                let checksum = zlib_rs::crc32::crc32(0, content);
                let mut spoilt = zip.clone();
                assert_eq!(replace(&mut spoilt, checksum, checksum ^ 1), 2);
                assert!(refusal(&spoilt).contains("checksum"));
            }
        }
    }

    #[test]
    fn headers_must_agree_with_the_directory() {
        let zip = pack(DEFLATE, &SOUND);
        // Version, time and date of a local header change nothing for a reader; name, flags, method, sizes and checksum do.
        for position in (6..10).chain(14..40) {
            let mut spoilt = zip.clone();
            spoilt[position] ^= 0x40;
            assert!(read(&spoilt).is_err(), "byte {position}");
        }
    }
}
