//! Reads `settings.analysis`: analyzers, normalizers and their parts, built-in and defined.

use std::collections::HashMap;
use std::sync::Arc;

use regex::Regex;
use serde_json::{Map, Value};

use super::analyzer::Analyzer;
use super::chars::CharFilter;
use super::filter::{ENGLISH_STOP_WORDS, Filter};
use super::split::{CharKind, Splitter};
use crate::error::{ApiError, ApiResult};

/// Elasticsearch's `max_token_length` of the standard tokenizer.
const MAX_TOKEN: usize = 255;

/// Where analysis stands in an index's flat settings.
const PREFIX: &str = "index.analysis.";

/// The analyzers and normalizers that a mapping may name.
#[derive(Debug, Clone, Default)]
pub struct Analysis {
    analyzers: HashMap<String, Arc<Analyzer>>,
    normalizers: HashMap<String, Arc<Analyzer>>,
}

/// The parameters of one defined part, and who it is, for errors.
struct Part<'a> {
    kind: &'static str,
    name: &'a str,
    params: &'a Map<String, Value>,
}

/// Defined parts by section (`filter`) and name.
type Sections = HashMap<String, HashMap<String, Map<String, Value>>>;

// === impl Analysis ===

impl Analysis {
    /// Reads what flat settings define.
    ///
    /// # Errors
    /// An `illegal_argument_exception` that names the part that cannot be made.
    pub fn of(flat: &Map<String, Value>) -> ApiResult<Self> {
        let mut sections: Sections = HashMap::new();
        for (key, value) in flat {
            let Some((section, rest)) = key.strip_prefix(PREFIX).and_then(|rest| rest.split_once('.')) else {
                continue;
            };
            let Some((name, parameter)) = rest.rsplit_once('.') else {
                continue;
            };
            // Lists may come as `stopwords.0`, `stopwords.1`.
            let (name, parameter) = match parameter.parse::<usize>() {
                Ok(_) => name.rsplit_once('.').unwrap_or((name, parameter)),
                Err(_) => (name, parameter),
            };
            let params = sections
                .entry(section.to_owned())
                .or_default()
                .entry(name.to_owned())
                .or_default();
            match (params.get_mut(parameter), value) {
                (Some(Value::Array(list)), value) => list.push(value.clone()),
                (None, value)
                    if rest.ends_with(|c: char| c.is_ascii_digit()) && !rest.ends_with(parameter) =>
                {
                    params.insert(parameter.to_owned(), Value::Array(vec![value.clone()]));
                }
                _ => {
                    params.insert(parameter.to_owned(), value.clone());
                }
            }
        }
        let mut analysis = Self::default();
        for (name, params) in sections.get("analyzer").into_iter().flatten() {
            let part = Part {
                kind: "analyzer",
                name,
                params,
            };
            analysis
                .analyzers
                .insert(name.clone(), Arc::new(defined(&part, &sections)?));
        }
        for (name, params) in sections.get("normalizer").into_iter().flatten() {
            let part = Part {
                kind: "normalizer",
                name,
                params,
            };
            let mut normalizer = Analyzer::new(name, Splitter::Keyword, filters(&part, &sections)?);
            normalizer.chars = char_filters(&part, &sections)?;
            analysis.normalizers.insert(name.clone(), Arc::new(normalizer));
        }
        Ok(analysis)
    }

    /// An analyzer by its name.
    pub fn analyzer(&self, name: &str) -> Option<Arc<Analyzer>> {
        self.analyzers
            .get(name)
            .cloned()
            .or_else(|| builtin(name).map(Arc::new))
    }

    /// A normalizer by its name.
    pub fn normalizer(&self, name: &str) -> Option<Arc<Analyzer>> {
        let known = self.normalizers.get(name).cloned();
        known.or_else(|| {
            (name == "lowercase")
                .then(|| Arc::new(Analyzer::new(name, Splitter::Keyword, vec![Filter::Lowercase])))
        })
    }

    /// An analyzer that a request describes without naming it (`_analyze` with `tokenizer` and `filter`).
    ///
    /// # Errors
    /// Names the part that is not known.
    pub fn ad_hoc(tokenizer: &str, filters: &[Value], char_filters: &[&str]) -> ApiResult<Analyzer> {
        let none = Map::new();
        let part = |kind, name| Part {
            kind,
            name,
            params: &none,
        };
        let filters = filters
            .iter()
            .map(|spec| match spec {
                Value::Object(params) => {
                    let kind = params.get("type").and_then(Value::as_str).unwrap_or_default();
                    let own = Part {
                        kind: "filter",
                        name: "__anonymous__",
                        params,
                    };
                    filter(kind, &own)
                }
                named => {
                    let name = named.as_str().unwrap_or_default();
                    filter(name, &part("filter", name))
                }
            })
            .collect::<ApiResult<_>>()?;
        let mut analyzer = Analyzer::new(
            "_anonymous",
            splitter(tokenizer, &part("tokenizer", tokenizer))?,
            filters,
        );
        analyzer.chars = char_filters
            .iter()
            .map(|name| char_filter(name, &part("char_filter", name)))
            .collect::<ApiResult<_>>()?;
        Ok(analyzer)
    }
}

fn builtin(name: &str) -> Option<Analyzer> {
    let lower = || vec![Filter::Lowercase];
    let standard = Splitter::Standard(MAX_TOKEN);
    let mut analyzer = match name {
        "standard" | "default" => Analyzer::new(name, standard, lower()),
        "simple" => Analyzer::new(name, Splitter::Letter, lower()),
        "whitespace" => Analyzer::new(name, Splitter::Whitespace, Vec::new()),
        "keyword" => Analyzer::new(name, Splitter::Keyword, Vec::new()),
        "stop" => Analyzer::new(
            name,
            Splitter::Letter,
            vec![Filter::Lowercase, Filter::english_stop()],
        ),
        "pattern" => Analyzer::new(name, Splitter::Pattern(Regex::new(r"\W+").ok()?, None), lower()),
        "english" => Analyzer::new(name, standard, english(Filter::english_stop())),
        _ => return None,
    };
    analyzer.builtin_standard = matches!(name, "standard" | "default");
    Some(analyzer)
}

fn english(stop: Filter) -> Vec<Filter> {
    vec![
        Filter::Possessive,
        Filter::Lowercase,
        stop,
        Filter::english_stems(),
    ]
}

fn defined(part: &Part<'_>, sections: &Sections) -> ApiResult<Analyzer> {
    let kind = part.text("type").unwrap_or_else(|| "custom".to_owned());
    if kind == "custom" {
        let tokenizer = part.text("tokenizer").ok_or_else(|| {
            ApiError::argument(format!(
                "analyzer [{}] must specify either an analyzer type, or a tokenizer",
                part.name
            ))
        })?;
        let splitter = match sections.get("tokenizer").and_then(|known| known.get(&tokenizer)) {
            Some(params) => {
                let part = Part {
                    kind: "tokenizer",
                    name: &tokenizer,
                    params,
                };
                splitter(&part.kind_of(&tokenizer), &part)?
            }
            None => splitter(
                &tokenizer,
                &Part {
                    kind: "tokenizer",
                    name: &tokenizer,
                    params: &Map::new(),
                },
            )?,
        };
        let mut analyzer = Analyzer::new(part.name, splitter, filters(part, sections)?);
        analyzer.chars = char_filters(part, sections)?;
        return Ok(analyzer);
    }
    let mut analyzer = builtin(&kind).ok_or_else(|| part.unknown(&kind))?;
    part.name.clone_into(&mut analyzer.name);
    analyzer.builtin_standard &= part.params.keys().all(|key| key == "type");
    if let Some(longest) = part.number("max_token_length")? {
        analyzer.splitter = Splitter::Standard(longest);
    }
    if let Some(pattern) = part.text("pattern") {
        analyzer.splitter = Splitter::Pattern(part.regex(&pattern)?, None);
    }
    if part.text("lowercase").as_deref() == Some("false") {
        analyzer
            .filters
            .retain(|filter| !matches!(filter, Filter::Lowercase));
    }
    if part.params.contains_key("stopwords") {
        let words = stop(part, &[]);
        match analyzer
            .filters
            .iter_mut()
            .find(|filter| matches!(filter, Filter::Stop(..)))
        {
            Some(old) => *old = words,
            None => analyzer.filters.push(words),
        }
    }
    Ok(analyzer)
}

fn filters(part: &Part<'_>, sections: &Sections) -> ApiResult<Vec<Filter>> {
    let defined = sections.get("filter");
    let of = |name: &String| match defined.and_then(|known| known.get(name)) {
        Some(params) => {
            let part = Part {
                kind: "filter",
                name,
                params,
            };
            filter(&part.kind_of(name), &part)
        }
        None => filter(
            name,
            &Part {
                kind: "filter",
                name,
                params: &Map::new(),
            },
        )
        .map_err(|_| {
            ApiError::argument(format!(
                "Custom {} [{}] failed to find filter under name [{name}]",
                part.kind, part.name
            ))
        }),
    };
    part.list("filter").iter().map(of).collect()
}

fn char_filters(part: &Part<'_>, sections: &Sections) -> ApiResult<Vec<CharFilter>> {
    let defined = sections.get("char_filter");
    let of = |name: &String| match defined.and_then(|known| known.get(name)) {
        Some(params) => {
            let part = Part {
                kind: "char_filter",
                name,
                params,
            };
            char_filter(&part.kind_of(name), &part)
        }
        None => char_filter(
            name,
            &Part {
                kind: "char_filter",
                name,
                params: &Map::new(),
            },
        )
        .map_err(|_| {
            ApiError::argument(format!(
                "Custom {} [{}] failed to find char_filter under name [{name}]",
                part.kind, part.name
            ))
        }),
    };
    part.list("char_filter").iter().map(of).collect()
}

fn splitter(kind: &str, part: &Part<'_>) -> ApiResult<Splitter> {
    Ok(match kind {
        "standard" => Splitter::Standard(part.number("max_token_length")?.unwrap_or(MAX_TOKEN)),
        "keyword" => Splitter::Keyword,
        "whitespace" => Splitter::Whitespace,
        "letter" | "lowercase" => Splitter::Letter,
        "pattern" | "simple_pattern_split" => {
            let pattern = part.regex(&part.text("pattern").unwrap_or_else(|| r"\W+".to_owned()))?;
            let group = part.text("group").and_then(|group| group.parse().ok());
            Splitter::Pattern(pattern, group)
        }
        "simple_pattern" => {
            Splitter::Pattern(part.regex(&part.text("pattern").unwrap_or_default())?, Some(0))
        }
        "char_group" => {
            let marks = part.list("tokenize_on_chars");
            Splitter::Chars(
                marks
                    .iter()
                    .flat_map(|mark| match mark.as_str() {
                        "whitespace" => vec![' ', '\t', '\n', '\r'],
                        "\\n" => vec!['\n'],
                        "\\t" => vec!['\t'],
                        mark => mark.chars().collect(),
                    })
                    .collect(),
            )
        }
        "ngram" | "nGram" | "edge_ngram" | "edgeNGram" => {
            let (min, max) = part.grams()?;
            let kinds = part
                .list("token_chars")
                .into_iter()
                .map(|kind| match kind.as_str() {
                    "letter" => Ok(CharKind::Letter),
                    "digit" => Ok(CharKind::Digit),
                    "whitespace" => Ok(CharKind::Whitespace),
                    "punctuation" => Ok(CharKind::Punctuation),
                    "symbol" => Ok(CharKind::Symbol),
                    other => Err(ApiError::argument(format!("Unknown token type: '{other}'"))),
                });
            Splitter::Ngram {
                min,
                max,
                edge: kind.starts_with("edge"),
                kinds: kinds.collect::<ApiResult<_>>()?,
            }
        }
        "path_hierarchy" | "PathHierarchy" => Splitter::Path(
            part.text("delimiter")
                .and_then(|text| text.chars().next())
                .unwrap_or('/'),
        ),
        other => return Err(part.unknown(other)),
    })
}

fn filter(kind: &str, part: &Part<'_>) -> ApiResult<Filter> {
    Ok(match kind {
        "lowercase" => Filter::Lowercase,
        "uppercase" => Filter::Uppercase,
        "asciifolding" => Filter::ascii_folding(),
        "stop" => stop(part, ENGLISH_STOP_WORDS),
        "porter_stem" | "kstem" => Filter::english_stems(),
        "stemmer" | "snowball" => match part
            .text("language")
            .or_else(|| part.text("name"))
            .unwrap_or_default()
            .to_lowercase()
            .as_str()
        {
            "" | "english" | "light_english" | "porter" | "porter2" | "minimal_english" => {
                Filter::english_stems()
            }
            "possessive_english" => Filter::Possessive,
            other => return Err(part.unknown(other)),
        },
        "trim" => Filter::Trim,
        "length" => Filter::Length(
            part.number("min")?.unwrap_or(0),
            part.number("max")?.unwrap_or(usize::MAX),
        ),
        "truncate" => Filter::Truncate(part.number("length")?.unwrap_or(10)),
        "unique" => Filter::Unique(part.text("only_on_same_position").as_deref() == Some("true")),
        "reverse" => Filter::Reverse,
        "pattern_replace" => Filter::PatternReplace(
            part.regex(&part.text("pattern").unwrap_or_default())?,
            part.text("replacement").unwrap_or_default(),
            part.text("all").as_deref() != Some("false"),
        ),
        "ngram" | "nGram" | "edge_ngram" | "edgeNGram" => {
            let (min, max) = part.grams()?;
            Filter::Ngram(min, max, kind.starts_with("edge"))
        }
        other => return Err(part.unknown(other)),
    })
}

fn char_filter(kind: &str, part: &Part<'_>) -> ApiResult<CharFilter> {
    Ok(match kind {
        "html_strip" => CharFilter::HtmlStrip,
        "mapping" => {
            let mut pairs = Vec::new();
            for rule in part.list("mappings") {
                let (from, to) = rule
                    .split_once("=>")
                    .ok_or_else(|| ApiError::argument(format!("Invalid Mapping Rule : [{rule}]")))?;
                pairs.push((from.trim().to_owned(), to.trim().to_owned()));
            }
            // The longest left side that fits is meant.
            pairs.sort_by_key(|(from, _)| std::cmp::Reverse(from.len()));
            pairs.retain(|(from, _)| !from.is_empty());
            CharFilter::Mapping(pairs)
        }
        "pattern_replace" => CharFilter::PatternReplace(
            part.regex(&part.text("pattern").unwrap_or_default())?,
            part.text("replacement").unwrap_or_default(),
        ),
        other => return Err(part.unknown(other)),
    })
}

fn stop(part: &Part<'_>, default: &[&str]) -> Filter {
    let listed = part.list("stopwords");
    let ignore_case = part.text("ignore_case").as_deref() == Some("true");
    let named = match listed.as_slice() {
        [] => Some(default),
        [one] if one == "_english_" => Some(ENGLISH_STOP_WORDS),
        [one] if one == "_none_" => Some(&[][..]),
        _ => None,
    };
    let words = match named {
        Some(words) => words.iter().map(|word| (*word).to_owned()).collect(),
        None => listed
            .into_iter()
            .map(|word| if ignore_case { word.to_lowercase() } else { word })
            .collect(),
    };
    Filter::Stop(words, ignore_case)
}

// === impl Part ===

impl Part<'_> {
    fn text(&self, key: &str) -> Option<String> {
        match self.params.get(key)? {
            Value::String(text) => Some(text.clone()),
            Value::Null => None,
            other => Some(other.to_string()),
        }
    }

    /// A defined part without a `type` is of the type that its name says.
    fn kind_of(&self, name: &str) -> String {
        self.text("type").unwrap_or_else(|| name.to_owned())
    }

    /// A list, which settings may hold as a list, as its JSON in a string, or as one string with commas.
    fn list(&self, key: &str) -> Vec<String> {
        let as_text = |value: &Value| {
            value
                .as_str()
                .map_or_else(|| value.to_string(), ToOwned::to_owned)
        };
        match self.params.get(key) {
            Some(Value::Array(list)) => list.iter().map(as_text).collect(),
            Some(Value::String(text)) => match serde_json::from_str(text) {
                Ok(Value::Array(list)) => list.iter().map(as_text).collect(),
                _ if key == "mappings" => vec![text.clone()],
                _ => text
                    .split(',')
                    .map(|item| item.trim().to_owned())
                    .filter(|item| !item.is_empty())
                    .collect(),
            },
            _ => Vec::new(),
        }
    }

    fn number(&self, key: &str) -> ApiResult<Option<usize>> {
        self.text(key)
            .map(|text| {
                text.parse().map_err(|_| {
                    ApiError::argument(format!(
                        "Failed to parse value [{text}] for setting [{}.{}.{key}]",
                        self.kind, self.name
                    ))
                })
            })
            .transpose()
    }

    /// `min_gram` and `max_gram`, whose difference Elasticsearch bounds by one; we do by their number alone.
    fn grams(&self) -> ApiResult<(usize, usize)> {
        let (min, max) = (
            self.number("min_gram")?.unwrap_or(1),
            self.number("max_gram")?.unwrap_or(2),
        );
        if min == 0 || min > max || max > MAX_TOKEN {
            return Err(ApiError::argument(format!(
                "{} [{}]: min_gram [{min}] must be at least 1 and at most max_gram [{max}], which is at most {MAX_TOKEN}",
                self.kind, self.name
            )));
        }
        Ok((min, max))
    }

    fn regex(&self, pattern: &str) -> ApiResult<Regex> {
        Regex::new(pattern).map_err(|error| {
            ApiError::argument(format!(
                "{} [{}] has a pattern that cannot be used: {error}",
                self.kind, self.name
            ))
        })
    }

    fn unknown(&self, kind: &str) -> ApiError {
        ApiError::argument(format!("Unknown {} type [{kind}] for [{}]", self.kind, self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::settings::Settings;
    use serde_json::json;

    fn analysis(body: Value) -> ApiResult<Analysis> {
        let mut settings = Settings::default();
        settings.merge(&json!({ "analysis": body })).unwrap();
        Analysis::of(settings.flat())
    }

    fn words(analyzer: &Analyzer, text: &str) -> Vec<String> {
        analyzer
            .tokens(text)
            .into_iter()
            .map(|token| token.text)
            .collect()
    }

    #[test]
    fn the_built_in_analyzers_do_what_elasticsearchs_do() {
        let text = "The 2 QUICK Brown-Foxes jumped over the lazy dog's bone.";
        let of = |name| words(&Analysis::default().analyzer(name).unwrap(), text);
        assert_eq!(
            of("simple"),
            [
                "the", "quick", "brown", "foxes", "jumped", "over", "the", "lazy", "dog", "s", "bone"
            ]
        );
        assert_eq!(of("whitespace")[3], "Brown-Foxes");
        assert_eq!(
            of("stop"),
            [
                "quick", "brown", "foxes", "jumped", "over", "lazy", "dog", "s", "bone"
            ]
        );
        assert_eq!(of("keyword"), [text]);
        assert_eq!(
            of("english"),
            [
                "2", "quick", "brown", "fox", "jump", "over", "lazi", "dog", "bone"
            ]
        );
        assert_eq!(of("standard").len(), 11);
        assert!(Analysis::default().analyzer("klingon").is_none());
    }

    #[test]
    fn defined_analyzers_are_made_of_their_parts() {
        let analysis = analysis(json!({
            "char_filter": {"arrows": {"type": "mapping", "mappings": ["=> => gt"]}, "dashes": {"type": "pattern_replace", "pattern": "-", "replacement": " "}},
            "tokenizer": {"commas": {"type": "pattern", "pattern": ","}, "grams": {"type": "ngram", "min_gram": 3, "max_gram": 3}},
            "filter": {"mine": {"type": "stop", "stopwords": ["foo", "bar"]}},
            "analyzer": {
                "listed": {"type": "custom", "tokenizer": "commas", "filter": ["lowercase", "trim", "mine"]},
                "tri": {"tokenizer": "grams", "filter": "lowercase"},
                "plain": {"type": "custom", "tokenizer": "standard", "char_filter": ["dashes"], "filter": ["lowercase", "asciifolding"]},
                "short": {"type": "standard", "max_token_length": 5, "stopwords": "_english_"},
            },
            "normalizer": {"folded": {"type": "custom", "filter": ["lowercase", "asciifolding"]}},
        })).unwrap();
        let of = |name, text| words(&analysis.analyzer(name).unwrap(), text);
        assert_eq!(of("listed", "Foo, BAZ"), ["baz"]);
        assert_eq!(of("tri", "ABCD"), ["abc", "bcd"]);
        assert_eq!(of("plain", "Café-au-lait"), ["cafe", "au", "lait"]);
        assert_eq!(of("short", "the Jumped"), ["jumpe", "d"]);
        assert_eq!(analysis.normalizer("folded").unwrap().normalize("Çé X"), "ce x");
        assert_eq!(
            analysis.analyzer("listed").unwrap().tokens("foo,b")[0].position,
            1,
            "a stop word leaves a gap"
        );
    }

    #[test]
    fn what_is_not_known_is_named() {
        let error =
            analysis(json!({"analyzer": {"a": {"tokenizer": "standard", "filter": ["nope"]}}})).unwrap_err();
        assert!(
            error.reason.contains("failed to find filter under name [nope]"),
            "{error}"
        );
        let error = analysis(json!({"analyzer": {"a": {"type": "klingon"}}})).unwrap_err();
        assert!(error.reason.contains("[klingon]"), "{error}");
        assert!(analysis(json!({"tokenizer": {"g": {"type": "ngram", "min_gram": 4}}, "analyzer": {"a": {"tokenizer": "g"}}})).is_err());
    }
}
