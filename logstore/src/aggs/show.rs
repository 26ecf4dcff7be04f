//! How values are written: `key_as_string`, `value_as_string`.

use serde_json::Value;

use crate::date::Millis;
use crate::date::format;
use crate::date::zone::Zone;

/// How a field's values are written.
#[derive(Debug, Clone)]
pub enum Show {
    /// As they are; then there is no `…_as_string`.
    Plain,
    /// `true` or `false`.
    Boolean,
    /// A date.
    Date {
        /// Its format; without one ISO.
        format: Option<String>,
        /// Zone of the shown time.
        zone: Zone,
    },
    /// A pattern of digits such as `#,##0.00`.
    Decimal(Decimal),
}

/// A pattern of digits, as of Java's `DecimalFormat`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decimal {
    prefix: String,
    suffix: String,
    /// Least digits before the point.
    whole: usize,
    /// Least and most digits behind it.
    fraction: (usize, usize),
    /// Digits between commas.
    group: Option<usize>,
    percent: bool,
}

// === impl Show ===

impl Show {
    /// The text of a number, when it is shown as text too.
    pub fn text(&self, value: f64) -> Option<String> {
        match self {
            Self::Plain => None,
            Self::Boolean => Some(if value == 0.0 { "false" } else { "true" }.to_owned()),
            #[expect(
                clippy::cast_possible_truncation,
                reason = "saturates, which is right for a date"
            )]
            Self::Date { .. } => Some(self.date(value as Millis)),
            Self::Decimal(pattern) => Some(pattern.write(value)),
        }
    }

    /// The text of a date.
    pub fn date(&self, at: Millis) -> String {
        match self {
            Self::Date { format, zone } => format::format(at, format.as_deref(), zone),
            #[expect(clippy::cast_precision_loss, reason = "dates are far below 2^53 milliseconds")]
            Self::Decimal(pattern) => pattern.write(at as f64),
            Self::Plain | Self::Boolean => at.to_string(),
        }
    }

    /// The text of a number where there must be one: of a key, of a percentile.
    pub fn key(&self, value: f64) -> String {
        self.text(value).unwrap_or_else(|| float_text(value))
    }
}

/// A number as Java writes a double.
pub fn float_text(value: f64) -> String {
    if value == f64::INFINITY {
        return "Infinity".to_owned();
    }
    if value == f64::NEG_INFINITY {
        return "-Infinity".to_owned();
    }
    let size = value.abs();
    if size != 0.0 && !(1e-3..1e7).contains(&size) {
        let text = format!("{value:E}");
        return match text.split_once('E') {
            Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0E{exponent}"),
            _ => text,
        };
    }
    format!("{value:?}")
}

/// A number as JSON; what JSON cannot write is null, or the word that Elasticsearch writes for it.
pub fn float_json(value: f64) -> Value {
    match serde_json::Number::from_f64(value) {
        Some(number) => Value::Number(number),
        None if value.is_nan() => Value::Null,
        None => Value::String(float_text(value)),
    }
}

// === impl Decimal ===

impl Decimal {
    /// Reads a pattern; `None`: it has no digits.
    pub fn parse(pattern: &str) -> Option<Self> {
        let positive = pattern.split(';').next()?;
        let is_digit = |c: char| matches!(c, '0' | '#' | ',' | '.');
        let start = positive.find(is_digit)?;
        let rest = positive.get(start..)?;
        let end = rest.find(|c| !is_digit(c)).unwrap_or(rest.len());
        let (digits, suffix) = rest.split_at(end);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let count = |text: &str, wanted: char| text.chars().filter(|c| *c == wanted).count();
        let literal = |text: &str| text.replace('\'', "");
        Some(Self {
            prefix: literal(positive.get(..start)?),
            suffix: literal(suffix),
            whole: count(whole, '0'),
            fraction: (count(fraction, '0'), fraction.len().min(17)),
            group: whole
                .rfind(',')
                .map(|at| whole.len() - at - 1)
                .filter(|size| *size > 0),
            percent: suffix.contains('%'),
        })
    }

    /// Writes a number.
    pub fn write(&self, value: f64) -> String {
        if !value.is_finite() {
            return float_text(value);
        }
        let value = if self.percent { value * 100.0 } else { value };
        let text = format!("{:.*}", self.fraction.1, value.abs());
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
        let mut fraction = fraction.to_owned();
        while fraction.len() > self.fraction.0 && fraction.ends_with('0') {
            fraction.pop();
        }
        let whole = if whole == "0" && self.whole == 0 && !fraction.is_empty() {
            ""
        } else {
            whole
        };
        let whole = format!("{whole:0>width$}", width = self.whole);
        let mut out = String::new();
        if value < 0.0 {
            out.push('-');
        }
        out.push_str(&self.prefix);
        for (place, digit) in whole.chars().enumerate() {
            let left = whole.len() - place;
            if place > 0 && self.group.is_some_and(|group| left.is_multiple_of(group)) {
                out.push(',');
            }
            out.push(digit);
        }
        if !fraction.is_empty() {
            out.push('.');
            out.push_str(&fraction);
        }
        out.push_str(&self.suffix);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_digits_write_numbers() {
        for (pattern, value, expected) in [
            ("0.00", 2.468, "2.47"),
            ("0000.0", 42.0, "0042.0"),
            ("#,##0.##", 1_234_567.5, "1,234,567.5"),
            ("$0.00 each", 2.5, "$2.50 each"),
            ("0%", 0.25, "25%"),
            ("#.##", 0.5, ".5"),
            ("0", -7.0, "-7"),
        ] {
            assert_eq!(
                Decimal::parse(pattern).unwrap().write(value),
                expected,
                "{pattern}"
            );
        }
        assert_eq!(Decimal::parse("abc"), None);
    }

    #[test]
    fn numbers_are_written_as_java_writes_them() {
        assert_eq!(float_text(50.0), "50.0");
        assert_eq!(float_text(99.9), "99.9");
        assert_eq!(float_text(1e10), "1.0E10");
        assert_eq!(float_text(1.5e-5), "1.5E-5");
    }
}
