//! Cuts Lucene syntax into tokens.

use crate::node::Flavor;

/// A token.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token {
    /// `(`
    Open,
    /// `)`
    Close,
    /// `AND`, `&&`; `+` between words in the simple flavour.
    And,
    /// `OR`, `||`; `|` in the simple flavour.
    Or,
    /// `NOT`, `!`.
    Not,
    /// `+`
    Plus,
    /// `-`
    Minus,
    /// `field:`
    Field(String),
    /// A word; still escaped, so that wildcards can be told from escaped stars.
    Word(String),
    /// `"a phrase"`
    Quoted(String),
    /// `/a regexp/`
    Regexp(String),
    /// `[a TO b}`
    Range {
        /// Lower bound; `None` for `*`.
        from: Option<String>,
        /// Whether the lower bound is included.
        from_included: bool,
        /// Upper bound; `None` for `*`.
        to: Option<String>,
        /// Whether the upper bound is included.
        to_included: bool,
    },
    /// `>=5`
    Compare {
        /// `>` rather than `<`.
        greater: bool,
        /// With `=`.
        included: bool,
        /// The bound.
        value: String,
    },
    /// `^2`
    Boost(f32),
    /// `~` or `~2`
    Tilde(Option<f32>),
}

/// Cuts a text; an error says at which character.
pub(crate) fn lex(text: &str, flavor: Flavor) -> Result<Vec<Token>, String> {
    let chars: Vec<char> = text.chars().collect();
    let mut lexer = Lexer {
        chars: &chars,
        at: 0,
        flavor,
    };
    let mut tokens = Vec::new();
    while let Some(token) = lexer.next(tokens.last())? {
        tokens.push(token);
    }
    Ok(tokens)
}

struct Lexer<'a> {
    chars: &'a [char],
    at: usize,
    flavor: Flavor,
}

/// Characters that end a word.
fn ends_word(c: char) -> bool {
    c.is_whitespace() || matches!(c, '(' | ')' | '[' | ']' | '{' | '}' | '"' | ':' | '^' | '~')
}

/// Resolves escapes.
pub fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.extend(chars.next()),
            c => out.push(c),
        }
    }
    out
}

/// Whether a word has a wildcard that is not escaped.
pub fn has_wildcard(text: &str) -> bool {
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                chars.next();
            }
            '*' | '?' => return true,
            _ => {}
        }
    }
    false
}

impl Lexer<'_> {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn next(&mut self, before: Option<&Token>) -> Result<Option<Token>, String> {
        while self.peek(0).is_some_and(char::is_whitespace) {
            self.at += 1;
        }
        let Some(c) = self.peek(0) else { return Ok(None) };
        let simple = self.flavor == Flavor::Simple;
        let one = |lexer: &mut Self, token| {
            lexer.at += 1;
            Ok(Some(token))
        };
        match c {
            '(' => one(self, Token::Open),
            ')' => one(self, Token::Close),
            '+' if simple => one(self, Token::And),
            '|' if simple => one(self, Token::Or),
            '+' => one(self, Token::Plus),
            '-' => one(self, Token::Minus),
            '!' if !simple => one(self, Token::Not),
            '&' if self.peek(1) == Some('&') => {
                self.at += 2;
                Ok(Some(Token::And))
            }
            '|' if self.peek(1) == Some('|') => {
                self.at += 2;
                Ok(Some(Token::Or))
            }
            '"' => self.quoted().map(Some),
            '^' | '~' => {
                self.at += 1;
                let number = self.number();
                Ok(Some(if c == '~' {
                    Token::Tilde(number)
                } else {
                    Token::Boost(number.unwrap_or(1.0))
                }))
            }
            '[' | '{' if !simple => self.range().map(Some),
            '/' if !simple => self.regexp().map(Some),
            '>' | '<' if !simple && matches!(before, Some(Token::Field(_))) => {
                Ok(Some(self.compare(c == '>')))
            }
            ':' | '[' | '{' | ']' | '}' if simple => {
                self.at += 1;
                self.next(before)
            }
            ':' | ']' | '}' => Err(format!("Encountered \"{c}\" at column {}", self.at)),
            _ => Ok(Some(self.word())),
        }
    }

    fn number(&mut self) -> Option<f32> {
        let start = self.at;
        while self.peek(0).is_some_and(|c| c.is_ascii_digit() || c == '.') {
            self.at += 1;
        }
        self.chars[start..self.at].iter().collect::<String>().parse().ok()
    }

    /// Reads up to an unescaped end character, and over it.
    fn until(&mut self, end: char, what: &str) -> Result<String, String> {
        let start = self.at;
        self.at += 1;
        let mut text = String::new();
        while let Some(c) = self.peek(0) {
            self.at += 1;
            if c == '\\' {
                text.push(c);
                text.extend(self.peek(0));
                self.at += 1;
            } else if c == end {
                return Ok(text);
            } else {
                text.push(c);
            }
        }
        if self.flavor == Flavor::Simple {
            return Ok(text);
        }
        Err(format!("{what} that starts at column {start} is not closed"))
    }

    fn quoted(&mut self) -> Result<Token, String> {
        self.until('"', "a quotation")
            .map(|text| Token::Quoted(unescape(&text)))
    }

    fn regexp(&mut self) -> Result<Token, String> {
        self.until('/', "a regexp")
            .map(|text| Token::Regexp(text.replace("\\/", "/")))
    }

    fn range(&mut self) -> Result<Token, String> {
        let start = self.at;
        let from_included = self.peek(0) == Some('[');
        self.at += 1;
        let mut parts = Vec::new();
        loop {
            while self.peek(0).is_some_and(char::is_whitespace) {
                self.at += 1;
            }
            match self.peek(0) {
                None => return Err(format!("a range that starts at column {start} is not closed")),
                Some(close @ (']' | '}')) => {
                    self.at += 1;
                    let [from, to, word] =
                        [0, 2, 1].map(|place| parts.get(place).cloned().unwrap_or_default());
                    if parts.len() != 3 || word != "TO" {
                        return Err(format!("a range at column {start} is not of the form [a TO b]"));
                    }
                    let bound = |text: String| (text != "*").then_some(text);
                    return Ok(Token::Range {
                        from: bound(from),
                        from_included,
                        to: bound(to),
                        to_included: close == ']',
                    });
                }
                Some('"') => match self.quoted()? {
                    Token::Quoted(text) => parts.push(text),
                    other => return Err(format!("unexpected {other:?} in a range")),
                },
                Some(_) => {
                    let from = self.at;
                    while self
                        .peek(0)
                        .is_some_and(|c| !c.is_whitespace() && c != ']' && c != '}')
                    {
                        self.at += if self.peek(0) == Some('\\') { 2 } else { 1 };
                    }
                    self.at = self.at.min(self.chars.len());
                    parts.push(unescape(&self.chars[from..self.at].iter().collect::<String>()));
                }
            }
        }
    }

    fn compare(&mut self, greater: bool) -> Token {
        self.at += 1;
        let included = self.peek(0) == Some('=');
        if included {
            self.at += 1;
        }
        while self.peek(0).is_some_and(char::is_whitespace) {
            self.at += 1;
        }
        let value = match self.peek(0) {
            Some('"') => match self.quoted() {
                Ok(Token::Quoted(text)) => text,
                _ => String::new(),
            },
            _ => {
                let from = self.at;
                // A bound may be a time of day, so a colon does not end it.
                while self.peek(0).is_some_and(|c| !c.is_whitespace() && c != ')') {
                    self.at += 1;
                }
                self.chars[from..self.at].iter().collect()
            }
        };
        Token::Compare {
            greater,
            included,
            value: unescape(&value),
        }
    }

    fn word(&mut self) -> Token {
        let start = self.at;
        while let Some(c) = self.peek(0) {
            if c == '\\' {
                self.at += 2;
                continue;
            }
            if ends_word(c) || (self.flavor == Flavor::Simple && c == '|') {
                break;
            }
            self.at += 1;
        }
        self.at = self.at.min(self.chars.len());
        if self.at == start {
            // A character that starts nothing stands for itself.
            self.at += 1;
        }
        let word: String = self.chars[start..self.at].iter().collect();
        if self.flavor == Flavor::Full {
            if self.peek(0) == Some(':') {
                self.at += 1;
                return Token::Field(unescape(&word));
            }
            match word.as_str() {
                "AND" => return Token::And,
                "OR" => return Token::Or,
                "NOT" => return Token::Not,
                _ => {}
            }
        }
        Token::Word(word)
    }
}
