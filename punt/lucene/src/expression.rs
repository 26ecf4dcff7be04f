//! Whether a document matches: the one language of conditions.
//!
//! A document is looked at once, member by member; each clause that finds its field there is tested, and the tree is
//! asked at the end. Fields are named with dots, and `a.b` is found as `{"a.b":1}` and as `{"a":{"b":1}}` alike.

use punt_json::{Elements, Members, text, unescape};
use thiserror::Error;

use crate::grammar;
use crate::leaf::{Fields, Test, Wanted};
use crate::node::{Flavor, Node, Operator};

/// Clauses that one expression may have.
const MAX_CLAUSES: usize = 256;

/// How deep in objects a field is looked for.
const MAX_DEPTH: usize = 32;

/// A text that is no expression.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("cannot read the condition {text:?}: {reason}")]
pub struct Unreadable {
    text: String,
    reason: String,
}

/// A condition over documents. Cheap to ask from any number of threads.
#[derive(Debug, Clone)]
pub struct Expression {
    leaves: Vec<(Fields, Test)>,
    tree: Tree,
}

#[derive(Debug, Clone)]
enum Tree {
    Always,
    Never,
    Leaf(usize),
    Bool {
        must: Vec<Tree>,
        should: Vec<Tree>,
        must_not: Vec<Tree>,
    },
}

/// Which clauses have found what they look for.
#[derive(Debug, Default)]
struct Found([u64; MAX_CLAUSES / 64]);

// === impl Expression ===

impl Expression {
    /// Reads a condition such as `service.name:guilds AND log.level:(error OR warn) AND event.duration:>100`.
    /// An empty text holds for every document.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, Unreadable> {
        let refuse = |reason| Unreadable {
            text: text.to_owned(),
            reason,
        };
        let mut expression = Self::always();
        if text.trim().is_empty() {
            return Ok(expression);
        }
        let node = grammar::parse(text, Operator::Or, Flavor::Full).map_err(refuse)?;
        expression.tree = expression.compile(node).map_err(refuse)?;
        Ok(expression)
    }

    /// The condition that holds for every document.
    pub fn always() -> Self {
        Self {
            leaves: Vec::new(),
            tree: Tree::Always,
        }
    }

    /// The condition that all these fields have these values, whole and with their case. A value that ends in `*`
    /// stands for all that start so. Of more than 256 fields the rest is not looked at.
    pub fn all_of<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let leaves: Vec<_> = fields
            .into_iter()
            .take(MAX_CLAUSES)
            .map(|(name, value)| {
                let test = match value.strip_suffix('*') {
                    Some(prefix) => Test::StartsWith(prefix.to_owned()),
                    None => Test::Is(Wanted::new(value.to_owned())),
                };
                (Fields::Named(name.to_owned()), test)
            })
            .collect();
        let tree = match leaves.len() {
            0 => Tree::Always,
            count => Tree::Bool {
                must: (0..count).map(Tree::Leaf).collect(),
                should: Vec::new(),
                must_not: Vec::new(),
            },
        };
        Self { leaves, tree }
    }

    /// Whether it holds for every document, which then need not be looked at.
    pub fn is_always(&self) -> bool {
        matches!(self.tree, Tree::Always)
    }

    /// Whether it holds for this document, one JSON object. What is no object has no fields.
    pub fn matches(&self, document: &[u8]) -> bool {
        if self.leaves.is_empty() {
            return self.tree.holds(&Found::default());
        }
        self.matches_members(
            Members::new(document)
                .map_while(Result::ok)
                .map(|member| (member.key, member.value)),
        )
    }

    /// Whether it holds for the object with these members: keys as they stand between their quotes, and values.
    pub fn matches_members<'a>(&self, members: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> bool {
        let mut found = Found::default();
        for (key, value) in members {
            for (number, (fields, test)) in self.leaves.iter().enumerate() {
                if !found.has(number) && member_passes(fields, test, key, value) {
                    found.set(number);
                    if matches!(self.tree, Tree::Leaf(_)) {
                        return true;
                    }
                }
            }
        }
        self.tree.holds(&found)
    }

    fn leaf(
        &mut self,
        field: Option<&str>,
        test: impl FnOnce(bool) -> Result<Test, String>,
    ) -> Result<Tree, String> {
        if self.leaves.len() == MAX_CLAUSES {
            return Err(format!("it has more than {MAX_CLAUSES} clauses"));
        }
        let fields = Fields::named(field)?;
        let test = test(fields.are_prose())?;
        self.leaves.push((fields, test));
        Ok(Tree::Leaf(self.leaves.len() - 1))
    }

    fn compile(&mut self, node: Node) -> Result<Tree, String> {
        match node {
            Node::All => Ok(Tree::Always),
            Node::Nothing => Ok(Tree::Never),
            Node::Exists(field) => self.leaf(Some(&field), |_| Ok(Test::Exists)),
            Node::Word { field, text } => self.leaf(field.as_deref(), |prose| Ok(Test::text(text, 0, prose))),
            Node::Phrase { field, text, slop } => {
                self.leaf(field.as_deref(), |prose| Ok(Test::text(text, slop, prose)))
            }
            Node::Wildcard { field, pattern } => {
                self.leaf(field.as_deref(), |prose| Test::wildcard(&pattern, prose))
            }
            Node::Regexp { field, pattern } => {
                self.leaf(field.as_deref(), |prose| Test::regexp(&pattern, prose))
            }
            Node::Fuzzy {
                field,
                text,
                distance,
            } => self.leaf(field.as_deref(), |prose| {
                Ok(Test::Near {
                    text,
                    distance,
                    prose,
                })
            }),
            Node::Range { field, from, to } => self.leaf(field.as_deref(), |_| {
                let bound = |(text, included)| (Wanted::new(text), included);
                Ok(Test::Between {
                    from: from.map(bound),
                    to: to.map(bound),
                })
            }),
            Node::Bool {
                must,
                should,
                must_not,
            } => {
                let mut compile = |nodes: Vec<Node>| {
                    let trees = nodes.into_iter().map(|node| self.compile(node));
                    trees.collect::<Result<Vec<_>, _>>()
                };
                Ok(Tree::Bool {
                    must: compile(must)?,
                    should: compile(should)?,
                    must_not: compile(must_not)?,
                })
            }
            Node::Boost(node, _) => self.compile(*node),
        }
    }
}

// === impl Tree ===

impl Tree {
    fn holds(&self, found: &Found) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Leaf(number) => found.has(*number),
            Self::Bool {
                must,
                should,
                must_not,
            } => {
                must.iter().all(|tree| tree.holds(found))
                    && (!must.is_empty() || should.is_empty() || should.iter().any(|tree| tree.holds(found)))
                    && !must_not.iter().any(|tree| tree.holds(found))
            }
        }
    }
}

// === impl Found ===

impl Found {
    fn has(&self, number: usize) -> bool {
        self.0[number / 64] & 1 << (number % 64) != 0
    }

    fn set(&mut self, number: usize) {
        self.0[number / 64] |= 1 << (number % 64);
    }
}

// === free functions ===

fn member_passes(fields: &Fields, test: &Test, key: &[u8], value: &[u8]) -> bool {
    match fields {
        Fields::Named(name) => named_passes(name, test, key, value, 0),
        Fields::Any if matches!(test, Test::Exists) => is_there(value),
        Fields::Any => any_passes(test, value, 0),
        Fields::Pattern(pattern) => {
            let mut path = unescape(key).into_owned();
            pattern_passes(pattern, test, &mut path, value, 0)
        }
    }
}

/// Whether the member is the field `name`, or an object that has it, and passes.
fn named_passes(name: &str, test: &Test, key: &[u8], value: &[u8], depth: usize) -> bool {
    let owned;
    let key = if key.contains(&b'\\') {
        owned = unescape(key);
        owned.as_bytes()
    } else {
        key
    };
    match name.as_bytes().strip_prefix(key) {
        Some([]) => value_passes(test, value),
        Some([b'.', ..]) if value.first() == Some(&b'{') && depth < MAX_DEPTH => {
            let Some(rest) = name.get(key.len() + 1..) else {
                return false;
            };
            Members::new(value)
                .map_while(Result::ok)
                .any(|member| named_passes(rest, test, member.key, member.value, depth + 1))
        }
        // An array of objects has the field when one of them has.
        Some([b'.', ..]) if value.first() == Some(&b'[') && depth < MAX_DEPTH => Elements::new(value)
            .map_while(Result::ok)
            .filter(|element| element.first() == Some(&b'{'))
            .any(|element| named_passes(name, test, key, element, depth + 1)),
        _ => false,
    }
}

fn any_passes(test: &Test, value: &[u8], depth: usize) -> bool {
    match value.first() {
        Some(b'{') if depth < MAX_DEPTH => Members::new(value)
            .map_while(Result::ok)
            .any(|member| any_passes(test, member.value, depth + 1)),
        Some(b'[') if depth < MAX_DEPTH => Elements::new(value)
            .map_while(Result::ok)
            .any(|element| any_passes(test, element, depth + 1)),
        _ => value_passes(test, value),
    }
}

fn pattern_passes(
    pattern: &regex::Regex,
    test: &Test,
    path: &mut String,
    value: &[u8],
    depth: usize,
) -> bool {
    if pattern.is_match(path) && value_passes(test, value) {
        return true;
    }
    if value.first() != Some(&b'{') || depth >= MAX_DEPTH {
        return false;
    }
    let length = path.len();
    Members::new(value).map_while(Result::ok).any(|member| {
        path.truncate(length);
        path.push('.');
        path.push_str(&unescape(member.key));
        pattern_passes(pattern, test, path, member.value, depth + 1)
    })
}

fn value_passes(test: &Test, value: &[u8]) -> bool {
    if matches!(test, Test::Exists) {
        return is_there(value);
    }
    match value.first() {
        Some(b'[') => Elements::new(value)
            .map_while(Result::ok)
            .any(|element| text(element).is_some_and(|text| test.passes(&text))),
        _ => text(value).is_some_and(|text| test.passes(&text)),
    }
}

/// Whether a value counts as one.
fn is_there(value: &[u8]) -> bool {
    match value.first() {
        None | Some(b'n') => false,
        Some(b'[') => Elements::new(value)
            .map_while(Result::ok)
            .any(|element| element.first() != Some(&b'n')),
        Some(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DOCUMENT: &[u8] = br#"{"@timestamp":"2026-11-24T09:46:51.123Z","log.level":"error","message":"Connection to db-1 refused: \"no route\"","service":{"name":"guilds","node.name":"guilds-0"},"event.duration":1500,"http.response.status_code":503,"source.ip":"10.1.2.3","tags":["blue","green"],"empty":[],"none":null,"big":170141183460469231731687303715884105727,"ok":true,"labels.user":"Ann","spans":[{"id":"a"},{"id":"b"}]}"#;

    fn holds(text: &str) -> bool {
        Expression::parse(text).unwrap().matches(DOCUMENT)
    }

    #[test]
    fn a_condition_holds_for_what_it_names() {
        for text in [
            "",
            "*",
            "service.name:guilds AND log.level:(error OR warn) AND NOT message:/timeout/ AND event.duration:>100",
            "service.node.name:guilds-0",
            "service.name:guil*",
            "service.name:/gu.lds/",
            "message:refused",
            "message:REFUSED",
            "message:\"connection to db\"",
            "message:\"no route\"",
            "message:/db-\\d+ ref/",
            "message:conn*",
            "message:refusd~1",
            "refused",
            "guilds",
            "http.response.status_code:503",
            "http.response.status_code:>=500",
            "http.response.status_code:[500 TO 599]",
            "http.response.status_code:{502 TO *}",
            "event.duration:1500.0",
            "@timestamp:>2026-11-24",
            "@timestamp:[2026-11-24T09:00:00Z TO 2026-11-24T10:00:00Z]",
            "source.ip:\"10.0.0.0/8\"",
            "tags:green",
            "tags:(red OR green)",
            "_exists_:labels.user",
            "labels.*:Ann",
            "_exists_:service",
            "ok:true",
            "big:>170141183460469231731687303715884105726",
            "spans.id:b",
            "NOT tags:red",
            "log.level:warn OR tags:blue",
            "-log.level:debug",
            "+log.level:error -tags:red",
            "(log.level:warn) || (log.level:error && ok:true)",
        ] {
            assert!(holds(text), "{text}");
        }
    }

    #[test]
    fn a_condition_fails_for_what_is_not_so() {
        for text in [
            "service.name:guild",
            "service.name:Guilds",
            "service.name:/uild/",
            "message:/^refused/",
            "message:\"to connection\"",
            "http.response.status_code:<500",
            "event.duration:>1500",
            "log.level:>5",
            "_exists_:empty",
            "_exists_:none",
            "none:null",
            "_exists_:missing",
            "NOT ok:true",
            "tags:(red AND green)",
            "source.ip:\"192.168.0.0/16\"",
            "nothing-like-it",
        ] {
            assert!(!holds(text), "{text}");
        }
    }

    #[test]
    fn a_table_of_fields_means_what_it_says() {
        let all_of = |fields: &[(&str, &str)]| Expression::all_of(fields.iter().copied()).matches(DOCUMENT);
        assert!(all_of(&[]));
        assert!(all_of(&[
            ("service.name", "guilds"),
            ("log.level", "err*"),
            ("ok", "true")
        ]));
        assert!(all_of(&[("message", "Connection*")]));
        assert!(!all_of(&[("message", "Connection")]));
        assert!(!all_of(&[("service.name", "guilds"), ("log.level", "warn")]));
    }

    #[test]
    fn what_is_no_condition_is_refused_with_the_reason() {
        for text in ["(a", "a AND", "f:", "message:/(/", "n:[1 2]"] {
            let error = Expression::parse(text).unwrap_err().to_string();
            assert!(error.contains(text), "{error}");
        }
        let many = "a:b ".repeat(MAX_CLAUSES + 1);
        assert!(Expression::parse(&many).unwrap_err().to_string().contains("256"));
    }

    #[test]
    fn what_is_no_object_has_no_fields() {
        let expression = Expression::parse("a:b").unwrap();
        for document in [&b""[..], b"null", b"[1]", b"{\"a\"", b"{\"a\":\"b", b"\xff"] {
            assert!(!expression.matches(document));
        }
        assert!(Expression::parse("NOT a:b").unwrap().matches(b"null"));
    }

    #[test]
    fn a_key_with_escapes_is_its_text() {
        assert!(Expression::parse("a\\\"b:1").unwrap().matches(br#"{"a\"b":1}"#));
        assert!(Expression::parse("é:1").unwrap().matches(br#"{"\u00e9":1}"#));
    }

    proptest! {
        #[test]
        fn any_condition_on_any_document_gives_an_answer(
            text in r#"[a-c:()\[\]{}"*?~^+\-!&|/\\<>=. TOAND0-9]{0,40}"#,
            document in any::<Vec<u8>>(),
        ) {
            if let Ok(expression) = Expression::parse(&text) {
                expression.matches(&document);
                expression.matches(DOCUMENT);
            }
        }
    }
}
