//! Role catalog, mapping rules, grants that expire, and the access check.
