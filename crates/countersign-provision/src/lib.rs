//! Attribute presets, matching and provisioning policy as one pure decision, and the user store port.
