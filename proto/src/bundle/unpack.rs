//! Unpacking: the zip around a bundle, read as the strictest phone would, and nowhere trusted.
//!
//! The two files and the directory must fill the zip without a gap, and headers and directory must agree: a reader that streams and one
//! that looks things up in the directory then see the same, and there is no room for anything else.

use crate::bundle::Limits;
use crate::bundle::deflate::{check, inflate};
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
    Ok(Unpacked {
        export: unpack_file(packed_export, export, limits.export_bytes)?,
        signatures: unpack_file(packed_signatures, signatures, MAX_SIGNATURE_FILE)?,
    })
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
    let unfinished = || malformed("must end with its directory, and without a comment");
    let at = zip.len().checked_sub(END_BYTES).ok_or_else(unfinished)?;
    let mut end = Bytes(&zip[at..]);
    if end.u32() != Some(END) {
        return Err(unfinished());
    }
    let counts = [end.u16(), end.u16(), end.u16(), end.u16()];
    if counts != [Some(0), Some(0), Some(2), Some(2)] {
        return Err(malformed("must hold exactly export.bin and export.sig"));
    }
    let (bytes, offset, comment) = (end.u32(), end.u32(), end.u16());
    let begin = offset.and_then(|offset| usize::try_from(offset).ok()).unwrap_or(usize::MAX);
    let directory = zip.get(begin..at).ok_or_else(unfinished)?;
    if bytes.map(u64::from) != Some(directory.len() as u64) || comment != Some(0) {
        return Err(unfinished());
    }
    let mut directory = Bytes(directory);
    let mut next =
        |name| read_central(&mut directory, name).ok_or_else(|| malformed("must list export.bin, then export.sig"));
    let files = [next(NAMES[0])?, next(NAMES[1])?];
    if directory.0.is_empty() { Ok((files, begin)) } else { Err(unfinished()) }
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

fn unpack_file(packed: &[u8], file: &Listed, limit: u64) -> Result<Vec<u8>, Malformed> {
    if file.plain_bytes > limit {
        return Err(malformed("must not inflate beyond the limit"));
    }
    let sizes = &file.about.sizes;
    if file.about.method == DEFLATED {
        return inflate(packed, sizes.plain.into(), sizes.checksum);
    }
    if sizes.plain != sizes.packed {
        return Err(malformed("must say the same of a stored file twice"));
    }
    check(packed, sizes.checksum)?;
    Ok(packed.to_vec())
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
