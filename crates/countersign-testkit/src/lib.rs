//! For tests of countersign and of its hosts: a test identity provider, attacks, conformance suites, and stores that are broken on purpose.
