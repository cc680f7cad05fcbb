//! Time by value: nothing below the facade reads a clock.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;
use time::format_description::well_known::Rfc3339;
use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time};

/// The text is no instant in UTC or with a numeric offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("is not a date and time such as 2026-03-01T09:30:00Z")]
pub struct ParseTimestampError;

/// An instant: whole milliseconds since 1970-01-01T00:00:00Z, between the years 0 and 9999.
///
/// Its text form is RFC 3339 in UTC with three decimals, `2026-03-01T09:30:00.000Z`. Anything
/// finer than a millisecond is cut off when parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// The text form of an instant, byte for byte.
type Text = [u8; 24];

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

impl Timestamp {
    /// Writes the text form into `text`.
    fn write(self, text: &mut Text) -> &str {
        let (second, millisecond) = (self.0.div_euclid(1000), self.0.rem_euclid(1000));
        // INVARIANT: the range MIN..=MAX is within what OffsetDateTime can hold, and has years of
        // four digits.
        let at = OffsetDateTime::from_unix_timestamp(second).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let year = u16::try_from(at.year()).unwrap_or_default();
        let millisecond = u16::try_from(millisecond).unwrap_or_default();
        let [y1, y2, y3, y4] = digits(year);
        let [mo1, mo2] = digits(u16::from(u8::from(at.month())));
        let [d1, d2] = digits(u16::from(at.day()));
        let [h1, h2] = digits(u16::from(at.hour()));
        let [mi1, mi2] = digits(u16::from(at.minute()));
        let [s1, s2] = digits(u16::from(at.second()));
        let [ms1, ms2, ms3] = digits(millisecond);
        *text = [
            y1, y2, y3, y4, b'-', mo1, mo2, b'-', d1, d2, b'T', h1, h2, b':', mi1, mi2, b':', s1,
            s2, b'.', ms1, ms2, ms3, b'Z',
        ];
        // INVARIANT: every character is ASCII.
        std::str::from_utf8(text).unwrap_or_default()
    }
}

/// Reads the text form, which nearly every text has that is read here; nothing for any other form
/// that RFC 3339 knows.
fn parse_text_form(text: &str) -> Option<OffsetDateTime> {
    #[rustfmt::skip]
    let &[
        y1, y2, y3, y4, b'-', mo1, mo2, b'-', d1, d2, b'T',
        h1, h2, b':', mi1, mi2, b':', s1, s2, b'.', ms1, ms2, ms3, b'Z',
    ] = text.as_bytes()
    else {
        return None;
    };
    let two = |digits| u8::try_from(number(digits)?).ok();
    let year = i32::from(number([y1, y2, y3, y4])?);
    let month = Month::try_from(two([mo1, mo2])?).ok()?;
    let date = Date::from_calendar_date(year, month, two([d1, d2])?).ok()?;
    let (hour, minute, second) = (two([h1, h2])?, two([mi1, mi2])?, two([s1, s2])?);
    let time = Time::from_hms_milli(hour, minute, second, number([ms1, ms2, ms3])?).ok()?;
    Some(PrimitiveDateTime::new(date, time).assume_utc())
}

/// The last decimal digits of a number.
fn digits<const N: usize>(number: u16) -> [u8; N] {
    let mut digits = [b'0'; N];
    let mut rest = number;
    for digit in digits.iter_mut().rev() {
        *digit = b'0'.wrapping_add(u8::try_from(rest % 10).unwrap_or_default());
        rest /= 10;
    }
    digits
}

/// At most four decimal digits.
fn number<const N: usize>(digits: [u8; N]) -> Option<u16> {
    let mut number = 0_u16;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        let value = u16::from(digit.wrapping_sub(b'0'));
        number = number.wrapping_mul(10).wrapping_add(value);
    }
    Some(number)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.write(&mut Text::default()))
    }
}

impl FromStr for Timestamp {
    type Err = ParseTimestampError;

    /// Reads RFC 3339, which covers the `xs:dateTime` values with a time zone that SAML allows
    /// \[SAML-Core §1.3.3\]. A text without a zone is refused: it names no instant.
    fn from_str(text: &str) -> Result<Self, ParseTimestampError> {
        let at = match parse_text_form(text) {
            Some(at) => at,
            None => OffsetDateTime::parse(text, &Rfc3339).map_err(|_| ParseTimestampError)?,
        };
        Self::of(at).ok_or(ParseTimestampError)
    }
}

impl Timestamp {
    fn of(at: OffsetDateTime) -> Option<Self> {
        let millis = at
            .unix_timestamp()
            .checked_mul(1000)?
            .checked_add(i64::from(at.millisecond()))?;
        (MIN_MILLIS..=MAX_MILLIS)
            .contains(&millis)
            .then_some(Self(millis))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.write(&mut Text::default()))
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Instant)
    }
}

/// Reads the text, without a copy of it.
struct Instant;

impl Visitor<'_> for Instant {
    type Value = Timestamp;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a date and time such as 2026-03-01T09:30:00Z")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Timestamp, E> {
        text.parse().map_err(E::custom)
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
        fn the_text_form_is_read_as_every_other_form_of_rfc_3339(
            text in "[0-9]{4}-[01][0-9]-[0-3][0-9][Tt ][0-2][0-9]:[0-6][0-9]:[0-6][0-9]\\.[0-9]{3}Z",
        ) {
            let read = OffsetDateTime::parse(&text, &Rfc3339).ok().and_then(Timestamp::of);
            prop_assert_eq!(text.parse().ok(), read);
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
