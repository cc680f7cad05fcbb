//! Bars for a benchmark's rows, as SVG: no library, and nothing that is not needed.

use std::fmt::Write as _;

use serde_json::Value;

use crate::bench::{Measured, names, of, text};

pub(crate) const WIDTH: f64 = 760.0;
const LEFT: f64 = 150.0;
const RIGHT: f64 = 190.0;
const BAR: f64 = 18.0;
const GAP: f64 = 5.0;
const TOP: f64 = 40.0;

/// Colours that the colour-blind tell apart (Okabe and Ito); the floor is grey.
const COLOURS: [&str; 5] = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9"];

/// One group of bars a case, one bar a subject. Each case has its own scale, because a case is
/// compared with its floor and not with another case; a line shows the range.
pub(crate) fn bars(bench: &str, rows: &[Value]) -> String {
    let subjects = names(rows, "subject");
    let mut body = String::new();
    let mut y = TOP;
    for case in names(rows, "case") {
        let rows = of(rows, "case", &case);
        let longest = rows.iter().map(|row| Measured::of(row).max);
        let longest = longest.fold(f64::MIN_POSITIVE, f64::max);
        let scale = (WIDTH - LEFT - RIGHT) / longest;
        let _ = writeln!(
            body,
            r#"<text x="12" y="{:.1}" font-weight="bold">{}</text>"#,
            y + BAR - 4.0,
            escaped(&case)
        );
        for row in &rows {
            let subject = text(row, "subject");
            let colour = colour(&subjects, &subject);
            let measured = Measured::of(row);
            let ratio = row.get("ratio_to_floor").and_then(Value::as_f64);
            let ratio = ratio
                .filter(|_| subject != "floor")
                .map_or_else(String::new, |ratio| format!(" · {ratio:.2} ×"));
            let middle = y + BAR / 2.0;
            let end = LEFT + measured.median * scale;
            let _ = writeln!(
                body,
                concat!(
                    r#"<text x="{x:.1}" y="{base:.1}" text-anchor="end">{subject}</text>"#,
                    r#"<rect x="{left:.1}" y="{y:.1}" width="{width:.1}" height="{bar}" fill="{colour}"/>"#,
                    r#"<path d="M{min:.1} {middle:.1}H{max:.1}" stroke="black"/>"#,
                    r#"<text x="{label:.1}" y="{base:.1}">{value}{ratio}</text>"#
                ),
                x = LEFT - 6.0,
                base = y + BAR - 4.0,
                subject = escaped(&subject),
                left = LEFT,
                y = y,
                width = measured.median * scale,
                bar = BAR,
                colour = colour,
                min = LEFT + measured.min * scale,
                max = LEFT + measured.max * scale,
                middle = middle,
                label = end.max(LEFT + measured.max * scale) + 6.0,
                value = measured.shown(measured.median),
                ratio = ratio,
            );
            y += BAR + GAP;
        }
        y += GAP * 2.0;
    }
    let better = match rows.first().map(Measured::of) {
        Some(Measured { is_rate: true, .. }) => "longer is better",
        _ => "shorter is better",
    };
    let hint = format!("{better}; each case has its own scale");
    framed(bench, &hint, y, &body)
}

/// A whole plot, with a title and what a reader has to know of it.
pub(crate) fn framed(title: &str, hint: &str, height: f64, body: &str) -> String {
    format!(
        concat!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" "#,
            r#"viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">"#,
            "\n",
            r#"<rect width="100%" height="100%" fill="white"/>"#,
            "\n",
            r#"<text x="12" y="22" font-size="14" font-weight="bold">{title}</text>"#,
            r#"<text x="{right}" y="22" text-anchor="end" fill="dimgray">{hint}</text>"#,
            "\n{body}</svg>\n"
        ),
        width = WIDTH,
        height = height,
        title = escaped(title),
        right = WIDTH - 12.0,
        hint = escaped(hint),
        body = body,
    )
}

/// A subject's colour, by its place among all.
pub(crate) fn colour(subjects: &[String], subject: &str) -> &'static str {
    if subject == "floor" {
        return "#999999";
    }
    let others = subjects.iter().filter(|name| *name != "floor");
    let place = others.take_while(|name| *name != subject).count();
    COLOURS.iter().cycle().nth(place).unwrap_or(&"#000000")
}

/// Text for XML.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_row_has_a_bar_and_the_longest_fills_the_width() {
        let rows = [
            json!({"case": "5k", "subject": "floor", "median_us": 30.0, "min_us": 30.0, "max_us": 30.0}),
            json!({"case": "5k", "subject": "a<b", "median_us": 60.0, "min_us": 50.0, "max_us": 60.0,
                   "ratio_to_floor": 2.0}),
        ];
        let svg = bars("saml_verify", &rows);
        assert_eq!(svg.matches("<rect x=").count(), 2);
        assert!(svg.contains(r#"width="420.0""#), "{svg}");
        assert!(svg.contains(r#"width="210.0""#), "{svg}");
        assert!(
            svg.contains("a&lt;b") && svg.contains("60.0 µs · 2.00 ×"),
            "{svg}"
        );
        assert!(svg.contains("shorter is better"));
    }
}
