//! A draft: one event's document as a flat list of fields that can be edited, and is written once at the end.
//!
//! Keys and values are places in one byte buffer: the document is copied into it, whatever is changed is appended,
//! and nothing is parsed that nobody asks for. The buffer and the list are used again for the next event, so that an
//! event costs no allocation. Values stay the JSON that they were, so that no number loses a digit.
//!
//! A field is named with dots. `a.b` is found both as `{"a.b":1}` and in `{"a":{"b":1}}`; the first edit inside an
//! object spreads it into dotted fields, which mean the same to the engine. Of several fields of one name the first
//! is the one that is read, and a change leaves one.

use std::borrow::Cow;
use std::ops::Range;

use punt_json::{Malformed, Members, unescape, unescape_into, write_text};

use super::clock::event_time_ms;

/// How deep in objects a field is looked for; what is deeper stays as it is.
const MAX_DEPTH: usize = 32;

/// An event in work.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    bytes: Vec<u8>,
    fields: Vec<Field>,
    /// Something differs from the document that was opened.
    edited: bool,
    /// `@timestamp` was written.
    retimed: bool,
    /// The members of a body that is being merged.
    incoming: Vec<Field>,
}

/// A state of a draft.
#[cfg(feature = "vrl")]
#[derive(Debug)]
pub(crate) struct Mark {
    bytes: usize,
    fields: Vec<Field>,
    edited: bool,
    retimed: bool,
}

#[derive(Debug, Clone, Copy)]
struct Field {
    key: Place,
    value: Place,
}

/// A place in the buffer. Documents are bounded by the sources' limits, far below 4 GiB.
#[derive(Debug, Clone, Copy)]
struct Place {
    start: u32,
    end: u32,
}

// === impl Place ===

impl From<Range<usize>> for Place {
    fn from(range: Range<usize>) -> Self {
        let clamp = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self {
            start: clamp(range.start),
            end: clamp(range.end),
        }
    }
}

impl Place {
    fn of(self, bytes: &[u8]) -> &[u8] {
        bytes
            .get(self.start as usize..self.end as usize)
            .unwrap_or_default()
    }
}

impl Field {
    /// Whether key and value stand as they are written: `"key":value`.
    fn is_compact(self) -> bool {
        self.key.start > 0 && self.value.start == self.key.end + 2
    }
}

// === impl Draft ===

impl Draft {
    /// Takes a document up, in place of the one before.
    pub(crate) fn open(&mut self, document: &[u8]) -> Result<(), Malformed> {
        self.bytes.clear();
        self.fields.clear();
        self.edited = false;
        self.retimed = false;
        self.bytes.extend_from_slice(document);
        for member in Members::new(document) {
            let member = member?;
            self.fields.push(Field {
                key: member.key_range.into(),
                value: member.value_range.into(),
            });
        }
        Ok(())
    }

    /// Whether the event differs from its document.
    pub(crate) fn is_edited(&self) -> bool {
        self.edited
    }

    /// Whether `@timestamp` was written.
    pub(crate) fn is_retimed(&self) -> bool {
        self.retimed
    }

    /// Keys (between their quotes) and values.
    pub(crate) fn members(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.fields
            .iter()
            .map(|field| (field.key.of(&self.bytes), field.value.of(&self.bytes)))
    }

    /// Writes the document.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        let mut at = 0;
        while let Some(field) = self.fields.get(at) {
            if at > 0 {
                out.push(b',');
            }
            at += 1;
            if !field.is_compact() {
                out.push(b'"');
                out.extend_from_slice(field.key.of(&self.bytes));
                out.extend_from_slice(b"\":");
                out.extend_from_slice(field.value.of(&self.bytes));
                continue;
            }
            // Fields that stand one behind the other, with a comma and a quote between, are copied in one piece.
            let mut end = field.value.end;
            while let Some(next) = self.fields.get(at)
                && next.is_compact()
                && next.key.start == end + 2
            {
                end = next.value.end;
                at += 1;
            }
            let piece = Place {
                start: field.key.start - 1,
                end,
            };
            out.extend_from_slice(piece.of(&self.bytes));
        }
        out.push(b'}');
    }

    /// The JSON of a field.
    pub(crate) fn get(&self, name: &str) -> Option<&[u8]> {
        if let Some(at) = self.position(name, 0) {
            return Some(self.fields[at].value.of(&self.bytes));
        }
        if !name.contains('.') {
            return None;
        }
        self.members()
            .find_map(|(key, value)| inside(key, value, name, 0))
    }

    /// The text of a field: of a string its text, of a number what stands there.
    pub(crate) fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        punt_json::text(self.get(name)?)
    }

    /// Copies the text of a field over `text`. False: it has none.
    pub(crate) fn text_into(&self, name: &str, text: &mut String) -> bool {
        text.clear();
        match self.get(name) {
            Some([b'"', inner @ .., b'"']) => {
                unescape_into(inner, text);
                true
            }
            Some(value) => match punt_json::text(value) {
                Some(found) => {
                    text.push_str(&found);
                    true
                }
                None => false,
            },
            None => false,
        }
    }

    /// Gives the field this value, which `write` appends as JSON.
    pub(crate) fn set_with(&mut self, name: &str, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        write(&mut self.bytes);
        let value = Place::from(start..self.bytes.len());
        self.put(name, value);
    }

    pub(crate) fn set_text(&mut self, name: &str, text: &str) {
        self.set_with(name, |out| write_text(out, text));
    }

    /// Gives the field a value that is JSON already.
    pub(crate) fn set_raw(&mut self, name: &str, json: &[u8]) {
        self.set_with(name, |out| out.extend_from_slice(json));
    }

    /// Takes the field away, and whatever an object of that name holds. False: it was not there.
    pub(crate) fn remove(&mut self, name: &str) -> bool {
        self.spread_to(name);
        let before = self.fields.len();
        let bytes = &self.bytes;
        self.fields.retain(|field| !is_named(field.key.of(bytes), name));
        let removed = self.fields.len() < before;
        self.edited |= removed;
        removed
    }

    /// Gives a field another name; a field that had it is replaced. False: it was not there.
    pub(crate) fn rename(&mut self, from: &str, to: &str) -> bool {
        if from == to {
            return self.get(from).is_some();
        }
        self.spread_to(from);
        let Some(at) = self.position(from, 0) else {
            return false;
        };
        let value = self.fields[at].value;
        self.remove(from);
        self.put(to, value);
        true
    }

    /// Keeps the fields whose dotted names pass; objects are looked into.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) {
        let mut at = 0;
        while at < self.fields.len() {
            let key = unescape(self.fields[at].key.of(&self.bytes)).into_owned();
            if keep(&key) {
                at += 1;
            } else if self.holds_object(at) && self.spread(at) {
                // Its parts stand at its place now, and are looked at next.
                self.edited = true;
            } else {
                self.fields.remove(at);
                self.edited = true;
            }
        }
    }

    /// Where the draft is, for [`Draft::back_to`].
    #[cfg(feature = "vrl")]
    pub(crate) fn mark(&self) -> Mark {
        Mark {
            bytes: self.bytes.len(),
            fields: self.fields.clone(),
            edited: self.edited,
            retimed: self.retimed,
        }
    }

    /// Undoes everything since the mark.
    #[cfg(feature = "vrl")]
    pub(crate) fn back_to(&mut self, mark: Mark) {
        self.bytes.truncate(mark.bytes);
        self.fields = mark.fields;
        self.edited = mark.edited;
        self.retimed = mark.retimed;
    }

    /// Gives each field the JSON that `rewrite` makes of its name and value; what it gives `None` for stays.
    pub(crate) fn rewrite(&mut self, mut rewrite: impl FnMut(&str, &[u8]) -> Option<Vec<u8>>) {
        for at in 0..self.fields.len() {
            let field = self.fields[at];
            let name = unescape(field.key.of(&self.bytes));
            if let Some(json) = rewrite(&name, field.value.of(&self.bytes)) {
                let start = self.bytes.len();
                self.bytes.extend_from_slice(&json);
                self.fields[at].value = Place::from(start..self.bytes.len());
                self.edited = true;
            }
        }
    }

    /// Appends `body`, one object in UTF-8, and sets each of its members under its own name, or below `target`.
    /// `flatten`: objects in it are written as dotted fields; without it only those are that the event has dotted
    /// fields of. `replacing`: the field that the body comes from, which goes. On an error nothing is changed.
    pub(crate) fn merge(
        &mut self,
        body: &[u8],
        replacing: Option<&str>,
        target: Option<&str>,
        max_fields: usize,
        flatten: bool,
    ) -> Result<(), Merge> {
        let base = self.bytes.len();
        self.bytes.extend_from_slice(body);
        self.incoming.clear();
        if let Err(fault) = self.take_in(body, base, target.is_none(), max_fields) {
            self.bytes.truncate(base);
            return Err(fault);
        }
        if let Some(field) = replacing {
            self.remove(field);
        }
        for at in 0..self.incoming.len() {
            self.set_member(self.incoming[at], target, flatten);
        }
        self.edited = true;
        Ok(())
    }

    /// Takes down the members of `body`, which stands at `base`.
    fn take_in(&mut self, body: &[u8], base: usize, at_root: bool, max_fields: usize) -> Result<(), Merge> {
        for (number, member) in Members::new(body).enumerate() {
            let member = member.map_err(Merge::Malformed)?;
            if number == max_fields {
                return Err(Merge::TooMany(max_fields));
            }
            if at_root && member.key == b"@timestamp" && event_time_ms(member.value).is_none() {
                return Err(Merge::NoTime);
            }
            let moved = |range: Range<usize>| range.start + base..range.end + base;
            self.incoming.push(Field {
                key: moved(member.key_range).into(),
                value: moved(member.value_range).into(),
            });
        }
        Ok(())
    }

    fn set_member(&mut self, field: Field, target: Option<&str>, flatten: bool) {
        let key = field.key.of(&self.bytes);
        let is_object = field.value.of(&self.bytes).first() == Some(&b'{');
        if target.is_none() && !is_object && !key.contains(&b'\\') {
            return self.place(field.key, field.value);
        }
        let key = unescape(key).into_owned();
        let name = match target {
            Some(target) => format!("{target}.{key}"),
            None => key,
        };
        if is_object && (flatten || self.has_below(&name)) {
            self.put_flat(&name, field.value, 0);
        } else {
            self.put(&name, field.value);
        }
    }

    /// Whether there are dotted fields below this name.
    fn has_below(&self, name: &str) -> bool {
        self.members().any(|(key, _)| {
            key.strip_prefix(name.as_bytes())
                .is_some_and(|rest| rest.first() == Some(&b'.'))
        })
    }

    /// Sets the members of an object as dotted fields; an empty one, and one that is too deep, as it is.
    fn put_flat(&mut self, name: &str, value: Place, depth: usize) {
        let object = value.of(&self.bytes).to_vec();
        let members: Vec<_> = Members::new(&object).map_while(Result::ok).collect();
        if object.first() != Some(&b'{') || members.is_empty() || depth == MAX_DEPTH {
            return self.put(name, value);
        }
        let base = value.start as usize;
        for member in members {
            let place = Place::from(base + member.value_range.start..base + member.value_range.end);
            self.put_flat(&format!("{name}.{}", unescape(member.key)), place, depth + 1);
        }
    }

    /// Drops all fields, for a body that takes the event's place.
    pub(crate) fn clear(&mut self) {
        self.fields.clear();
        self.edited = true;
    }

    /// Sets a field whose key stands in the buffer, unescaped and escaped alike.
    fn place(&mut self, key: Place, value: Place) {
        let name = key.of(&self.bytes);
        self.retimed |= name == b"@timestamp";
        let dotted = name.contains(&b'.');
        let found = (0..self.fields.len()).find(|at| {
            let other = self.fields[*at].key;
            other.end - other.start == key.end - key.start && other.of(&self.bytes) == key.of(&self.bytes)
        });
        if found.is_none() && dotted && (0..self.fields.len()).any(|at| self.holds_object(at)) {
            // It may be in one of them.
            let name = String::from_utf8_lossy(key.of(&self.bytes)).into_owned();
            return self.put(&name, value);
        }
        match found {
            Some(at) => self.replace(at, value),
            None => self.fields.push(Field { key, value }),
        }
        self.edited = true;
    }

    fn put(&mut self, name: &str, value: Place) {
        self.spread_to(name);
        self.retimed |= name == "@timestamp";
        self.edited = true;
        if let Some(at) = self.position(name, 0) {
            return self.replace(at, value);
        }
        let start = self.bytes.len();
        write_text(&mut self.bytes, name);
        // Without its quotes.
        let key = Place::from(start + 1..self.bytes.len() - 1);
        self.fields.push(Field { key, value });
    }

    /// Gives the field at this place another value, and takes later ones of the same name away.
    fn replace(&mut self, at: usize, value: Place) {
        self.fields[at].value = value;
        let key = self.fields[at].key;
        let (bytes, mut number) = (&self.bytes, 0);
        self.fields.retain(|field| {
            number += 1;
            number <= at + 1 || field.key.of(bytes) != key.of(bytes)
        });
    }

    fn position(&self, name: &str, from: usize) -> Option<usize> {
        (from..self.fields.len()).find(|at| is_named(self.fields[*at].key.of(&self.bytes), name))
    }

    fn holds_object(&self, at: usize) -> bool {
        self.fields[at].value.of(&self.bytes).first() == Some(&b'{')
    }

    /// Spreads the objects that hold the field `name`, until it stands for itself.
    fn spread_to(&mut self, name: &str) {
        for _ in 0..MAX_DEPTH {
            let holder = (0..self.fields.len()).find(|at| {
                self.holds_object(*at) && {
                    let key = unescape(self.fields[*at].key.of(&self.bytes));
                    name.strip_prefix(key.as_ref())
                        .is_some_and(|rest| rest.starts_with('.'))
                }
            });
            match holder {
                Some(at) if self.spread(at) => self.edited = true,
                _ => return,
            }
        }
    }

    /// Puts dotted fields in the place of the object at `at`. False: it cannot be read, or is empty.
    fn spread(&mut self, at: usize) -> bool {
        let Field { key, value } = self.fields[at];
        let object = value.of(&self.bytes).to_vec();
        let prefix = key.of(&self.bytes).to_vec();
        let mut parts = Vec::new();
        for member in Members::new(&object) {
            let Ok(member) = member else { return false };
            let start = self.bytes.len();
            self.bytes.extend_from_slice(&prefix);
            self.bytes.push(b'.');
            self.bytes.extend_from_slice(member.key);
            let base = value.start as usize;
            parts.push(Field {
                key: Place::from(start..self.bytes.len()),
                value: Place::from(base + member.value_range.start..base + member.value_range.end),
            });
        }
        let spread = !parts.is_empty();
        if spread {
            self.fields.splice(at..=at, parts);
        }
        spread
    }
}

/// Why a body was not merged.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Merge {
    /// It is no object.
    #[error("not a JSON object: {0}")]
    Malformed(Malformed),
    /// It has too many members.
    #[error("the object has more than {0} fields")]
    TooMany(usize),
    /// Its time is one that no engine takes.
    #[error("its @timestamp is no time")]
    NoTime,
}

/// Whether a key, as it stands between its quotes, is this name.
fn is_named(key: &[u8], name: &str) -> bool {
    if key.contains(&b'\\') {
        unescape(key) == name
    } else {
        key == name.as_bytes()
    }
}

/// The value of `name` in the member, if that is an object which holds it.
fn inside<'a>(key: &[u8], value: &'a [u8], name: &str, depth: usize) -> Option<&'a [u8]> {
    if value.first() != Some(&b'{') || depth == MAX_DEPTH {
        return None;
    }
    let rest = name.strip_prefix(unescape(key).as_ref())?.strip_prefix('.')?;
    Members::new(value).map_while(Result::ok).find_map(|member| {
        if is_named(member.key, rest) {
            Some(member.value)
        } else {
            inside(member.key, member.value, rest, depth + 1)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    fn draft(document: &str) -> Draft {
        let mut draft = Draft::default();
        draft.open(document.as_bytes()).unwrap();
        draft
    }

    fn written(draft: &Draft) -> String {
        let mut out = Vec::new();
        draft.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_draft_that_nobody_edits_is_its_document() {
        let document = r#"{"a":1e400,"a":2,"b":{"c":[{}]},"\u00e9":"x"}"#;
        let draft = draft(document);
        assert_eq!(written(&draft), document);
        assert!(!draft.is_edited());
    }

    #[test]
    fn a_nested_field_is_read_in_place_and_spread_by_an_edit() {
        let mut draft = draft(r#"{"a":{"b":{"c":1,"d":2},"e":3},"f":4}"#);
        assert_eq!(draft.get("a.b.c"), Some(&b"1"[..]));
        assert!(!draft.is_edited());
        draft.set_text("a.b.c", "x");
        assert_eq!(written(&draft), r#"{"a.b.c":"x","a.b.d":2,"a.e":3,"f":4}"#);
        assert!(draft.remove("a.b.d"));
        assert!(!draft.remove("a.b.d"));
        assert!(draft.rename("a.e", "f"));
        assert_eq!(written(&draft), r#"{"a.b.c":"x","f":3}"#);
    }

    #[test]
    fn a_change_leaves_one_of_several_fields_of_a_name() {
        let mut draft = draft(r#"{"a":1,"b":2,"a":3}"#);
        draft.set_raw("a", b"4");
        assert_eq!(written(&draft), r#"{"a":4,"b":2}"#);
    }

    #[test]
    fn a_body_is_merged_whole_or_not_at_all() {
        let mut draft = draft(r#"{"message":"m","n":1}"#);
        for body in ["null", "[1]", "text", r#"{"n":2,"#, r#"{"n":2} x"#] {
            assert!(
                draft.merge(body.as_bytes(), None, None, 10, false).is_err(),
                "{body}"
            );
        }
        assert!(draft.merge(br#"{"a":1,"b":2}"#, None, None, 1, false).is_err());
        assert_eq!(written(&draft), r#"{"message":"m","n":1}"#);
        draft
            .merge(
                br#"{"n":2,"x":{"y":170141183460469231731687303715884105727},"n":3}"#,
                None,
                None,
                10,
                false,
            )
            .unwrap();
        assert_eq!(
            written(&draft),
            r#"{"message":"m","n":3,"x":{"y":170141183460469231731687303715884105727}}"#
        );
        draft
            .merge(br#"{"y":1,"z\"":2}"#, None, Some("x"), 10, false)
            .unwrap();
        assert_eq!(written(&draft), r#"{"message":"m","n":3,"x.y":1,"x.z\"":2}"#);
    }

    #[test]
    fn what_is_kept_may_be_inside_an_object() {
        let mut draft = draft(r#"{"@timestamp":"t","a":{"b":1,"c":2},"d":3}"#);
        draft.retain(|name| name == "@timestamp" || name == "a.c");
        assert_eq!(written(&draft), r#"{"@timestamp":"t","a.c":2}"#);
    }

    #[test]
    fn an_object_meets_the_dotted_fields_that_the_event_has() {
        let mut draft = draft(r#"{"service.name":"a","x":1}"#);
        draft
            .merge(
                br#"{"service":{"name":"b","id":7},"other":{"y":1}}"#,
                None,
                None,
                10,
                false,
            )
            .unwrap();
        assert_eq!(
            written(&draft),
            r#"{"service.name":"b","x":1,"service.id":7,"other":{"y":1}}"#
        );
        draft
            .merge(br#"{"other":{"y":{"z":2},"e":{}}}"#, None, None, 10, true)
            .unwrap();
        assert_eq!(
            written(&draft),
            r#"{"service.name":"b","x":1,"service.id":7,"other.y":1,"other.y.z":2,"other.e":{}}"#
        );
    }

    #[test]
    fn a_body_takes_the_place_of_its_field() {
        let mut draft = draft(r#"{"a":1,"message":"m","b":2}"#);
        assert!(draft.merge(b"x", Some("message"), None, 10, false).is_err());
        draft
            .merge(
                br#"{"c":3 , "message":"n","d":4}"#,
                Some("message"),
                None,
                10,
                false,
            )
            .unwrap();
        assert_eq!(written(&draft), r#"{"a":1,"b":2,"c":3,"message":"n","d":4}"#);
    }

    #[test]
    fn a_body_whose_time_is_none_is_not_merged() {
        let mut draft = draft(r#"{"@timestamp":"2026-11-24T09:46:51Z"}"#);
        assert!(
            draft
                .merge(br#"{"@timestamp":"soon"}"#, None, None, 10, false)
                .is_err()
        );
        draft
            .merge(br#"{"@timestamp":"soon"}"#, None, Some("x"), 10, false)
            .unwrap();
        assert!(!draft.is_retimed());
        draft
            .merge(br#"{"@timestamp":1795513611123}"#, None, None, 10, false)
            .unwrap();
        assert!(draft.is_retimed());
    }

    /// What an edit does to a flat object.
    #[derive(Debug, Clone)]
    enum Edit {
        Set(String, String),
        Remove(String),
        Rename(String, String),
    }

    fn edits() -> impl Strategy<Value = Vec<Edit>> {
        let name = "[a-c\"é]{1,2}";
        let edit = prop_oneof![
            (name, any::<String>()).prop_map(|(name, value)| Edit::Set(name, value)),
            name.prop_map(Edit::Remove),
            (name, name).prop_map(|(from, to)| Edit::Rename(from, to)),
        ];
        prop::collection::vec(edit, 0..12)
    }

    proptest! {
        #[test]
        fn edits_do_what_they_do_to_a_map(
            start in prop::collection::btree_map("[a-c\"é]{1,2}", any::<String>(), 0..6),
            edits in edits(),
        ) {
            let mut model: Map<String, Value> = start.into_iter().map(|(k, v)| (k, json!(v))).collect();
            let mut draft = draft(&serde_json::to_string(&model).unwrap());
            for edit in edits {
                match edit {
                    Edit::Set(name, value) => {
                        draft.set_text(&name, &value);
                        model.insert(name, json!(value));
                    }
                    Edit::Remove(name) => prop_assert_eq!(draft.remove(&name), model.remove(&name).is_some()),
                    Edit::Rename(from, to) => {
                        let there = model.contains_key(&from);
                        prop_assert_eq!(draft.rename(&from, &to), there);
                        if there && from != to {
                            let value = model.remove(&from).unwrap();
                            model.insert(to, value);
                        }
                    }
                }
            }
            let found: Value = serde_json::from_str(&written(&draft)).unwrap();
            prop_assert_eq!(found, Value::Object(model));
        }

        #[test]
        fn any_bytes_are_opened_or_refused_without_panic(bytes in any::<Vec<u8>>(), name in ".{0,4}") {
            let mut draft = Draft::default();
            if draft.open(&bytes).is_ok() {
                draft.get(&name);
                draft.remove(&name);
                draft.set_text(&name, "x");
            }
        }
    }
}
