//! Numbers in few columns: `1.2k`, `3d04h`, `120M`.

/// A rate or another number that need not be exact: `0`, `0.4`, `503`, `1.2k`, `3.4M`.
pub(super) fn short(value: f64) -> String {
    match value {
        value if !value.is_finite() => "-".to_owned(),
        value if value.abs() >= 9_999_500.0 => format!("{:.0}M", value / 1e6),
        value if value.abs() >= 999_500.0 => format!("{:.1}M", value / 1e6),
        value if value.abs() >= 9_999.5 => format!("{:.0}k", value / 1e3),
        value if value.abs() >= 999.5 => format!("{:.1}k", value / 1e3),
        0.0 => "0".to_owned(),
        value if value.abs() < 9.95 => format!("{value:.1}"),
        value => format!("{value:.0}"),
    }
}

/// A count: `0`, `310`, `18.2k`.
pub(super) fn count(value: u64) -> String {
    match value {
        0..1000 => value.to_string(),
        1000..100_000 => format!("{}.{}k", value / 1000, value % 1000 / 100),
        100_000..1_000_000 => format!("{}k", value / 1000),
        _ => format!("{}.{}M", value / 1_000_000, value % 1_000_000 / 100_000),
    }
}

/// A count with all its digits in groups: `1,284`.
pub(super) fn exact(value: u64) -> String {
    let digits = value.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Memory: `812K`, `120M`, `1.4G`.
pub(super) fn bytes(value: u64) -> String {
    match value {
        0 => "-".to_owned(),
        value if value < 1 << 20 => format!("{}K", value >> 10),
        value if value < 1 << 30 => format!("{}M", value >> 20),
        value => format!("{}.{}G", value >> 30, ((value & ((1 << 30) - 1)) * 10) >> 30),
    }
}

/// A duration in two units: `0:41`, `2h03m`, `3d04h`.
pub(super) fn duration(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds {
        0..3600 => format!("{}:{:02}", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h{:02}m", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_within_five_columns() {
        let rates = [
            0.0, 0.4, 9.94, 9.96, 99.4, 503.0, 999.6, 1234.0, 9999.9, 123_456.0, 1e6, 3.4e7,
        ];
        for (value, text) in rates.map(|value| (value, short(value))) {
            assert!(text.len() <= 5, "{value} is written {text}");
        }
        assert_eq!([short(1234.0), short(9.96), short(f64::NAN)], ["1.2k", "10", "-"]);
        assert_eq!(
            [count(999), count(18_240), count(1_500_000)],
            ["999", "18.2k", "1.5M"]
        );
        assert_eq!(
            [exact(0), exact(1284), exact(1_234_567)],
            ["0", "1,284", "1,234,567"]
        );
        assert_eq!(
            [bytes(0), bytes(125_829_120), bytes(1_503_238_553)],
            ["-", "120M", "1.3G"]
        );
        assert_eq!(
            [duration(41_000), duration(7_380_000), duration(273_600_000)],
            ["0:41", "2h03m", "3d04h"]
        );
    }
}
