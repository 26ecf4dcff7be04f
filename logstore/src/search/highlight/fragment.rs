//! Cuts a text into fragments around its matches: sentences, joined up to the wanted size, or cut at words where a
//! sentence is longer. The better fragments win by Elasticsearch's passage score.

use super::marks::Span;
use super::options::Options;

/// Parameters of the passage score, Lucene's.
const K1: f64 = 1.2;
const B: f64 = 0.75;
const PIVOT: f64 = 87.0;

/// A piece of one text.
struct Passage<'a> {
    value: usize,
    start: usize,
    end: usize,
    spans: Vec<&'a Span>,
    score: f64,
}

/// A text by characters: sizes are in characters, slices in bytes.
struct Text<'a> {
    text: &'a str,
    /// Where each character starts, and the end.
    starts: Vec<usize>,
}

/// The fragments of the values of a field.
pub fn fragments(texts: &[String], spans: &[Vec<Span>], options: &Options) -> Vec<String> {
    if spans.iter().all(Vec::is_empty) {
        return no_match(texts, options);
    }
    if options.number_of_fragments == 0 {
        return texts
            .iter()
            .zip(spans)
            .filter(|(_, spans)| !spans.is_empty())
            .map(|(text, spans)| {
                let spans: Vec<&Span> = spans.iter().collect();
                tagged(text, 0, text.len(), &spans, options)
            })
            .collect();
    }
    let size = if options.fragment_size == 0 {
        usize::MAX
    } else {
        options.fragment_size
    };
    let mut passages: Vec<Passage<'_>> = Vec::new();
    let mut offset = 0;
    for (value, (text, spans)) in texts.iter().zip(spans).enumerate() {
        cut(value, text, spans, size, &mut passages);
        for passage in passages.iter_mut().filter(|passage| passage.value == value) {
            score(passage, text.chars().count(), offset, spans);
        }
        offset += text.chars().count() + 1;
    }
    passages.sort_by(|a, b| b.score.total_cmp(&a.score));
    passages.truncate(options.number_of_fragments);
    if !options.by_score {
        passages.sort_by_key(|passage| (passage.value, passage.start));
    }
    passages
        .iter()
        .map(|passage| {
            let text = &texts[passage.value];
            tagged(text, passage.start, passage.end, &passage.spans, options)
        })
        .collect()
}

fn no_match(texts: &[String], options: &Options) -> Vec<String> {
    let Some(text) = texts.first().filter(|_| options.no_match_size > 0) else {
        return Vec::new();
    };
    let text = Text::new(text);
    let end = text
        .next_word_edge(options.no_match_size.saturating_sub(1))
        .min(text.len());
    let shown = text.slice(0, end);
    vec![escaped(shown.trim(), options.html)]
}

fn cut<'a>(value: usize, text: &str, spans: &'a [Span], size: usize, out: &mut Vec<Passage<'a>>) {
    let text = Text::new(text);
    for span in spans {
        if let Some(last) = out.last_mut()
            && last.value == value
            && span.start < last.end
        {
            last.spans.push(span);
            continue;
        }
        let at = text.char_at(span.start);
        let (mut start, mut end) = (text.sentence_start(at), text.sentence_end(at));
        if let Some(last) = out.last().filter(|last| last.value == value) {
            start = start.max(text.char_at(last.end));
        }
        while end - start < size && end < text.len() {
            let further = text.sentence_end(end);
            if further - start > size {
                break;
            }
            end = further;
        }
        if end - start > size {
            if at > size && at - size > start {
                start = start.max(text.word_edge_before(at - size));
            }
            let left = size.saturating_sub(at - start);
            if at + left < end {
                end = end
                    .min(text.next_word_edge(at + left))
                    .max(text.char_at(span.end));
            }
        }
        out.push(Passage {
            value,
            start: text.starts[start],
            end: text.starts[end],
            spans: vec![span],
            score: 0.0,
        });
    }
}

#[expect(clippy::cast_precision_loss, reason = "lengths of texts")]
fn score(passage: &mut Passage<'_>, length: usize, offset: usize, all: &[Span]) {
    let size = (passage.end - passage.start) as f64;
    let documents = 1.0 + length as f64 / PIVOT;
    let mut terms: Vec<&str> = passage.spans.iter().map(|span| span.term.as_str()).collect();
    terms.sort_unstable();
    let mut sum = 0.0;
    for same in terms.chunk_by(|a, b| a == b) {
        let everywhere = all.iter().filter(|span| span.term == same[0]).count() as f64;
        let weight = (K1 + 1.0) * (1.0 + (documents + 0.5) / (everywhere + 0.5)).ln();
        let count = same.len() as f64;
        sum += weight * count / (count + K1 * ((1.0 - B) + B * (size / PIVOT)));
    }
    let norm = 1.0 + 1.0 / (PIVOT + (offset + passage.start) as f64).ln();
    passage.score = norm * sum;
}

fn tagged(text: &str, start: usize, end: usize, spans: &[&Span], options: &Options) -> String {
    let mut out = String::with_capacity(end - start + spans.len() * 12);
    let mut at = start;
    for span in spans {
        if span.start < at || span.end > end {
            continue;
        }
        out.push_str(&escaped(&text[at..span.start], options.html));
        out.push_str(&options.pre_tag);
        out.push_str(&escaped(&text[span.start..span.end], options.html));
        out.push_str(&options.post_tag);
        at = span.end;
    }
    out.push_str(&escaped(&text[at..end], options.html));
    out.trim().to_owned()
}

fn escaped(text: &str, html: bool) -> String {
    if !html {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#x27;"),
            '/' => out.push_str("&#x2F;"),
            c => out.push(c),
        }
    }
    out
}

// === impl Text ===

impl<'a> Text<'a> {
    fn new(text: &'a str) -> Self {
        let starts = text
            .char_indices()
            .map(|(at, _)| at)
            .chain([text.len()])
            .collect();
        Self { text, starts }
    }

    fn len(&self) -> usize {
        self.starts.len() - 1
    }

    fn char_at(&self, byte: usize) -> usize {
        self.starts.partition_point(|start| *start < byte)
    }

    fn slice(&self, from: usize, to: usize) -> &'a str {
        &self.text[self.starts[from]..self.starts[to]]
    }

    fn at(&self, place: usize) -> Option<char> {
        if place >= self.len() {
            return None;
        }
        self.slice(place, place + 1).chars().next()
    }

    /// Whether a sentence ends before a character: after a full stop and blanks, unless a small letter follows.
    fn is_sentence_edge(&self, place: usize) -> bool {
        if place == 0 || place >= self.len() {
            return true;
        }
        let before = self.at(place - 1);
        if matches!(before, Some('\n' | '\u{2029}')) {
            return true;
        }
        if !before.is_some_and(char::is_whitespace) || self.at(place).is_some_and(char::is_whitespace) {
            return false;
        }
        let mut back = place - 1;
        while back > 0 && self.at(back).is_some_and(char::is_whitespace) {
            back -= 1;
        }
        while back > 0 && matches!(self.at(back), Some(')' | '"' | '\'' | ']')) {
            back -= 1;
        }
        match self.at(back) {
            Some('!' | '?') => true,
            Some('.') => !self.at(place).is_some_and(char::is_lowercase),
            _ => false,
        }
    }

    fn sentence_start(&self, at: usize) -> usize {
        (0..=at)
            .rev()
            .find(|place| self.is_sentence_edge(*place))
            .unwrap_or(0)
    }

    fn sentence_end(&self, at: usize) -> usize {
        (at + 1..self.len())
            .find(|place| self.is_sentence_edge(*place))
            .unwrap_or(self.len())
    }

    /// Whether a word starts or ends before a character.
    fn is_word_edge(&self, place: usize) -> bool {
        let is_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        let (before, after) = (place.checked_sub(1).and_then(|at| self.at(at)), self.at(place));
        if is_word(before) && is_word(after) {
            return false;
        }
        // `10.0` and `x.log` are words.
        let joins = |c: Option<char>| matches!(c, Some('.' | '\'' | ',' | ':'));
        let word_at = |at: Option<usize>| is_word(at.and_then(|at| self.at(at)));
        !(joins(before) && is_word(after) && word_at(place.checked_sub(2))
            || is_word(before) && joins(after) && word_at(Some(place + 1)))
    }

    fn word_edge_before(&self, at: usize) -> usize {
        (0..at).rev().find(|place| self.is_word_edge(*place)).unwrap_or(0)
    }

    fn next_word_edge(&self, at: usize) -> usize {
        (at + 1..self.len())
            .find(|place| self.is_word_edge(*place))
            .unwrap_or(self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn spans(text: &str, words: &[&str]) -> Vec<Span> {
        let mut spans: Vec<Span> = words
            .iter()
            .flat_map(|word| {
                text.match_indices(word).map(|(start, _)| Span {
                    start,
                    end: start + word.len(),
                    term: (*word).to_owned(),
                })
            })
            .collect();
        spans.sort_by_key(|span| span.start);
        spans
    }

    fn cut_at(text: &str, words: &[&str], size: usize) -> Vec<String> {
        let options = Options {
            fragment_size: size,
            ..Options::default()
        };
        fragments(&[text.to_owned()], &[spans(text, words)], &options)
    }

    #[test]
    fn a_fragment_is_a_sentence_and_short_ones_are_joined() {
        let text = "The guild is slow. Nothing else happened here today. Another guild is fine.";
        assert_eq!(
            cut_at(text, &["guild"], 22),
            ["The <em>guild</em> is slow.", "Another <em>guild</em> is fine."]
        );
        assert_eq!(
            cut_at(text, &["guild"], 1_000),
            ["The <em>guild</em> is slow. Nothing else happened here today. Another <em>guild</em> is fine."]
        );
    }

    #[test]
    fn a_long_sentence_is_cut_at_words() {
        let text = "one two three four five six seven eight nine ten eleven twelve";
        let shown = cut_at(text, &["seven"], 12);
        assert_eq!(shown.len(), 1);
        assert!(
            shown[0].contains("<em>seven</em>") && shown[0].len() < 40,
            "{shown:?}"
        );
    }

    proptest! {
        #[test]
        fn fragments_without_tags_are_parts_of_the_text(text in "[aé .!\n]{0,60}", size in 0_usize..30, most in 0_usize..4) {
            let options = Options {
                fragment_size: size,
                number_of_fragments: most,
                pre_tag: String::new(),
                post_tag: String::new(),
                ..Options::default()
            };
            for shown in fragments(std::slice::from_ref(&text), &[spans(&text, &["a", "é"])], &options) {
                prop_assert!(text.contains(&shown));
            }
        }
    }
}
