//! How the number types narrower than 64 bits round what they are given.

/// The precision of a declared number type.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Numeric {
    /// As it is: whole numbers, `double`.
    #[default]
    Exact,
    /// `float`: 24 bits.
    Single,
    /// `half_float`: 11 bits.
    Half,
    /// `scaled_float`: a whole multiple of one over this.
    Scaled(f64),
    /// `token_count`: how many tokens the text has.
    Tokens,
    /// `unsigned_long`.
    Unsigned,
}

impl Numeric {
    /// The precision of a type by its name; `scaled_float`'s factor comes with the mapping.
    pub fn of_type(name: &str) -> Self {
        match name {
            "float" => Self::Single,
            "half_float" => Self::Half,
            "token_count" => Self::Tokens,
            "unsigned_long" => Self::Unsigned,
            _ => Self::Exact,
        }
    }

    /// The nearest number that the type holds; infinite if it is beyond the type's range.
    pub fn round(self, value: f64) -> f64 {
        match self {
            Self::Exact | Self::Tokens | Self::Unsigned => value,
            #[expect(clippy::cast_possible_truncation, reason = "rounding is what is asked for")]
            Self::Single => f64::from(value as f32),
            Self::Half => half(value),
            Self::Scaled(factor) => (value * factor).round() / factor,
        }
    }
}

/// The nearest IEEE 754 half-precision number, ties to even.
fn half(value: f64) -> f64 {
    const LARGEST: f64 = 65_504.0;
    const HALF_STEP: f64 = 16.0;
    let magnitude = value.abs();
    if magnitude >= LARGEST + HALF_STEP {
        return f64::INFINITY.copysign(value);
    }
    // Below 2^-14 numbers are subnormal: steps stay at 2^-24.
    let exponent = if magnitude < 2.0_f64.powi(-14) {
        -14.0
    } else {
        magnitude.log2().floor()
    };
    let step = 2.0_f64.powf(exponent - 10.0);
    (value / step).round_ties_even() * step
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_rounded_as_their_type_holds_them() {
        assert_eq!(Numeric::Single.round(0.1), 0.100_000_001_490_116_12);
        assert_eq!(Numeric::Half.round(0.1), 0.099_975_585_937_5);
        assert_eq!(Numeric::Half.round(65_504.0), 65_504.0);
        assert!(Numeric::Half.round(65_520.0).is_infinite());
        assert_eq!(
            Numeric::Half.round(5.960_464_477_539_063e-8),
            5.960_464_477_539_063e-8
        );
        assert_eq!(Numeric::Scaled(100.0).round(1.234), 1.23);
        assert!(Numeric::Single.round(1e300).is_infinite());
    }
}
