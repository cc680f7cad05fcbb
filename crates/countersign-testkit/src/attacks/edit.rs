//! Putting parts of messages into one another, as text.

use super::tree::{At, Tree};

/// Puts `inner` where `place` says in the element `outer`; `outer` as it is if it is no element.
pub(super) fn insert(
    outer: &str,
    inner: &str,
    place: impl FnOnce(At<'_>) -> Option<usize>,
) -> String {
    let Some(tree) = Tree::read(outer) else {
        return outer.to_owned();
    };
    let Some(root) = tree.root() else {
        return outer.to_owned();
    };
    if root.inner().is_empty() && root.start_tag() == root.whole() {
        // `<a/>` has no content to stand in.
        let head = tree.cut(root.start_tag()).trim_end_matches("/>");
        return format!("{head}>{inner}</{}>", root.name());
    }
    match place(root) {
        Some(at) => tree.with(at..at, inner),
        None => outer.to_owned(),
    }
}

/// Puts `inner` at the start of the element `outer`.
pub(super) fn at_start(outer: &str, inner: &str) -> String {
    insert(outer, inner, |root| Some(root.inner().start))
}

/// Puts `inner` at the end of the element `outer`.
pub(super) fn at_end(outer: &str, inner: &str) -> String {
    insert(outer, inner, |root| Some(root.inner().end))
}

/// Puts a signature where SAML's schema wants it: behind the issuer, else first.
pub(super) fn behind_issuer(outer: &str, signature: &str) -> String {
    insert(outer, signature, |root| {
        let issuer = root.children().find(|child| child.local_name() == "Issuer");
        Some(issuer.map_or(root.inner().start, |issuer| issuer.whole().end))
    })
}

/// Puts `inner` at the end of the first element within `outer` that is called `local_name`.
pub(super) fn within(outer: &str, local_name: &str, inner: &str) -> String {
    insert(outer, inner, |root| {
        let mut elements = root.descendants();
        let element = elements.find(|element| element.local_name() == local_name)?;
        let has_content = !element.inner().is_empty();
        has_content.then(|| element.inner().end)
    })
}

/// An element of its own namespace declaration around `inner`.
pub(super) fn wrap(namespace: &str, name: &str, inner: &str) -> String {
    format!("<w:{name} xmlns:w=\"{namespace}\">{inner}</w:{name}>")
}

/// Another attribute in place of the `ID` whose value is `id`.
pub(super) fn replace_id(element: &str, id: &str, attribute: &str) -> String {
    element
        .replacen(&format!(" ID=\"{id}\""), attribute, 1)
        .replacen(&format!(" ID='{id}'"), attribute, 1)
}
