//! Go's time layouts, as far as names of indices need them: the reference time `2006-01-02 15` spelt out.

/// The `%`-pattern of a Go layout; the error names what cannot be said in one.
pub(super) fn pattern(layout: &str) -> Result<String, String> {
    const PARTS: &[(&str, &str)] = &[("2006", "%Y"), ("01", "%m"), ("02", "%d"), ("15", "%H")];
    // What Go would replace as well, and an index name here cannot have.
    const UNKNOWN: &[&str] = &["Jan", "Mon", "MST", "PM", "06", "03", "04", "05", "-07", "Z07"];
    let (mut pattern, mut rest) = (String::new(), layout);
    'next: while let Some(first) = rest.chars().next() {
        for (go, ours) in PARTS {
            if let Some(behind) = rest.strip_prefix(go) {
                pattern.push_str(ours);
                rest = behind;
                continue 'next;
            }
        }
        if let Some(part) = UNKNOWN.iter().find(|part| rest.starts_with(**part)) {
            return Err(format!(
                "the layout {layout:?} has {part:?}; an index name can have the year 2006, the month 01, the day 02 and the hour 15"
            ));
        }
        if first == '%' {
            return Err(format!(
                "the layout {layout:?} has '%', which no index name can have"
            ));
        }
        pattern.push(first);
        rest = &rest[first.len_utf8()..];
    }
    Ok(pattern)
}
