//! Packing: the zip around a bundle (PKWARE APPNOTE 6.3), of which every byte follows from the content.
//!
//! Sizes and checksums stand in the local headers, as phones that stream want it; that takes a seek back once a file is written. There is
//! nothing optional: no extra fields, no comments, no descriptors, no permissions, and a time that is always the same.

use std::io::{self, Seek, SeekFrom, Write};

use crate::bundle::deflate::Deflater;

pub(super) const LOCAL_FILE: u32 = 0x0403_4B50;
pub(super) const CENTRAL_FILE: u32 = 0x0201_4B50;
pub(super) const END: u32 = 0x0605_4B50;
pub(super) const DEFLATED: u16 = 8;

/// Version 2.0 of the format, which knows deflate; as maker, an MS-DOS system, which has no permissions to say.
const VERSION: u16 = 20;
/// 1980-01-01 00:00:00, the first moment of MS-DOS.
const TIME: u16 = 0;
const DATE: u16 = 0x0021;

/// A file that is packed.
struct Packed {
    name: &'static str,
    offset: u32,
    checksum: u32,
    packed_bytes: u32,
    plain_bytes: u32,
}

impl Packed {
    /// The part that local header and directory share, from the needed version to the length of the extra field.
    fn fields(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(26);
        for value in [VERSION, 0, DEFLATED, TIME, DATE] {
            out.extend(value.to_le_bytes());
        }
        for value in [self.checksum, self.packed_bytes, self.plain_bytes] {
            out.extend(value.to_le_bytes());
        }
        // Both names have ten bytes.
        out.extend((self.name.len() as u16).to_le_bytes());
        out.extend(0_u16.to_le_bytes());
        out
    }

    fn local(&self) -> Vec<u8> {
        [&LOCAL_FILE.to_le_bytes()[..], &self.fields(), self.name.as_bytes()].concat()
    }

    fn central(&self) -> Vec<u8> {
        // Comment, disk and attributes are empty.
        let empty = [0; 2 + 2 + 2 + 4];
        let offset = self.offset.to_le_bytes();
        [&CENTRAL_FILE.to_le_bytes()[..], &VERSION.to_le_bytes(), &self.fields(), &empty, &offset, self.name.as_bytes()]
            .concat()
    }
}

/// A zip being written into `out`, from where `out` stands on.
pub(super) struct Pack<W: Write + Seek> {
    out: W,
    begin: u64,
    bytes: u64,
    files: Vec<Packed>,
}

/// A file being written into a zip.
pub(super) struct PackFile<W: Write + Seek> {
    pack: Pack<W>,
    name: &'static str,
    deflater: Deflater,
}

impl<W: Write + Seek> Pack<W> {
    pub(super) fn new(mut out: W) -> io::Result<Self> {
        let begin = out.stream_position()?;
        Ok(Self { out, begin, bytes: 0, files: Vec::new() })
    }

    /// Begins a file. Its local header is left empty until its sizes are known.
    pub(super) fn begin(mut self, name: &'static str) -> io::Result<PackFile<W>> {
        let header = Packed { name, offset: 0, checksum: 0, packed_bytes: 0, plain_bytes: 0 }.local();
        self.out.write_all(&header)?;
        Ok(PackFile { pack: self, name, deflater: Deflater::new() })
    }

    /// Writes the directory and gives `out` back, with the length of the zip.
    pub(super) fn finish(mut self) -> io::Result<(W, u64)> {
        let directory: Vec<u8> = self.files.iter().flat_map(Packed::central).collect();
        let mut end = END.to_le_bytes().to_vec();
        // This disk, the directory's disk, its entries on this disk, its entries altogether.
        let files = self.files.len() as u16;
        for value in [0, 0, files, files] {
            end.extend(value.to_le_bytes());
        }
        end.extend((directory.len() as u32).to_le_bytes());
        end.extend(fit(self.bytes)?.to_le_bytes());
        end.extend(0_u16.to_le_bytes());
        self.out.write_all(&[&directory[..], &end].concat())?;
        self.out.flush()?;
        Ok((self.out, self.bytes + (directory.len() + end.len()) as u64))
    }
}

impl<W: Write + Seek> PackFile<W> {
    pub(super) fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        self.deflater.write(piece, &mut self.pack.out)
    }

    /// Ends the file and fills in its local header; answers with the file's length.
    pub(super) fn end(mut self) -> io::Result<(Pack<W>, u64)> {
        self.deflater.finish(&mut self.pack.out)?;
        let mut pack = self.pack;
        let file = Packed {
            name: self.name,
            offset: fit(pack.bytes)?,
            checksum: self.deflater.checksum(),
            packed_bytes: fit(self.deflater.packed_bytes())?,
            plain_bytes: fit(self.deflater.plain_bytes())?,
        };
        let header = file.local();
        let start = pack.begin + pack.bytes;
        pack.out.seek(SeekFrom::Start(start))?;
        pack.out.write_all(&header)?;
        pack.bytes += header.len() as u64 + self.deflater.packed_bytes();
        pack.out.seek(SeekFrom::Start(pack.begin + pack.bytes))?;
        pack.files.push(file);
        Ok((pack, self.deflater.plain_bytes()))
    }
}

/// Phones stop at 16 MB; what would need the 64-bit form of a zip is no bundle.
fn fit(bytes: u64) -> io::Result<u32> {
    u32::try_from(bytes).map_err(|_| io::Error::new(io::ErrorKind::FileTooLarge, "a bundle must stay below 4 GiB"))
}
