//! The bytes of a file, packed or not.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _, SeekFrom};
use std::os::unix::fs::FileExt as _;

use flate2::read::MultiGzDecoder;

use super::mark::{FINGERPRINT, Mark};

const MAGIC: &[u8; 2] = b"\x1f\x8b";

/// Reads on from an offset.
pub(super) enum Reader {
    Plain(File),
    /// A rotated file that was packed. It does not grow.
    Gzip(Box<MultiGzDecoder<BufReader<File>>>),
}

// === impl Reader ===

impl Reader {
    /// Reads the file from `offset` on.
    pub(super) fn plain(mut file: File, offset: u64) -> io::Result<Self> {
        file.seek(SeekFrom::Start(offset))?;
        Ok(Self::Plain(file))
    }

    /// Reads what is packed in the file, from its beginning.
    pub(super) fn gzip(mut file: File) -> io::Result<Self> {
        file.seek(SeekFrom::Start(0))?;
        Ok(Self::Gzip(Box::new(MultiGzDecoder::new(BufReader::new(file)))))
    }

    /// The file, if it is one that grows.
    pub(super) fn growing(&self) -> Option<&File> {
        match self {
            Self::Plain(file) => Some(file),
            Self::Gzip(_) => None,
        }
    }
}

impl Read for Reader {
    fn read(&mut self, chunk: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.read(chunk),
            Self::Gzip(unpacked) => unpacked.read(chunk),
        }
    }
}

/// Whether the file is packed with gzip, by its first bytes.
pub(super) fn is_gzip(file: &File) -> io::Result<bool> {
    let mut first = [0; 2];
    Ok(file.read_at(&mut first, 0)? == 2 && first == *MAGIC)
}

/// The checksum of how the packed file begins, and how many bytes that are.
pub(super) fn beginning(file: &File) -> io::Result<(u32, usize)> {
    let mut first = Vec::with_capacity(FINGERPRINT);
    Reader::gzip(file.try_clone()?)?
        .take(FINGERPRINT as u64)
        .read_to_end(&mut first)?;
    Ok((crc32fast::hash(&first), first.len()))
}

/// Passes over what was read of the packed file before; false when it has another content, or less.
pub(super) fn pass_over(reader: &mut Reader, mark: &Mark) -> io::Result<bool> {
    let Some(before) = mark.offset.checked_sub(FINGERPRINT as u64) else {
        return Ok(io::copy(&mut reader.take(mark.offset), &mut io::sink())? == mark.offset);
    };
    if io::copy(&mut reader.take(before), &mut io::sink())? != before {
        return Ok(false);
    }
    let mut last = Vec::with_capacity(FINGERPRINT);
    reader.take(FINGERPRINT as u64).read_to_end(&mut last)?;
    Ok(last.len() == FINGERPRINT && mark.tail.is_none_or(|tail| tail == crc32fast::hash(&last)))
}
