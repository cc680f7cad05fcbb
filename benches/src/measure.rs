//! Measuring side by side: turn by turn in one run, so that a machine's moods meet everyone.
//!
//! A criterion group measures one subject to its end before it begins with the next; what we
//! want to know is a ratio, and a ratio wants both in the same second.

use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::row::{Figures, Row, median};

/// How much to measure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    /// Rounds in which every subject has one turn.
    rounds: usize,
    /// How long a turn of a repeated function lasts.
    turn: Duration,
    /// How long a turn of a load of writers lasts.
    load: Duration,
}

impl Effort {
    /// Enough for a figure to be told.
    pub(crate) const FULL: Self = Self {
        rounds: 15,
        turn: Duration::from_millis(60),
        load: Duration::from_millis(1_500),
    };
    /// Only to see that it runs.
    pub(crate) const BRIEF: Self = Self {
        rounds: 3,
        turn: Duration::from_millis(3),
        load: Duration::from_millis(100),
    };

    /// How long a turn of a load of writers lasts.
    pub(crate) fn load(self) -> Duration {
        self.load
    }
}

/// A function that is measured.
pub(crate) struct Subject<'a> {
    name: &'static str,
    run: Box<dyn FnMut() + 'a>,
}

impl<'a> Subject<'a> {
    /// `run` is called over and over; what it returns is kept from being optimized away.
    pub(crate) fn new<T>(name: &'static str, mut run: impl FnMut() -> T + 'a) -> Self {
        Self {
            name,
            run: Box::new(move || {
                black_box(run());
            }),
        }
    }

    /// Microseconds of one call, over `calls` calls.
    fn turn(&mut self, calls: u32) -> f64 {
        let start = now();
        for _ in 0..calls {
            (self.run)();
        }
        start.elapsed().as_secs_f64() * 1e6 / f64::from(calls)
    }

    /// How many calls fill a turn, and in how many of `rounds` rounds it has one: the count is
    /// doubled until it is a measurable part of a turn, which warms the caches too.
    fn share(&mut self, turn: Duration, rounds: usize) -> Share {
        let turn = turn.as_secs_f64() * 1e6;
        let mut calls = 1_u32;
        loop {
            let one = self.turn(calls);
            if one * f64::from(calls) >= turn / 8.0 || calls >= 1 << 24 {
                // Who is slow beyond measure would keep all others waiting.
                let is_slow = one >= turn * 8.0;
                return Share {
                    calls: fitting(turn / one),
                    rounds: if is_slow { rounds.min(3) } else { rounds },
                };
            }
            calls = calls.saturating_mul(2);
        }
    }
}

/// What a subject gets of the time.
#[derive(Debug, Clone, Copy)]
struct Share {
    calls: u32,
    rounds: usize,
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float that is clamped to the range first"
)]
fn fitting(calls: f64) -> u32 {
    calls.clamp(1.0, f64::from(1_u32 << 24)) as u32
}

/// Times each subject turn by turn; the first is the floor.
pub(crate) fn times(
    bench: &'static str,
    case: &'static str,
    effort: Effort,
    mut subjects: Vec<Subject<'_>>,
) -> Vec<Row> {
    let shares: Vec<Share> = subjects
        .iter_mut()
        .map(|subject| subject.share(effort.turn, effort.rounds))
        .collect();
    let names: Vec<&'static str> = subjects.iter().map(|subject| subject.name).collect();
    let rounds = alternate(effort.rounds, names.len(), |round, index| {
        let (subject, share) = subjects.get_mut(index).zip(shares.get(index))?;
        (round < share.rounds).then(|| subject.turn(share.calls))
    });
    rows(bench, case, &names, &rounds, |values| Figures::Times {
        microseconds: values,
    })
}

/// What one turn of a load of writers gave.
#[derive(Debug, Clone, Default)]
pub(crate) struct Load {
    /// Acknowledged operations per second.
    pub(crate) per_second: f64,
    /// How long each writer waited for each acknowledgement, in milliseconds.
    pub(crate) waits_ms: Vec<f64>,
}

impl Load {
    /// As many operations as `waits_ms` has, done in `seconds`.
    pub(crate) fn new(waits_ms: Vec<f64>, seconds: f64) -> Self {
        #[allow(
            clippy::cast_precision_loss,
            reason = "a count of operations is far below 2^52"
        )]
        let count = waits_ms.len() as f64;
        Self {
            per_second: count / seconds,
            waits_ms,
        }
    }
}

/// A load of writers that is measured: it runs for a given time.
pub(crate) struct Writers<'a> {
    name: &'static str,
    run: Box<dyn FnMut(Duration) -> Load + 'a>,
}

impl<'a> Writers<'a> {
    pub(crate) fn new(name: &'static str, run: impl FnMut(Duration) -> Load + 'a) -> Self {
        Self {
            name,
            run: Box::new(run),
        }
    }
}

/// Rates of each load, turn by turn; the first is the floor.
pub(crate) fn rates(
    bench: &'static str,
    case: &'static str,
    effort: Effort,
    mut loads: Vec<Writers<'_>>,
) -> Vec<Row> {
    let names: Vec<&'static str> = loads.iter().map(|load| load.name).collect();
    let mut waits: Vec<Vec<f64>> = vec![Vec::new(); names.len()];
    // A turn of a load is long: a third of the rounds tell as much.
    let rounds = alternate(effort.rounds.div_ceil(3), names.len(), |_, index| {
        let turn = loads.get_mut(index).map(|load| (load.run)(effort.load()));
        let turn = turn.unwrap_or_default();
        if let Some(waits) = waits.get_mut(index) {
            waits.extend(turn.waits_ms);
        }
        Some(turn.per_second)
    });
    let mut waits = waits.into_iter();
    rows(bench, case, &names, &rounds, |values| Figures::Rates {
        per_second: values,
        waits_ms: waits.next().unwrap_or_default(),
    })
}

/// One value a subject and round, less the rounds that a subject sits out at the end. Each round
/// begins with another subject, so that none always follows the same one.
fn alternate(
    rounds: usize,
    subjects: usize,
    mut turn: impl FnMut(usize, usize) -> Option<f64>,
) -> Vec<Vec<f64>> {
    let mut values = vec![Vec::with_capacity(rounds); subjects];
    for round in 0..rounds {
        for index in (0..subjects).cycle().skip(round).take(subjects) {
            if let Some(values) = values.get_mut(index) {
                values.extend(turn(round, index));
            }
        }
    }
    values
}

/// Rows with the median of the rounds' own ratios to the first subject.
fn rows(
    bench: &'static str,
    case: &'static str,
    names: &[&'static str],
    rounds: &[Vec<f64>],
    mut figures: impl FnMut(Vec<f64>) -> Figures,
) -> Vec<Row> {
    let floor = rounds.first().cloned().unwrap_or_default();
    names
        .iter()
        .zip(rounds)
        .map(|(&subject, values)| {
            let ratios = values
                .iter()
                .zip(&floor)
                .map(|(value, floor)| value / floor);
            Row {
                bench,
                case,
                subject,
                ratio_to_floor: median(ratios.collect()),
                figures: figures(values.clone()),
            }
        })
        .collect()
}

/// The one clock of this package.
#[allow(clippy::disallowed_methods, reason = "measuring is what it is for")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_subject_has_one_turn_a_round_and_none_is_always_first() {
        let mut order = Vec::new();
        let values = alternate(3, 2, |_, index| {
            order.push(index);
            Some(0.0)
        });
        assert_eq!(order, [0, 1, 1, 0, 0, 1]);
        assert_eq!(values, vec![vec![0.0; 3]; 2]);
    }

    #[test]
    fn who_is_slow_sits_out_the_later_rounds() {
        let mut slow = Subject::new("slow", || std::thread::sleep(Duration::from_millis(9)));
        let share = slow.share(Duration::from_millis(1), 15);
        assert_eq!((share.calls, share.rounds), (1, 3));
        let values = alternate(3, 2, |round, index| {
            (index == 0 || round < 1).then_some(1.0)
        });
        assert_eq!(values, [vec![1.0; 3], vec![1.0]]);
    }

    #[test]
    fn the_ratio_is_the_median_of_the_rounds_ratios() {
        // The machine was ten times slower in the second round; the ratio does not see it.
        let rounds = [vec![1.0, 10.0, 1.0], vec![2.0, 20.0, 2.0]];
        let rows = rows("b", "c", &["floor", "subject"], &rounds, |values| {
            Figures::Times {
                microseconds: values,
            }
        });
        let ratios: Vec<f64> = rows.iter().map(|row| row.ratio_to_floor).collect();
        assert_eq!(ratios, [1.0, 2.0]);
    }
}
