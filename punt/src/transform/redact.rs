//! Secrets out of texts: tokens, e-mail addresses, card numbers, and whatever patterns ask for.
//!
//! All texts of an event are looked at, also those in arrays and objects, unless fields are named. Numbers are left
//! alone: an id must stay a number.

use std::borrow::Cow;

use punt_json::{unescape, value_end, write_text};
use regex::{Captures, Regex};
use sha2::{Digest as _, Sha256};

use super::edit::Names;
use super::{Draft, Outcome, Scratch, Transform};
use crate::config::Secret;

/// Tokens. Where there is a group, it is the secret, and what stands before it stays readable.
const TOKENS: &[&str] = &[
    // Discord: bots and users, and tokens with two-factor authentication; webhooks.
    r"\b[A-Za-z0-9_-]{23,28}\.[A-Za-z0-9_-]{6,7}\.[A-Za-z0-9_-]{27,}",
    r"\bmfa\.[A-Za-z0-9_-]{84}",
    r"discord(?:app)?\.com/api/(?:v\d+/)?webhooks/\d+/([A-Za-z0-9_-]{20,})",
    // AWS: key ids, and secrets where they are called so.
    r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b",
    r#"(?i)aws.{0,20}?(?:secret|session).{0,20}?[=:]\s*["']?([A-Za-z0-9/+=]{40,})"#,
    // JSON web tokens.
    r"\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*",
    r"\bgh[pousr]_[A-Za-z0-9]{36,}\b",
    r"\bgithub_pat_[A-Za-z0-9_]{22,}\b",
    r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}",
    r"(?i)\b(?:bearer|bot|basic)\s+([A-Za-z0-9._~+/-]{12,}=*)",
];

const EMAIL: &str =
    r"[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}";

const CARD: &str = r"\b\d(?:[ -]?\d){12,18}\b";

/// The transform.
pub(crate) struct Redact {
    fields: Option<Names>,
    patterns: Vec<Regex>,
    cards: Option<Regex>,
    instead: Instead,
}

/// What is written instead of a secret.
enum Instead {
    Text(String),
    /// Its hash under this key.
    Hash(String),
}

// === impl Redact ===

impl Redact {
    pub(crate) fn new(
        fields: &[String],
        secrets: &[Secret],
        patterns: &[String],
        replacement: &str,
        hash_key: Option<&str>,
    ) -> Result<Self, String> {
        let mut texts: Vec<&str> = Vec::new();
        if secrets.contains(&Secret::Tokens) {
            texts.extend(TOKENS);
        }
        if secrets.contains(&Secret::Emails) {
            texts.push(EMAIL);
        }
        texts.extend(patterns.iter().map(String::as_str));
        let compile = |text: &str| {
            Regex::new(text).map_err(|error| format!("/{text}/ is no regular expression: {error}"))
        };
        Ok(Self {
            fields: match fields {
                [] => None,
                fields => Some(Names::new(fields)?),
            },
            patterns: texts.into_iter().map(compile).collect::<Result<_, _>>()?,
            cards: match secrets.contains(&Secret::Cards) {
                true => Some(compile(CARD)?),
                false => None,
            },
            instead: match hash_key {
                Some(key) => Instead::Hash(key.to_owned()),
                None => Instead::Text(replacement.to_owned()),
            },
        })
    }

    fn instead(&self, secret: &str) -> String {
        match &self.instead {
            Instead::Text(text) => text.clone(),
            Instead::Hash(key) => {
                let mut hash = Sha256::new();
                // The key on both sides: nobody can go on from a hash that he sees.
                for part in [key.as_str(), "\0", secret, "\0", key.as_str()] {
                    hash.update(part.as_bytes());
                }
                let hex: String = hash
                    .finalize()
                    .iter()
                    .take(8)
                    .map(|byte| format!("{byte:02x}"))
                    .collect();
                format!("[sha256:{hex}]")
            }
        }
    }

    /// The text without its secrets; borrowed if it has none.
    fn clean<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut clean = Cow::Borrowed(text);
        for pattern in &self.patterns {
            if !pattern.is_match(&clean) {
                continue;
            }
            let replaced = pattern.replace_all(&clean, |found: &Captures<'_>| {
                let all = found.get(0).map_or("", |all| all.as_str());
                match found.iter().skip(1).flatten().next() {
                    Some(group) => {
                        let offset = found.get(0).map_or(0, |all| all.start());
                        let (start, end) = (group.start() - offset, group.end() - offset);
                        let (before, after) = (
                            all.get(..start).unwrap_or_default(),
                            all.get(end..).unwrap_or_default(),
                        );
                        format!("{before}{}{after}", self.instead(group.as_str()))
                    }
                    None => self.instead(all),
                }
            });
            clean = Cow::Owned(replaced.into_owned());
        }
        if let Some(cards) = &self.cards
            && cards.is_match(&clean)
        {
            let replaced = cards.replace_all(&clean, |found: &Captures<'_>| {
                let all = found.get(0).map_or("", |all| all.as_str());
                if is_card(all) {
                    self.instead(all)
                } else {
                    all.to_owned()
                }
            });
            if replaced != clean {
                clean = Cow::Owned(replaced.into_owned());
            }
        }
        clean
    }

    /// The JSON without its secrets; `None` if it has none. Keys are texts, too.
    fn clean_json(&self, json: &[u8]) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        let (mut copied, mut at) = (0, 0);
        while let Some(quote) = memchr::memchr(b'"', json.get(at..)?).map(|found| at + found) {
            let Ok(end) = value_end(json, quote) else { break };
            let text = unescape(json.get(quote + 1..end - 1)?);
            if let Cow::Owned(clean) = self.clean(&text) {
                out.extend_from_slice(json.get(copied..quote)?);
                write_text(&mut out, &clean);
                copied = end;
            }
            at = end;
        }
        if copied == 0 {
            return None;
        }
        out.extend_from_slice(json.get(copied..)?);
        Some(out)
    }
}

// === impl Transform ===

impl Transform for Redact {
    fn apply(&self, draft: &mut Draft, _: &mut Scratch) -> Outcome {
        draft.rewrite(|name, value| {
            let meant = name != "@timestamp" && self.fields.as_ref().is_none_or(|fields| fields.reach(name));
            meant.then(|| self.clean_json(value)).flatten()
        });
        Outcome::Pass
    }
}

/// Whether digits (and what separates them) are the number of a payment card: an issuer's first digits, the length
/// that he uses, and the check digit (Luhn). Without the issuers, every tenth id would be one.
fn is_card(text: &str) -> bool {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(10)).collect();
    let head = |length: usize| {
        digits
            .iter()
            .take(length)
            .fold(0, |head, digit| head * 10 + digit)
    };
    let issued = match digits.len() {
        13 => head(1) == 4,
        14 => head(2) == 36 || head(2) == 38 || (300..=305).contains(&head(3)),
        15 => matches!(head(2), 34 | 37),
        16 => {
            matches!(head(1), 4)
                || (51..=55).contains(&head(2))
                || (2221..=2720).contains(&head(4))
                || head(4) == 6011
                || head(2) == 65
                || (644..=649).contains(&head(3))
                || (3528..=3589).contains(&head(4))
                || head(2) == 62
        }
        17..=19 => head(2) == 62 || (digits.len() == 19 && head(1) == 4),
        _ => false,
    };
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| match (place % 2, digit * 2) {
            (0, _) => *digit,
            (_, double @ 10..) => double - 9,
            (_, double) => double,
        })
        .sum();
    issued && sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALL: &[Secret] = &[Secret::Tokens, Secret::Emails, Secret::Cards];

    fn redacted(document: &str, fields: &[&str], hash_key: Option<&str>) -> String {
        let fields: Vec<String> = fields.iter().map(|field| (*field).to_owned()).collect();
        let redact = Redact::new(&fields, ALL, &["pw=(\\S+)".to_owned()], "[x]", hash_key).unwrap();
        let mut draft = Draft::default();
        draft.open(document.as_bytes()).unwrap();
        redact.apply(&mut draft, &mut Scratch::default());
        let mut out = Vec::new();
        draft.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    fn clean(text: &str) -> String {
        let redact = Redact::new(&[], ALL, &["pw=(\\S+)".to_owned()], "[x]", None).unwrap();
        redact.clean(text).into_owned()
    }

    #[test]
    fn secrets_are_replaced_and_the_rest_stays() {
        // Put together here, so that no scanner of repositories takes them for real.
        let discord = format!("{}.{}.{}", "MTIzNDU2Nzg5MDEyMzQ1Njc4", "GabcDe", "a".repeat(27));
        let aws = format!("AKIA{}", "ABCDEFGHIJKLMNOP");
        let jwt = format!("eyJ{}.eyJ{}.{}", "hbGciOiJIUzI1NiJ9", "zdWIiOiIxIn0", "c2ln");
        for (text, expected) in [
            (format!("token {discord} leaked"), "token [x] leaked"),
            (format!("id={aws}."), "id=[x]."),
            (format!("jwt {jwt}"), "jwt [x]"),
            (
                "Authorization: Bearer abcdefghijklmnop==".to_owned(),
                "Authorization: Bearer [x]",
            ),
            (
                "mail to ann.lee+x@mail.example.org, please".to_owned(),
                "mail to [x], please",
            ),
            ("card 4111 1111 1111 1111 used".to_owned(), "card [x] used"),
            ("card 5500-0000-0000-0004".to_owned(), "card [x]"),
            ("login pw=secret ok".to_owned(), "login pw=[x] ok"),
            (
                "card 4111 1111 1111 1112 wrong".to_owned(),
                "card 4111 1111 1111 1112 wrong",
            ),
            (
                "snowflake 175928847299117063".to_owned(),
                "snowflake 175928847299117063",
            ),
            (
                "user@localhost at 10.0.0.1".to_owned(),
                "user@localhost at 10.0.0.1",
            ),
        ] {
            assert_eq!(clean(&text), expected);
        }
    }

    #[test]
    fn texts_in_arrays_and_objects_are_looked_at_and_numbers_are_not() {
        assert_eq!(
            redacted(
                r#"{"a":["x","a@b.example"],"b":{"c":"\"a@b.example\""},"n":4111111111111111,"@timestamp":"t"}"#,
                &[],
                None
            ),
            r#"{"a":["x","[x]"],"b":{"c":"\"[x]\""},"n":4111111111111111,"@timestamp":"t"}"#
        );
        assert_eq!(
            redacted(
                r#"{"a":"a@b.example","b.c":"a@b.example","d":{"e":"a@b.example"}}"#,
                &["b.*", "d"],
                None
            ),
            r#"{"a":"a@b.example","b.c":"[x]","d":{"e":"[x]"}}"#
        );
    }

    #[test]
    fn equal_secrets_have_equal_hashes_under_one_key() {
        let one = redacted(r#"{"a":"a@b.example","b":"a@b.example"}"#, &[], Some("k"));
        let values: serde_json::Value = serde_json::from_str(&one).unwrap();
        assert_eq!(values["a"], values["b"]);
        assert!(values["a"].as_str().unwrap().starts_with("[sha256:"));
        assert_ne!(
            one,
            redacted(r#"{"a":"a@b.example","b":"a@b.example"}"#, &[], Some("l"))
        );
    }

    proptest! {
        #[test]
        fn any_text_is_cleaned_without_panic(text in any::<String>()) {
            clean(&text);
            let document = serde_json::json!({"a": text, "b": [text]}).to_string();
            serde_json::from_str::<serde_json::Value>(&redacted(&document, &[], None)).unwrap();
        }
    }
}
