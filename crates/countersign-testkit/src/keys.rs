//! Key pairs for tests, with their self-signed certificates (2020 to 2120 unless named), in DER.
//!
//! Everybody knows these keys: trust none of them outside a test. `keys/generate.sh` makes those
//! that are missing.

/// The test identity provider's key: RSA, 2048 bits, PKCS#8.
pub const IDP_RSA_2048_PKCS8: &[u8] = include_bytes!("../keys/rsa-2048-idp.pk8");
/// The test identity provider's certificate over [`IDP_RSA_2048_PKCS8`].
pub const IDP_RSA_2048_CERTIFICATE: &[u8] = include_bytes!("../keys/rsa-2048-idp.crt");

/// The key of a stranger, whom nobody configured: RSA, 2048 bits, PKCS#8.
pub const OTHER_RSA_2048_PKCS8: &[u8] = include_bytes!("../keys/rsa-2048-other.pk8");
/// The certificate over [`OTHER_RSA_2048_PKCS8`].
pub const OTHER_RSA_2048_CERTIFICATE: &[u8] = include_bytes!("../keys/rsa-2048-other.crt");

/// The key that a test service provider decrypts with: RSA, 2048 bits, PKCS#8.
pub const SP_RSA_2048_PKCS8: &[u8] = include_bytes!("../keys/rsa-2048-sp.pk8");
/// The certificate over [`SP_RSA_2048_PKCS8`].
pub const SP_RSA_2048_CERTIFICATE: &[u8] = include_bytes!("../keys/rsa-2048-sp.crt");

/// A key that is too short to be accepted: RSA, 1024 bits, PKCS#8.
pub const WEAK_RSA_1024_PKCS8: &[u8] = include_bytes!("../keys/rsa-1024.pk8");
/// The certificate over [`WEAK_RSA_1024_PKCS8`].
pub const WEAK_RSA_1024_CERTIFICATE: &[u8] = include_bytes!("../keys/rsa-1024.crt");

/// The test identity provider's key on the curve P-256, PKCS#8.
pub const IDP_P256_PKCS8: &[u8] = include_bytes!("../keys/p256.pk8");
/// The test identity provider's certificate over [`IDP_P256_PKCS8`].
pub const IDP_P256_CERTIFICATE: &[u8] = include_bytes!("../keys/p256.crt");

/// The test identity provider's key on the curve P-384, PKCS#8.
pub const IDP_P384_PKCS8: &[u8] = include_bytes!("../keys/p384.pk8");
/// The test identity provider's certificate over [`IDP_P384_PKCS8`].
pub const IDP_P384_CERTIFICATE: &[u8] = include_bytes!("../keys/p384.crt");

/// The test identity provider's Ed25519 key, PKCS#8.
pub const IDP_ED25519_PKCS8: &[u8] = include_bytes!("../keys/ed25519.pk8");
/// The test identity provider's certificate over [`IDP_ED25519_PKCS8`].
pub const IDP_ED25519_CERTIFICATE: &[u8] = include_bytes!("../keys/ed25519.crt");

/// A key on the curve P-256 whose certificate has expired, PKCS#8.
pub const EXPIRED_P256_PKCS8: &[u8] = include_bytes!("../keys/p256-until-2025.pk8");
/// The certificate over [`EXPIRED_P256_PKCS8`], valid until 2025-01-01.
pub const EXPIRED_P256_CERTIFICATE: &[u8] = include_bytes!("../keys/p256-until-2025.crt");
