//! Class 17: messages that cost more than they are worth.

use super::AttackClass::ResourceExhaustion;
use super::attack::Attacks;
use super::edit::at_end;
use super::tree::PROTOCOL;
use super::victim::Victim;

/// More than any response is large, in bytes.
const HUGE: usize = 2 << 20;
/// More than any response is deep or wide, in elements or attributes.
const MANY: usize = 100_000;

pub(super) fn attack(victim: &Victim, attacks: &mut Attacks) {
    let text = victim.text();
    let end = victim
        .tree
        .root()
        .map_or(text.len(), |root| root.whole().end);
    let behind = |padding: &str| victim.tree.with(end..end, padding);
    let within = |content: &str| {
        at_end(
            text,
            &format!("<w:Extensions xmlns:w=\"{PROTOCOL}\">{content}</w:Extensions>"),
        )
    };
    let mut refused = |name: &str, xml: String| attacks.refused(ResourceExhaustion, name, xml);
    refused("white space without end", behind(&" ".repeat(HUGE)));
    refused(
        "a comment without end",
        behind(&format!("<!--{}-->", "x".repeat(HUGE))),
    );
    refused("text without end", within(&"x".repeat(HUGE)));
    refused("elements without end", within(&"<x/>".repeat(HUGE / 4)));
    refused(
        "elements within elements without end",
        within(&format!("{}{}", "<x>".repeat(MANY), "</x>".repeat(MANY))),
    );
    refused(
        "start tags that nothing closes",
        format!("{}{text}", "<x>".repeat(MANY)),
    );
    let numbered = |f: fn(usize) -> String| (0..MANY).map(f).collect::<String>();
    let attributes = numbered(|n| format!(" a{n}=\"\""));
    refused(
        "attributes without end",
        within(&format!("<x{attributes}/>")),
    );
    let declarations = numbered(|n| format!(" xmlns:p{n}=\"urn:{n}\""));
    refused(
        "namespaces without end",
        within(&format!("<x{declarations}/>")),
    );
    let references = "&amp;".repeat(HUGE / 5);
    refused("references without end", within(&references));
    let name = "x".repeat(HUGE);
    refused("a name without end", within(&format!("<{name}/>")));
}
