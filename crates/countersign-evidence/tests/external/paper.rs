//! The certificate page on paper.

use std::path::Path;
use std::process::Command;

use super::bundles::two_signers;
use super::desk::{Desk, page};
use super::hostile::hostile_page;
use crate::bundle;

/// A word of a PDF, and where it stands, in points.
struct Word {
    text: String,
    page: (f64, f64),
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
}

fn words(pdf: &Path) -> Vec<Word> {
    let output = Command::new("pdftotext")
        .arg("-bbox")
        .arg(pdf)
        .arg("-")
        .output()
        .expect("pdftotext is needed");
    let text = String::from_utf8(output.stdout).unwrap();
    let number = |line: &str, name: &str| -> f64 {
        let (_, rest) = line.split_once(&format!(" {name}=\"")).unwrap();
        rest.split('"').next().unwrap().parse().unwrap()
    };
    let mut size = (0.0, 0.0);
    let mut words = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.starts_with("<page ") {
            size = (number(line, "width"), number(line, "height"));
        } else if line.starts_with("<word ") {
            let [left, top, right, bottom] =
                ["xMin", "yMin", "xMax", "yMax"].map(|name| number(line, name));
            let text = line.split(['<', '>']).nth(2).unwrap().to_owned();
            words.push(Word {
                text,
                page: size,
                left,
                top,
                right,
                bottom,
            });
        }
    }
    words
}

#[test]
#[ignore = "runs chromedriver, chromium and pdftotext; cargo xtask test runs it"]
fn the_page_prints_within_the_margins_of_a4_and_letter() {
    let desk = Desk::new();
    // How many pages it takes depends a little on the machine's fonts.
    for (page, most_pages) in [
        (page(&bundle()), 7),
        (page(&two_signers()), 12),
        (hostile_page(), 999),
    ] {
        for (width_cm, height_cm) in [(21.0, 29.7), (21.59, 27.94)] {
            desk.open(&page);
            let pdf = desk.file("page.pdf", &desk.browser.print(width_cm, height_cm));
            let words = words(&pdf);
            assert!(words.len() > 300, "{} words", words.len());
            // A point is 1/72 inch; text stays 15 mm from the sides and 5 mm from top and bottom.
            let point = |cm: f64| cm / 2.54 * 72.0;
            for word in &words {
                let (width, height) = word.page;
                assert!((width - point(width_cm)).abs() < 1.0);
                assert!((height - point(height_cm)).abs() < 1.0);
                assert!(word.left > point(1.5) && word.right < width - point(1.5));
                assert!(word.top > point(0.5) && word.bottom < height - point(0.5));
            }
            // A browser that finds something too wide prints all of it smaller, but not the
            // margins: the title is to the words above it what the style says.
            let mut titles = words.iter().filter(|word| word.text == "Certificate");
            let heights = titles.by_ref().take(2).map(|word| word.bottom - word.top);
            let [margin, title] = heights.collect::<Vec<_>>()[..] else {
                panic!("there is no title");
            };
            assert!(
                (title / margin - 26.25 / 8.5).abs() < 0.05,
                "{title} {margin}"
            );
            let text = Command::new("pdftotext")
                .arg(&pdf)
                .arg("-")
                .output()
                .unwrap();
            let text = String::from_utf8(text.stdout).unwrap();
            let pages = text.matches('\u{c}').count();
            assert!(pages <= most_pages, "{pages} pages");
            // Root hash and number stand on each page.
            assert_eq!(
                text.matches("Root ").count() - text.matches("Root hash").count(),
                pages
            );
            for number in 1..=pages {
                assert!(text.contains(&format!("Page {number} of {pages}")));
            }
        }
    }
}
