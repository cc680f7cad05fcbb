//! A line a subject for cases that differ in a number, as SVG.

use std::fmt::Write as _;

use serde_json::Value;

use crate::bench::{Measured, names, text};
use crate::plot::{WIDTH, colour, escaped, framed};

const HEIGHT: f64 = 400.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 130.0;
const TOP: f64 = 50.0;
const BOTTOM: f64 = 50.0;

/// Between the names of two lines that end in the same place.
const APART: f64 = 14.0;

/// The whole powers of ten that an axis goes from and to.
#[derive(Debug, Clone, Copy)]
struct Axis {
    from: f64,
    to: f64,
}

impl Axis {
    /// An axis that has room for all `values`.
    fn of(values: impl Iterator<Item = f64> + Clone) -> Self {
        let logs = values.filter(|value| *value > 0.0).map(f64::log10);
        let from = logs.clone().fold(f64::INFINITY, f64::min).floor();
        let to = logs.fold(f64::NEG_INFINITY, f64::max).ceil();
        if from > to {
            return Self { from: 0.0, to: 1.0 };
        }
        Self {
            from,
            to: to.max(from + 1.0),
        }
    }

    /// Where a value is: 0 at the beginning, 1 at the end.
    fn place(self, value: f64) -> f64 {
        (value.log10() - self.from) / (self.to - self.from)
    }

    fn powers(self) -> impl Iterator<Item = f64> {
        std::iter::successors(Some(self.from), |power| Some(power + 1.0))
            .take_while(move |power| *power <= self.to)
            .map(|power| 10_f64.powf(power))
    }
}

/// The median of each subject over the number of its case; both axes are logarithmic, so that
/// what grows with the number is as steep as the square is high, and what does not is level.
pub(crate) fn lines(bench: &str, counted: &str, points: &[(f64, Value)]) -> String {
    let rows: Vec<Value> = points.iter().map(|(_, row)| row.clone()).collect();
    let across = Axis::of(points.iter().map(|(number, _)| *number));
    let up = Axis::of(rows.iter().map(|row| Measured::of(row).median));
    let x = |number: f64| LEFT + across.place(number) * (WIDTH - LEFT - RIGHT);
    let y = |median: f64| HEIGHT - BOTTOM - up.place(median) * (HEIGHT - TOP - BOTTOM);
    let (left, right) = (LEFT, WIDTH - RIGHT);
    let (top, bottom) = (TOP, HEIGHT - BOTTOM);

    let mut body = String::new();
    for power in across.powers() {
        let _ = writeln!(
            body,
            concat!(
                r##"<path d="M{x:.1} {top:.1}V{bottom:.1}" stroke="#dddddd"/>"##,
                r#"<text x="{x:.1}" y="{label:.1}" text-anchor="middle">{number}</text>"#
            ),
            x = x(power),
            top = top,
            bottom = bottom,
            label = bottom + 18.0,
            number = grouped(power),
        );
    }
    let unit = rows.first().map(Measured::of);
    for power in up.powers() {
        let value = unit.map_or_else(String::new, |unit| unit.shown(power));
        let _ = writeln!(
            body,
            concat!(
                r##"<path d="M{left:.1} {y:.1}H{right:.1}" stroke="#dddddd"/>"##,
                r#"<text x="{label:.1}" y="{base:.1}" text-anchor="end">{value}</text>"#
            ),
            left = left,
            right = right,
            y = y(power),
            label = left - 6.0,
            base = y(power) + 4.0,
            value = value,
        );
    }
    let _ = writeln!(
        body,
        r#"<text x="{:.1}" y="{:.1}" text-anchor="middle">{}</text>"#,
        (left + right) / 2.0,
        HEIGHT - 12.0,
        escaped(counted)
    );

    let subjects = names(&rows, "subject");
    let mut ends = Vec::new();
    for subject in &subjects {
        let colour = colour(&subjects, subject);
        let mut own: Vec<(f64, f64)> = points
            .iter()
            .filter(|(_, row)| text(row, "subject") == *subject)
            .map(|(number, row)| (x(*number), y(Measured::of(row).median)))
            .collect();
        own.sort_by(|one, other| one.0.total_cmp(&other.0));
        let path: Vec<String> = own.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let _ = write!(
            body,
            r#"<polyline points="{}" fill="none" stroke="{colour}" stroke-width="2"/>"#,
            path.join(" ")
        );
        for (x, y) in &own {
            let _ = write!(
                body,
                r#"<circle cx="{x:.1}" cy="{y:.1}" r="3" fill="{colour}"/>"#
            );
        }
        body.push('\n');
        ends.extend(own.last().map(|(x, y)| (*x, *y, subject, colour)));
    }
    ends.sort_by(|one, other| one.1.total_cmp(&other.1));
    let mut free = f64::NEG_INFINITY;
    for (x, y, subject, colour) in ends {
        let base = (y + 4.0).max(free);
        free = base + APART;
        let _ = writeln!(
            body,
            r#"<text x="{:.1}" y="{base:.1}" fill="{colour}" font-weight="bold">{}</text>"#,
            x + 8.0,
            escaped(subject)
        );
    }

    let better = match unit {
        Some(Measured { is_rate: true, .. }) => "higher is better",
        _ => "lower is better",
    };
    let hint = format!("{better}; both axes are logarithmic");
    framed(&format!("{bench} by {counted}"), &hint, HEIGHT, &body)
}

/// A whole number with commas between its thousands.
fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        let left = digits.len().saturating_sub(place);
        if place > 0 && left.is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn point(number: f64, subject: &str, median: f64) -> (f64, Value) {
        let row = json!({"subject": subject, "median_us": median});
        (number, row)
    }

    #[test]
    fn each_subject_has_a_line_between_the_powers_of_ten() {
        let points = [
            point(10.0, "floor", 1.0),
            point(1_000.0, "floor", 1.0),
            point(10.0, "a<b", 1.0),
            point(1_000.0, "a<b", 100.0),
        ];
        let svg = lines("policy_evaluate", "rules", &points);
        assert!(svg.contains(r#"points="80.0,350.0 630.0,350.0""#), "{svg}");
        assert!(svg.contains(r#"points="80.0,350.0 630.0,50.0""#), "{svg}");
        assert_eq!(svg.matches("<circle").count(), 4);
        assert!(svg.contains(">a&lt;b</text>") && svg.contains(">1,000</text>"));
        assert!(svg.contains("policy_evaluate by rules") && svg.contains("lower is better"));
    }

    #[test]
    fn names_of_lines_that_end_together_do_not_cover_each_other() {
        let points = [point(10.0, "floor", 5.0), point(10.0, "other", 5.0)];
        let svg = lines("b", "rules", &points);
        let bases: Vec<f64> = svg
            .lines()
            .filter(|line| line.contains(r#"font-weight="bold""#) && line.contains("fill=\"#"))
            .filter_map(|line| line.split("y=\"").nth(1)?.split('"').next()?.parse().ok())
            .collect();
        assert_eq!(bases.len(), 2);
        assert!(bases[1] - bases[0] >= APART, "{bases:?}");
    }

    #[test]
    fn an_axis_of_one_value_has_a_length() {
        let axis = Axis::of([10.0].into_iter());
        assert_eq!((axis.from, axis.to), (1.0, 2.0));
        let empty = Axis::of(std::iter::empty());
        assert_eq!((empty.from, empty.to), (0.0, 1.0));
    }
}
