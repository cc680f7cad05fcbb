//! Checkpoints, and the bundle that proves one signature.
