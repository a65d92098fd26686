//! Rules for numbers, each between two bounds: every limit has limits.

use super::rule::Rule;
use std::marker::PhantomData;
use std::time::Duration;

/// A whole number between two bounds.
pub struct Whole<T> {
    min: u64,
    max: u64,
    number: PhantomData<fn() -> T>,
}

/// A decimal number between two bounds.
pub struct Decimal {
    min: f64,
    max: f64,
}

/// A number of seconds, fractions allowed, between two bounds.
pub struct Seconds {
    min: f64,
    max: f64,
}

/// A whole number of mebibytes, which becomes bytes.
pub struct Mebibytes {
    min: u64,
    max: u64,
}

// === impl Whole ===

impl<T> Whole<T> {
    /// Between these two, which both fit.
    pub const fn between(min: u64, max: u64) -> Self {
        Self {
            min,
            max,
            number: PhantomData,
        }
    }
}

impl<T: TryFrom<u64> + Default> Rule for Whole<T> {
    type Out = T;

    fn parse(&self, text: &str) -> Result<T, String> {
        let fits = |n: &u64| (self.min..=self.max).contains(n);
        let number = text.parse::<u64>().ok().filter(fits);
        number
            .and_then(|n| T::try_from(n).ok())
            .ok_or_else(|| format!("is not a whole number between {} and {}", self.min, self.max))
    }

    fn form(&self) -> String {
        format!("{}–{}", self.min, self.max)
    }

    fn placeholder(&self) -> T {
        T::default()
    }
}

// === impl Decimal ===

impl Decimal {
    /// Between these two, which both fit.
    pub const fn between(min: f64, max: f64) -> Self {
        Self { min, max }
    }
}

impl Rule for Decimal {
    type Out = f64;

    fn parse(&self, text: &str) -> Result<f64, String> {
        // `contains` is false for NaN, and no bound is infinite.
        let fits = |n: &f64| (self.min..=self.max).contains(n);
        let number = text.parse::<f64>().ok().filter(fits);
        number.ok_or_else(|| format!("is not a number between {} and {}", self.min, self.max))
    }

    fn form(&self) -> String {
        format!("{}–{}, decimals allowed", self.min, self.max)
    }

    fn placeholder(&self) -> f64 {
        self.min
    }
}

// === impl Seconds ===

impl Seconds {
    /// Between these two, which both fit.
    pub const fn between(min: f64, max: f64) -> Self {
        Self { min, max }
    }
}

impl Rule for Seconds {
    type Out = Duration;

    fn parse(&self, text: &str) -> Result<Duration, String> {
        let number = Decimal::between(self.min, self.max).parse(text);
        let number = number.map_err(|_| {
            format!(
                "is not a number of seconds between {} and {}, without a unit",
                self.min, self.max
            )
        })?;
        Ok(Duration::from_secs_f64(number))
    }

    fn form(&self) -> String {
        format!("seconds, {}–{}", self.min, self.max)
    }

    fn placeholder(&self) -> Duration {
        Duration::from_secs(1)
    }
}

// === impl Mebibytes ===

impl Mebibytes {
    /// Between these two, which both fit.
    pub const fn between(min: u64, max: u64) -> Self {
        Self { min, max }
    }
}

impl Rule for Mebibytes {
    type Out = u64;

    fn parse(&self, text: &str) -> Result<u64, String> {
        let number = Whole::<u64>::between(self.min, self.max).parse(text);
        let number = number.map_err(|_| {
            format!(
                "is not a whole number of MiB between {} and {}, without a unit",
                self.min, self.max
            )
        })?;
        Ok(number << 20)
    }

    fn form(&self) -> String {
        format!("MiB, {}–{}", self.min, self.max)
    }

    fn placeholder(&self) -> u64 {
        self.min << 20
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_keep_their_bounds() {
        let port = Whole::<u16>::between(1, 65_535);
        assert_eq!(port.parse("5672"), Ok(5672));
        assert_eq!(port.parse("65535"), Ok(65_535));
        for bad in [
            "0",
            "65536",
            "-1",
            "1.0",
            "abc",
            "1 # one",
            "99999999999999999999",
        ] {
            assert_eq!(
                port.parse(bad),
                Err("is not a whole number between 1 and 65535".to_owned()),
                "{bad}"
            );
        }
    }

    #[test]
    fn seconds_take_fractions_and_no_units() {
        let delay = Seconds::between(0.0, 60.0);
        assert_eq!(delay.parse("1.0"), Ok(Duration::from_secs(1)));
        assert_eq!(delay.parse("0.25"), Ok(Duration::from_millis(250)));
        for bad in ["1s", "NaN", "inf", "-1", "61"] {
            assert!(delay.parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn mebibytes_become_bytes() {
        let size = Mebibytes::between(1, 4096);
        assert_eq!(size.parse("64"), Ok(64 << 20));
        assert!(size.parse("64MB").is_err());
        assert!(size.parse("0").is_err());
    }
}
