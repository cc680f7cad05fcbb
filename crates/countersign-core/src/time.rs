//! Time by value: nothing below the facade reads a clock.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The text is no instant in UTC or with a numeric offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("is not a date and time such as 2026-03-01T09:30:00Z")]
pub struct ParseTimestampError;

/// An instant: whole milliseconds since 1970-01-01T00:00:00Z, between the years 0 and 9999.
///
/// Its text form is RFC 3339 in UTC with three decimals, `2026-03-01T09:30:00.000Z`. Anything
/// finer than a millisecond is cut off when parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(i64);

/// 0000-01-01T00:00:00.000Z, in milliseconds.
const MIN_MILLIS: i64 = -62_167_219_200_000;
/// 9999-12-31T23:59:59.999Z, in milliseconds: the last instant RFC 3339 can write.
const MAX_MILLIS: i64 = 253_402_300_799_999;

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const UNIX_EPOCH: Self = Self(0);
    /// The earliest instant, 0000-01-01T00:00:00.000Z.
    pub const MIN: Self = Self(MIN_MILLIS);
    /// The latest instant, 9999-12-31T23:59:59.999Z.
    pub const MAX: Self = Self(MAX_MILLIS);

    /// The instant `millis` milliseconds after the Unix epoch, or the nearest there is.
    #[must_use]
    pub fn from_unix_millis(millis: i64) -> Self {
        Self(millis.clamp(MIN_MILLIS, MAX_MILLIS))
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn unix_millis(self) -> i64 {
        self.0
    }

    /// The instant `duration` later, or [`Timestamp::MAX`].
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self::from_unix_millis(self.0.saturating_add(millis))
    }

    /// The instant `duration` earlier, or [`Timestamp::MIN`].
    #[must_use]
    pub fn saturating_sub(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self::from_unix_millis(self.0.saturating_sub(millis))
    }

    /// How long after `earlier` this is; zero if it is not after it.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // INVARIANT: the range MIN..=MAX is within what OffsetDateTime can hold.
        let at =
            OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0).saturating_mul(1_000_000))
                .unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let mut text = *b"0000-00-00T00:00:00.000Z";
        // INVARIANT: the range MIN..=MAX has years of four digits.
        let year = u32::try_from(at.year()).unwrap_or_default();
        for (value, end, digits) in [
            (year, 4, 4),
            (u32::from(u8::from(at.month())), 7, 2),
            (u32::from(at.day()), 10, 2),
            (u32::from(at.hour()), 13, 2),
            (u32::from(at.minute()), 16, 2),
            (u32::from(at.second()), 19, 2),
            (u32::from(at.millisecond()), 23, 3),
        ] {
            let mut rest = value;
            for place in text.iter_mut().take(end).rev().take(digits) {
                *place = b'0'.wrapping_add(u8::try_from(rest % 10).unwrap_or_default());
                rest /= 10;
            }
        }
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl FromStr for Timestamp {
    type Err = ParseTimestampError;

    /// Reads RFC 3339, which covers the `xs:dateTime` values with a time zone that SAML allows
    /// \[SAML-Core §1.3.3\]. A text without a zone is refused: it names no instant.
    fn from_str(text: &str) -> Result<Self, ParseTimestampError> {
        let at = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| ParseTimestampError)?;
        let millis = at
            .unix_timestamp()
            .checked_mul(1000)
            .and_then(|whole| whole.checked_add(i64::from(at.millisecond())))
            .ok_or(ParseTimestampError)?;
        if (MIN_MILLIS..=MAX_MILLIS).contains(&millis) {
            Ok(Self(millis))
        } else {
            Err(ParseTimestampError)
        }
    }
}

#[cfg(feature = "schema")]
crate::schema::text_schema!(Timestamp, crate::schema::timestamp);

impl TryFrom<String> for Timestamp {
    type Error = ParseTimestampError;
    fn try_from(text: String) -> Result<Self, ParseTimestampError> {
        text.parse()
    }
}

impl From<Timestamp> for String {
    fn from(at: Timestamp) -> Self {
        at.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_identity_providers_write() {
        let at: Timestamp = "2023-11-17T18:39:30.314Z".parse().unwrap();
        assert_eq!(at.to_string(), "2023-11-17T18:39:30.314Z");
        assert_eq!("2023-11-17T19:39:30.3149999+01:00".parse(), Ok(at));
        assert_eq!(
            "1969-12-31T23:59:59.999Z".parse(),
            Ok(Timestamp::from_unix_millis(-1))
        );
        for bad in [
            "",
            "2023-11-17",
            "2023-11-17T18:39:30",
            "2023-13-17T18:39:30Z",
            " 2023-11-17T18:39:30Z",
            "2023-11-17T18:39:30Z ",
        ] {
            assert_eq!(bad.parse::<Timestamp>(), Err(ParseTimestampError), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn every_instant_round_trips_through_its_text(millis in MIN_MILLIS..=MAX_MILLIS) {
            let at = Timestamp::from_unix_millis(millis);
            prop_assert_eq!(at.to_string().parse(), Ok(at));
        }

        #[test]
        fn adding_never_leaves_the_range(millis in MIN_MILLIS..=MAX_MILLIS, secs in any::<u64>()) {
            let at = Timestamp::from_unix_millis(millis);
            let later = at.saturating_add(Duration::from_secs(secs));
            prop_assert!(at <= later && later <= Timestamp::MAX);
            prop_assert!(at.saturating_sub(Duration::from_secs(secs)) >= Timestamp::MIN);
        }
    }
}
