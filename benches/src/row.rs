//! One measured row, and its JSON.

use serde_json::{Map, Value, json};

/// What one subject did in one case.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) bench: &'static str,
    pub(crate) case: &'static str,
    pub(crate) subject: &'static str,
    pub(crate) ratio_to_floor: f64,
    pub(crate) figures: Figures,
}

/// One value a round.
#[derive(Debug, Clone)]
pub(crate) enum Figures {
    /// Less is better.
    Times { microseconds: Vec<f64> },
    /// More is better.
    Rates {
        per_second: Vec<f64>,
        waits_ms: Vec<f64>,
    },
}

impl Row {
    /// The row as `cargo xtask bench NAME --json` prints it.
    pub(crate) fn json(&self) -> Value {
        let mut row = Map::new();
        let mut put = |name: &str, value: Value| row.insert(name.to_owned(), value);
        put("bench", json!(self.bench));
        put("case", json!(self.case));
        put("subject", json!(self.subject));
        match &self.figures {
            Figures::Times { microseconds } => {
                put("median_us", number(median(microseconds.clone())));
                put("min_us", number(least(microseconds)));
                put("max_us", number(most(microseconds)));
            }
            Figures::Rates {
                per_second,
                waits_ms,
            } => {
                put("per_second", number(median(per_second.clone())));
                put("min_per_second", number(least(per_second)));
                put("max_per_second", number(most(per_second)));
                if !waits_ms.is_empty() {
                    put("p99_ms", number(quantile(waits_ms.clone(), 99)));
                }
            }
        }
        put("ratio_to_floor", number(self.ratio_to_floor));
        Value::Object(row)
    }
}

/// Three decimals: a nanosecond, where the unit is a microsecond.
pub(crate) fn number(value: f64) -> Value {
    json!((value * 1_000.0).round() / 1_000.0)
}

/// The value in the middle.
pub(crate) fn median(values: Vec<f64>) -> f64 {
    quantile(values, 50)
}

/// The least value that `percent` of a hundred do not exceed (the nearest rank).
pub(crate) fn quantile(mut values: Vec<f64>, percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    let rank = values.len().saturating_mul(percent).div_ceil(100);
    let value = values.get(rank.saturating_sub(1));
    value.copied().unwrap_or(f64::NAN)
}

fn least(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, f64::min)
}

fn most(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_nearest_ranks() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(quantile((1..=200).map(f64::from).collect(), 99), 198.0);
        assert!(median(Vec::new()).is_nan());
    }

    #[test]
    fn a_time_and_a_rate_have_their_own_members() {
        let mut row = Row {
            bench: "saml_verify",
            case: "5k",
            subject: "floor",
            ratio_to_floor: 1.0,
            figures: Figures::Times {
                microseconds: vec![1.0, 3.0, 2.0],
            },
        };
        assert_eq!(
            row.json(),
            json!({"bench": "saml_verify", "case": "5k", "subject": "floor", "median_us": 2.0,
                   "min_us": 1.0, "max_us": 3.0, "ratio_to_floor": 1.0})
        );
        row.figures = Figures::Rates {
            per_second: vec![10.0],
            waits_ms: vec![0.5, 1.5],
        };
        assert_eq!(
            row.json(),
            json!({"bench": "saml_verify", "case": "5k", "subject": "floor", "per_second": 10.0,
                   "min_per_second": 10.0, "max_per_second": 10.0, "p99_ms": 1.5,
                   "ratio_to_floor": 1.0})
        );
    }
}
