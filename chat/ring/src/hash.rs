//! The ring's hash function: half of an MD5.

use md5::{Digest, Md5};

/// The place of `text` on the ring: bytes 8..16 of its MD5 as a little-endian integer.
pub fn hash(text: &[u8]) -> u64 {
    upper_half(Md5::digest(text).into())
}

/// The place of replica `number` of node `name`, without joining the two.
pub(crate) fn hash_replica(name: &str, number: u32) -> u64 {
    let mut md5 = Md5::new();
    md5.update(name.as_bytes());
    let mut digits = [0_u8; 10];
    let mut start = digits.len();
    let mut rest = number;
    loop {
        start -= 1;
        digits[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    md5.update(&digits[start..]);
    upper_half(md5.finalize().into())
}

fn upper_half(digest: [u8; 16]) -> u64 {
    (u128::from_le_bytes(digest) >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_equal_those_of_ex_hash_ring() {
        assert_eq!(hash(b"key1"), 14_799_612_162_282_436_475);
        assert_eq!(hash(b"a0"), 1_888_732_864_723_072_871);
    }

    #[test]
    fn a_replica_hashes_as_its_name_followed_by_its_number() {
        for number in [0, 9, 10, 511, 4_294_967_295] {
            assert_eq!(hash_replica("a", number), hash(format!("a{number}").as_bytes()));
        }
    }
}
