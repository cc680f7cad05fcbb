//! A hardened XML tree over quick-xml, canonicalization, and XML signature verification and creation.
