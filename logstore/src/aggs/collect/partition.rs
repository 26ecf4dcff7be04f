//! In which of several parts a value of `terms` lies: by the hashes that Elasticsearch uses, so that parts asked of
//! either are the same.

use tantivy::u64_to_i64;

/// The seed of the hash of strings.
const SEED: u32 = 31;

/// The part of a string.
pub fn of_word(word: &str, parts: u64) -> u64 {
    #[expect(clippy::cast_possible_wrap, reason = "Java's numbers have a sign")]
    let hash = murmur3(word.as_bytes(), SEED) as i32;
    floor_mod(i64::from(hash), parts)
}

/// The part of a number, in its order-preserving form.
pub fn of_number(raw: u64, parts: u64) -> u64 {
    #[expect(
        clippy::cast_sign_loss,
        clippy::cast_possible_wrap,
        reason = "the bits are what is mixed"
    )]
    let mixed = {
        let bits = u64_to_i64(raw) as u64;
        let bits = (bits ^ (bits >> 32)).wrapping_mul(0x4cd6_944c_5cc2_0b6d);
        let bits = (bits ^ (bits >> 29)).wrapping_mul(0xfc12_c5b1_9d32_59e9);
        (bits ^ (bits >> 32)) as i64
    };
    floor_mod(mixed, parts)
}

fn floor_mod(hash: i64, parts: u64) -> u64 {
    let parts = i64::try_from(parts).unwrap_or(i64::MAX).max(1);
    u64::try_from(hash.rem_euclid(parts)).unwrap_or_default()
}

/// `MurmurHash3`, 32 bits of x86.
fn murmur3(data: &[u8], seed: u32) -> u32 {
    const C1: u32 = 0xcc9e_2d51;
    const C2: u32 = 0x1b87_3593;
    let scramble = |k: u32| k.wrapping_mul(C1).rotate_left(15).wrapping_mul(C2);
    let mut hash = seed;
    let mut blocks = data.chunks_exact(4);
    for block in &mut blocks {
        let k = u32::from_le_bytes([block[0], block[1], block[2], block[3]]);
        hash = (hash ^ scramble(k))
            .rotate_left(13)
            .wrapping_mul(5)
            .wrapping_add(0xe654_6b64);
    }
    let rest = blocks.remainder();
    if !rest.is_empty() {
        let k = rest
            .iter()
            .enumerate()
            .fold(0, |k, (place, byte)| k | u32::from(*byte) << (8 * place));
        hash ^= scramble(k);
    }
    hash ^= u32::try_from(data.len()).unwrap_or(u32::MAX);
    hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
    hash ^ (hash >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_lie_where_elasticsearch_puts_them() {
        assert_eq!((of_word("bcd", 2), of_word("abc", 2)), (0, 1));
        assert_eq!(murmur3(b"", 0), 0);
        assert_eq!(murmur3(b"hello", 0), 0x248b_fa47);
    }
}
