//! The hardened XML tree: one flat arena over one input.
//!
//! quick-xml splits the input into tokens and does little more. What it leaves open and XML 1.0
//! or Namespaces in XML 1.0 forbid is refused here, each case with a code of its own
//! ([`XmlErrorKind`]). On top of that:
//!
//! - a document type declaration is refused, and with it every entity but the predefined five;
//! - processing instructions are refused;
//! - two IDs of the same value are refused, wherever they stand;
//! - the number of bytes, elements, levels, attributes and namespace declarations is bounded, and
//!   every bound is checked before memory is taken.
//!
//! Line ends are normalized before anything else looks at the text \[XML §2.11\], so every carriage
//! return that the tree holds was written as a character reference.
//!
//! ```
//! use countersign_dsig::xml::{Document, Limits};
//!
//! let document = Document::parse(
//!     br#"<p:a xmlns:p="urn:example:p" ID="_1">one <!-- two --><![CDATA[<three>]]></p:a>"#,
//!     &Limits::default(),
//! )?;
//! let root = document.root();
//! assert!(root.is("urn:example:p", "a"));
//! assert_eq!(root.attribute("ID"), Some("_1"));
//! assert_eq!(root.text()?, "one <three>");
//! assert_eq!(document.element_by_id("_1"), Some(root));
//! # Ok::<(), countersign_dsig::xml::XmlError>(())
//! ```

mod chars;
mod declaration;
mod element;
mod error;
mod input;
mod limits;
mod parse;
mod reference;
mod scanner;
mod tokens;
mod tree;
mod tree_writer;

pub use chars::is_ncname;
pub(crate) use chars::is_space;
pub use element::{Attribute, Element};
pub use error::{XmlError, XmlErrorKind};
pub use limits::Limits;
pub use tree::Document;

pub(crate) use tree::{NamespaceId, Node};
pub(crate) use tree_writer::TreeWriter;

/// The namespace that the prefix `xml` is bound to \[XML-Names §3\].
pub const XML_NAMESPACE: &str = "http://www.w3.org/XML/1998/namespace";
/// The namespace that the prefix `xmlns` is bound to \[XML-Names §3\].
pub const XMLNS_NAMESPACE: &str = "http://www.w3.org/2000/xmlns/";
