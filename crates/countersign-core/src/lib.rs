//! The vocabulary of countersign: ids, time, verified identities, facts, grants and entries. No I/O, no cryptography, no async.
