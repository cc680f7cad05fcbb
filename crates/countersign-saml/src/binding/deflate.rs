//! DEFLATE without a header \[RFC 1951; SAML-Bindings §3.4.4.1\].

use miniz_oxide::deflate::compress_to_vec;
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress, inflate_flags};

use crate::rejection::{Rejection, reject};

/// As zlib's default: a request has a kilobyte, so more effort saves nothing.
const LEVEL: u8 = 6;
/// The smallest buffer to inflate into: most requests fit.
const FIRST_BUFFER_BYTES: usize = 4096;

pub(super) fn deflate(bytes: &[u8]) -> Vec<u8> {
    compress_to_vec(bytes, LEVEL)
}

/// Inflates one complete stream of at most `max_bytes`. Memory is never taken for more than that,
/// whatever the stream claims; bytes after its end refuse.
pub(super) fn inflate(compressed: &[u8], max_bytes: usize) -> Result<Vec<u8>, Rejection> {
    let mut decompressor = Box::<DecompressorOxide>::default();
    let mut inflated = vec![0; FIRST_BUFFER_BYTES.min(max_bytes)];
    let (mut read, mut written) = (0_usize, 0_usize);
    loop {
        let (status, consumed, produced) = decompress(
            &mut decompressor,
            compressed.get(read..).unwrap_or_default(),
            &mut inflated,
            written,
            inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
        );
        read = read.saturating_add(consumed);
        written = written.saturating_add(produced);
        match status {
            TINFLStatus::Done if read == compressed.len() => {
                inflated.truncate(written);
                return Ok(inflated);
            }
            TINFLStatus::HasMoreOutput if inflated.len() < max_bytes => {
                let larger = inflated.len().saturating_mul(2).min(max_bytes);
                inflated.resize(larger, 0);
            }
            TINFLStatus::HasMoreOutput => {
                reject!(
                    TooLarge,
                    "the message inflates to more than {max_bytes} bytes"
                )
            }
            TINFLStatus::Done => reject!(MalformedDeflate, "bytes follow the deflated message"),
            _ => reject!(
                MalformedDeflate,
                "the message is not deflated, or is cut off"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inflate_code(compressed: &[u8], max_bytes: usize) -> &'static str {
        inflate(compressed, max_bytes).unwrap_err().code()
    }

    #[test]
    fn what_was_deflated_is_inflated() {
        for length in [0, 1, 4095, 4096, 4097, 100_000] {
            let bytes: Vec<u8> = (0..length)
                .map(|i: u32| (i.wrapping_mul(i) % 251) as u8)
                .collect();
            assert_eq!(inflate(&deflate(&bytes), bytes.len()).unwrap(), bytes);
        }
    }

    /// A thousandfold, as DEFLATE can: 64 MiB of zeros in 64 KiB (CVE-2025-25293).
    #[test]
    fn a_bomb_is_refused_at_the_limit() {
        let bomb = deflate(&vec![b' '; 1 << 26]);
        assert!(bomb.len() < 1 << 17);
        assert_eq!(inflate_code(&bomb, 1 << 20), "saml.too_large");
        let one_more = deflate(&[b'x'; 1001]);
        assert_eq!(inflate_code(&one_more, 1000), "saml.too_large");
        assert_eq!(inflate_code(&one_more, 0), "saml.too_large");
    }

    #[test]
    fn what_is_not_one_whole_stream_is_refused() {
        let whole = deflate(b"<a/>");
        for end in 0..whole.len() {
            assert_eq!(inflate_code(&whole[..end], 100), "saml.malformed_deflate");
        }
        let longer = [&whole[..], b"\0"].concat();
        assert_eq!(inflate_code(&longer, 100), "saml.malformed_deflate");
        // A header of zlib [RFC 1950], as some senders put in front.
        let zlib = [&b"\x78\x9c"[..], &whole].concat();
        assert_eq!(inflate_code(&zlib, 100), "saml.malformed_deflate");
        assert_eq!(inflate_code(b"<a/>", 100), "saml.malformed_deflate");
    }
}
