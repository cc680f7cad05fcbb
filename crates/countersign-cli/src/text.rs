//! Text of strangers, made fit for a terminal.

/// A provider's text must not move a terminal's cursor.
pub(crate) fn visible(text: &str) -> String {
    text.chars()
        .map(|c| {
            if countersign::text::is_hidden(c) {
                c.escape_unicode().to_string()
            } else {
                c.to_string()
            }
        })
        .collect()
}

/// The same for text of several lines, which are kept.
pub(crate) fn visible_lines(text: &str) -> String {
    text.lines().map(visible).collect::<Vec<_>>().join("\n")
}
