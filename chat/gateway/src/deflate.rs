//! `compress=zlib-stream`: one zlib stream for the whole connection, flushed after each payload.

use bytes::Bytes;
use flate2::{Compress, Compression, FlushCompress, Status};

/// Room made when the output is full.
const STEP: usize = 4 << 10;

/// The compressor of one connection.
#[derive(Debug)]
pub(crate) struct ZlibStream {
    compress: Compress,
}

impl ZlibStream {
    pub(crate) fn new() -> Self {
        Self {
            compress: Compress::new(Compression::fast(), true),
        }
    }

    /// The bytes of one payload; they end in `00 00 ff ff`, which is how clients find its end.
    pub(crate) fn payload(&mut self, text: &[u8]) -> Result<Bytes, flate2::CompressError> {
        let mut out = Vec::with_capacity(text.len() / 2 + 64);
        let begin = self.compress.total_in();
        loop {
            let done = usize::try_from(self.compress.total_in() - begin).unwrap_or(text.len());
            let status = self
                .compress
                .compress_vec(&text[done..], &mut out, FlushCompress::Sync)?;
            let taken = self.compress.total_in() - begin == text.len() as u64;
            // A flush is complete only when it left room in the output.
            if taken && (out.len() < out.capacity() || status == Status::BufError) {
                return Ok(out.into());
            }
            out.reserve(STEP);
        }
    }
}

#[cfg(test)]
mod tests {
    use flate2::{Decompress, FlushDecompress};

    use super::*;

    #[test]
    fn a_client_with_one_decompressor_reads_every_payload() {
        let mut stream = ZlibStream::new();
        let mut client = Decompress::new(true);
        for round in 0..200_usize {
            let text = format!(
                r#"{{"op":0,"s":{round},"d":"{}"}}"#,
                "abc ünd ".repeat(round * round % 977)
            );
            let bytes = stream.payload(text.as_bytes()).unwrap();
            assert!(bytes.ends_with(&[0, 0, 0xff, 0xff]), "round {round}");
            let mut read = Vec::with_capacity(text.len() + 1);
            client
                .decompress_vec(&bytes, &mut read, FlushDecompress::Sync)
                .unwrap();
            assert_eq!(read, text.as_bytes(), "round {round}");
        }
    }

    #[test]
    fn what_does_not_compress_grows_and_still_ends_whole() {
        let mut stream = ZlibStream::new();
        let mut seed = 1_u64;
        let noise: Vec<u8> = (0..100_000)
            .map(|_| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (seed >> 56) as u8
            })
            .collect();
        let bytes = stream.payload(&noise).unwrap();
        let mut read = Vec::with_capacity(noise.len() + 1);
        Decompress::new(true)
            .decompress_vec(&bytes, &mut read, FlushDecompress::Sync)
            .unwrap();
        assert!(read == noise);
        assert!(bytes.ends_with(&[0, 0, 0xff, 0xff]));
    }
}
