//! `xs:duration` \[XMLSchema-2 §3.2.6\], as far as it says how long something may be cached.

use std::time::Duration;

/// Seconds of each field. A month and a year have the length of the shortest there is: whoever
/// asks again a little early does no harm.
const DATE: &[(char, u64)] = &[('Y', 365 * 86_400), ('M', 28 * 86_400), ('D', 86_400)];
const TIME: &[(char, u64)] = &[('H', 3_600), ('M', 60), ('S', 1)];

/// Reads a duration; `None` if it is none, or a negative one. Fractions of a second are cut off.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let fields = text.strip_prefix('P')?;
    let (date, time) = match fields.split_once('T') {
        Some((_, "")) => return None,
        Some((date, time)) => (date, time),
        None if fields.is_empty() => return None,
        None => (fields, ""),
    };
    let seconds = read_fields(date, DATE)?.checked_add(read_fields(time, TIME)?)?;
    Some(Duration::from_secs(seconds))
}

/// Numbers, each with its letter, in the order of `units`, none twice.
fn read_fields(mut text: &str, units: &[(char, u64)]) -> Option<u64> {
    let mut units = units.iter();
    let mut seconds = 0_u64;
    while !text.is_empty() {
        let (number, rest) = text.split_once(|c: char| c.is_ascii_alphabetic())?;
        let letter = text.get(number.len()..)?.chars().next()?;
        let (_, length) = units.find(|(unit, _)| *unit == letter)?;
        let whole = match number.split_once('.') {
            Some((whole, fraction)) if letter == 'S' && is_digits(fraction) => whole,
            Some(_) => return None,
            None => number,
        };
        if !is_digits(whole) {
            return None;
        }
        seconds = seconds.checked_add(whole.parse::<u64>().ok()?.checked_mul(*length)?)?;
        text = rest;
    }
    Some(seconds)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Writes a duration of whole seconds.
pub(super) fn write(duration: Duration) -> String {
    format!("PT{}S", duration.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_to_the_letter() {
        for (text, seconds) in [
            ("PT6H", 6 * 3_600),
            ("P1D", 86_400),
            (
                "P1Y2M3DT4H5M6.7S",
                31_536_000 + 4_838_400 + 259_200 + 14_706,
            ),
            ("PT0S", 0),
            ("P2M", 4_838_400),
            ("PT2M", 120),
        ] {
            assert_eq!(parse(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        for bad in [
            "",
            "P",
            "PT",
            "P1DT",
            "PT1D",
            "P1H",
            "PT1S1M",
            "PT1M1M",
            "-PT1H",
            "PT-1H",
            "PT1.5H",
            "PT.5S",
            "PT1.S",
            "P1",
            "1D",
            "PT1",
            " PT1H",
            "PT1h",
            "P99999999999999999999D",
            "P18446744073709551615Y",
            "PT１S",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for seconds in [0, 1, 86_400, u64::MAX] {
            let duration = Duration::from_secs(seconds);
            assert_eq!(parse(&write(duration)), Some(duration));
        }
    }
}
