//! The evidence bundle: one file that proves a signature, and its offline verifier.
