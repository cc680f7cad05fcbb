//! How large a document may be.

/// Bounds on a document, each checked before memory is taken for what it bounds.
///
/// The defaults fit a SAML message with a wide margin and keep the work that a stranger can cause
/// small: a signed Response of 500 groups has 60 KB, some 600 elements, 9 levels, at most 7
/// attributes and 5 namespace declarations on one element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of the input. Default 1 MiB: nearly twice the largest Response measured, one with
    /// 5,000 groups.
    pub max_bytes: usize,
    /// Elements that contain each other, the root counted. Default 64; SAML with an embedded
    /// XML-valued attribute stays under 20.
    pub max_depth_elements: usize,
    /// Elements in all. Default 65,536; 1 MiB of real messages holds some 20,000.
    pub max_elements: usize,
    /// Attributes of one element, namespace declarations not counted. Default 64; duplicates are
    /// looked for among them by comparing pairs. SAML's largest set is EndpointType's with
    /// extensions, under 10.
    pub max_attributes_per_element: usize,
    /// Namespace declarations of one element. Default 64; Shibboleth and WS-Federation metadata
    /// declare up to some 20 on their root.
    pub max_namespaces_per_element: usize,
    /// Namespace declarations in scope at any one place. Default 256: a prefix is looked up among
    /// them one by one.
    pub max_namespaces_in_scope: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_bytes: 1024 * 1024,
            max_depth_elements: 64,
            max_elements: 65_536,
            max_attributes_per_element: 64,
            max_namespaces_per_element: 64,
            max_namespaces_in_scope: 256,
        }
    }
}
