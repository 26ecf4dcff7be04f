//! The words of a text, as an analyzer would find them: runs of letters and digits, in lower case.

/// The words of a text.
pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> + Clone {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty())
}

/// Whether two words are the same but for case. `lower` is in lower case.
pub(crate) fn same(word: &str, lower: &str) -> bool {
    if word.is_ascii() {
        word.eq_ignore_ascii_case(lower)
    } else {
        word.chars().flat_map(char::to_lowercase).eq(lower.chars())
    }
}

/// Whether `phrase` (in lower case) stands in the text, its words at most `slop` words apart in all.
pub(crate) fn has_phrase(text: &str, phrase: &[String], slop: u32) -> bool {
    let [first, rest @ ..] = phrase else { return false };
    let mut from = words(text);
    loop {
        let Some(word) = from.next() else { return false };
        if !same(word, first) {
            continue;
        }
        let mut apart = slop;
        let mut ahead = from.clone();
        if rest.iter().all(|wanted| {
            loop {
                match ahead.next() {
                    Some(word) if same(word, wanted) => return true,
                    Some(_) if apart > 0 => apart -= 1,
                    _ => return false,
                }
            }
        }) {
            return true;
        }
    }
}

/// Whether the two words are at most `distance` edits apart. Longer words than any log has are not compared.
pub(crate) fn is_near(word: &str, lower: &str, distance: u8) -> bool {
    const LONGEST: usize = 64;
    let word: Vec<char> = word
        .chars()
        .flat_map(char::to_lowercase)
        .take(LONGEST + 1)
        .collect();
    let other: Vec<char> = lower.chars().take(LONGEST + 1).collect();
    let distance = usize::from(distance);
    if word.len().abs_diff(other.len()) > distance || word.len().max(other.len()) > LONGEST {
        return false;
    }
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in word.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let substituted = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[other.len()] <= distance
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phrase_is_found_anywhere_in_any_case() {
        let phrase = |text: &str| words(text).map(str::to_lowercase).collect::<Vec<_>>();
        assert!(has_phrase(
            "GET: Connection, refused by peer",
            &phrase("connection refused"),
            0
        ));
        assert!(!has_phrase(
            "connection was refused",
            &phrase("connection refused"),
            0
        ));
        assert!(has_phrase(
            "connection was refused",
            &phrase("connection refused"),
            1
        ));
        assert!(has_phrase("a a b", &phrase("a b"), 0));
        assert!(has_phrase("Ärger über", &phrase("ärger ÜBER"), 0));
    }

    #[test]
    fn near_is_counted_in_edits() {
        assert!(is_near("Guilds", "guild", 1));
        assert!(is_near("gilds", "guilds", 1));
        assert!(!is_near("bilds", "guilds", 1));
    }
}
