//! Walking an object or an array, one member at a time.

use std::ops::Range;

use crate::scan::{Malformed, fail, skip_space, string_end, value_end};

/// The members of one object, in order, each checked when it is reached. After an error nothing more comes.
#[derive(Debug, Clone)]
pub struct Members<'a> {
    json: &'a [u8],
    at: usize,
    state: State,
}

/// One member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member<'a> {
    /// The key between its quotes, still escaped.
    pub key: &'a [u8],
    /// The value as it stands there.
    pub value: &'a [u8],
    /// Where `key` stands in the whole.
    pub key_range: Range<usize>,
    /// Where `value` stands in the whole.
    pub value_range: Range<usize>,
}

/// The elements of one array, in order, each checked when it is reached.
#[derive(Debug, Clone)]
pub struct Elements<'a> {
    json: &'a [u8],
    at: usize,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Begin,
    Inside,
    End,
}

// === impl Members ===

impl<'a> Members<'a> {
    /// Walks `json`, which must be one object (and UTF-8), with nothing but white space around it.
    pub fn new(json: &'a [u8]) -> Self {
        Self {
            json,
            at: 0,
            state: State::Begin,
        }
    }

    fn step(&mut self) -> Result<Option<Member<'a>>, Malformed> {
        let json = self.json;
        let mut at = skip_space(json, self.at);
        match (self.state, json.get(at)) {
            (State::End, _) => return Ok(None),
            (State::Begin, Some(b'{')) => {
                at = skip_space(json, at + 1);
                if json.get(at) == Some(&b'}') {
                    return self.end(at + 1);
                }
            }
            (State::Begin, _) => return fail("expected an object", at),
            (State::Inside, Some(b',')) => at = skip_space(json, at + 1),
            (State::Inside, Some(b'}')) => return self.end(at + 1),
            (State::Inside, _) => return fail("expected a comma or the end of the object", at),
        }
        let key_end = string_end(json, at)?;
        let key_range = at + 1..key_end - 1;
        let colon = skip_space(json, key_end);
        if json.get(colon) != Some(&b':') {
            return fail("expected a colon", colon);
        }
        let start = skip_space(json, colon + 1);
        // Most values are strings.
        let end = match json.get(start) {
            Some(b'"') => string_end(json, start)?,
            _ => value_end(json, start)?,
        };
        self.at = end;
        self.state = State::Inside;
        Ok(Some(Member {
            key: &json[key_range.clone()],
            value: &json[start..end],
            key_range,
            value_range: start..end,
        }))
    }

    fn end(&mut self, at: usize) -> Result<Option<Member<'a>>, Malformed> {
        self.state = State::End;
        match skip_space(self.json, at) {
            at if at < self.json.len() => fail("something follows the object", at),
            _ => Ok(None),
        }
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = Result<Member<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let step = self.step();
        if step.is_err() {
            self.state = State::End;
        }
        step.transpose()
    }
}

// === impl Elements ===

impl<'a> Elements<'a> {
    /// Walks `json`, which must be one array (and UTF-8).
    pub fn new(json: &'a [u8]) -> Self {
        Self {
            json,
            at: 0,
            state: State::Begin,
        }
    }

    fn step(&mut self) -> Result<Option<&'a [u8]>, Malformed> {
        let json = self.json;
        let at = skip_space(json, self.at);
        let start = match (self.state, json.get(at)) {
            (State::End, _) => return Ok(None),
            (State::Begin, Some(b'[')) => {
                let first = skip_space(json, at + 1);
                if json.get(first) == Some(&b']') {
                    self.state = State::End;
                    return Ok(None);
                }
                first
            }
            (State::Begin, _) => return fail("expected an array", at),
            (State::Inside, Some(b',')) => skip_space(json, at + 1),
            (State::Inside, Some(b']')) => {
                self.state = State::End;
                return Ok(None);
            }
            (State::Inside, _) => return fail("expected a comma or the end of the array", at),
        };
        self.at = value_end(json, start)?;
        self.state = State::Inside;
        Ok(Some(&json[start..self.at]))
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Result<&'a [u8], Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let step = self.step();
        if step.is_err() {
            self.state = State::End;
        }
        step.transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(json: &str) -> Result<Vec<(String, String)>, Malformed> {
        let own = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Members::new(json.as_bytes())
            .map(|member| member.map(|member| (own(member.key), own(member.value))))
            .collect()
    }

    #[test]
    fn members_come_in_order_and_twice_when_they_stand_there_twice() {
        let found = members(r#" {"a.b" : 1e400 , "a":{"b":[1,"}"]},"a":null} "#).unwrap();
        let pairs = [("a.b", "1e400"), ("a", r#"{"b":[1,"}"]}"#), ("a", "null")];
        assert_eq!(
            found,
            pairs.map(|(key, value)| (key.to_owned(), value.to_owned()))
        );
        assert_eq!(members("{}"), Ok(Vec::new()));
    }

    #[test]
    fn what_is_no_object_is_an_error_once() {
        for json in [
            "",
            "[]",
            "null",
            "{",
            "{\"a\"}",
            "{\"a\":1,}",
            "{\"a\":1} x",
            "{'a':1}",
            "{\"a\":1 \"b\":2}",
        ] {
            assert!(members(json).is_err(), "{json}");
            assert_eq!(Members::new(json.as_bytes()).filter(Result::is_err).count(), 1);
        }
    }

    #[test]
    fn elements_come_in_order() {
        let found: Result<Vec<_>, _> = Elements::new(br#"[1, "a]" ,[2],{}]"#).collect();
        assert_eq!(found.unwrap(), [&b"1"[..], b"\"a]\"", b"[2]", b"{}"]);
        assert_eq!(Elements::new(b"[ ]").count(), 0);
    }
}
