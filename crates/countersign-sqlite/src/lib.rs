//! The embedded default store: users, links, grants, replay, outbox and ledger in one SQLite file.
