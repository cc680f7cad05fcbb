//! The identifiers of namespaces and algorithms \[XMLDSig §6.1, EXC-C14N §4, RFC 9231\].

/// The namespace of XML signatures.
pub const DSIG_NAMESPACE: &str = "http://www.w3.org/2000/09/xmldsig#";
/// The namespace of exclusive canonicalization's parameters; the algorithm is named the same.
pub const EXCLUSIVE_C14N: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";

pub(crate) const EXCLUSIVE_C14N_WITH_COMMENTS: &str =
    "http://www.w3.org/2001/10/xml-exc-c14n#WithComments";
pub(crate) const INCLUSIVE_C14N_1_0: &str = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315";
pub(crate) const INCLUSIVE_C14N_1_0_WITH_COMMENTS: &str =
    "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments";
pub(crate) const INCLUSIVE_C14N_1_1: &str = "http://www.w3.org/2006/12/xml-c14n11";
pub(crate) const INCLUSIVE_C14N_1_1_WITH_COMMENTS: &str =
    "http://www.w3.org/2006/12/xml-c14n11#WithComments";
