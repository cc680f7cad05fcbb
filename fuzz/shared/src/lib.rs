//! What the fuzz targets, the differential run and the tests share.
//!
//! | module | what it holds |
//! |---|---|
//! | [`choices`] | a stream of choices, out of a seed or out of a fuzzer's bytes |
//! | [`document`] | well-formed documents with everything that canonicalization can trip over |
//! | [`edit`] | edits of a message that know where its elements begin and end |
//! | [`roxmltree`](mod@roxmltree) | a second opinion on a document's tree |

pub mod choices;
pub mod document;
pub mod edit;
pub mod roxmltree;
