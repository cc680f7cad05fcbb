//! How large a document may be.

/// Bounds on a document, each checked before memory is taken for what it bounds.
///
/// The defaults fit a SAML message with a wide margin and keep the work that a stranger can cause
/// small. What real messages and metadata need was measured on those of AD FS, Google, Keycloak,
/// Okta, OneLogin and Shibboleth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of the input. Default 1 MiB: a signed Response with 5,000 groups has half of it.
    pub max_bytes: usize,
    /// Elements that contain each other, the root counted. Default 64; the deepest real message
    /// has 11.
    pub max_depth_elements: usize,
    /// Elements in all. Default 65,536; real messages spend at least 37 bytes on each, so 1 MiB
    /// of them holds under 29,000.
    pub max_elements: usize,
    /// Attributes of one element, namespace declarations not counted. Default 32; real ones have
    /// up to 6. Duplicates are looked for by comparing pairs.
    pub max_attributes_per_element: usize,
    /// Namespace declarations of one element. Default 64; real ones have up to 6, federation
    /// metadata some more.
    pub max_namespaces_per_element: usize,
    /// Namespace declarations in scope at any one place. Default 128: a prefix is looked up among
    /// them one by one.
    pub max_namespaces_in_scope: usize,
    /// Different namespaces in the whole document, however often each is declared. Default 64;
    /// real messages have up to 6. A declaration is compared with all of them, so that
    /// nothing after it has to compare URIs.
    pub max_namespaces: usize,
}

impl Limits {
    /// No bounds, for what is bounded already.
    pub(crate) const NONE: Self = Self {
        max_bytes: usize::MAX,
        max_depth_elements: usize::MAX,
        max_elements: usize::MAX,
        max_attributes_per_element: usize::MAX,
        max_namespaces_per_element: usize::MAX,
        max_namespaces_in_scope: usize::MAX,
        max_namespaces: usize::MAX,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_bytes: 1024 * 1024,
            max_depth_elements: 64,
            max_elements: 65_536,
            max_attributes_per_element: 32,
            max_namespaces_per_element: 64,
            max_namespaces_in_scope: 128,
            max_namespaces: 64,
        }
    }
}
