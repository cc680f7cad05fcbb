"""Certificates and the paths between them [RFC 5280 §6.1]."""

from datetime import timezone
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtensionOID

import der

MAX_PATH = 8
HASHES = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}
# Extensions that a path may mark as critical, because they are judged here or by who calls.
UNDERSTOOD = {
    ExtensionOID.BASIC_CONSTRAINTS,
    ExtensionOID.KEY_USAGE,
    ExtensionOID.EXTENDED_KEY_USAGE,
}


class CertificateError(ValueError):
    """A certificate that is none, or that does not do."""


class Certificate:
    """A certificate, its bytes, and what is asked of it."""

    def __init__(self, data):
        self.bytes = data
        try:
            fields = der.read(data).fields()
            inner = fields.take(der.SEQUENCE).fields()
            inner.take_if(0xA0)
            self.serial = inner.take(der.INTEGER).bytes
            inner.take(der.SEQUENCE)
            self.issuer = inner.take(der.SEQUENCE).bytes
            inner.take(der.SEQUENCE)
            self.subject = inner.take(der.SEQUENCE).bytes
            self.public_key_info = inner.take(der.SEQUENCE).bytes
            fields.take(der.SEQUENCE)
            if fields.take(der.BIT_STRING).content[:1] != b"\0":
                raise CertificateError("a signature with half a byte")  # [X.690 §8.6.2]
            fields.end()
            self.parsed = x509.load_der_x509_certificate(data)
            self.key = self.parsed.public_key()
            self.extensions = {e.oid: e for e in self.parsed.extensions}
            self.from_ = self.parsed.not_valid_before_utc.astimezone(timezone.utc)
            self.until = self.parsed.not_valid_after_utc.astimezone(timezone.utc)
        except CertificateError:
            raise
        except Exception as error:  # the library has many ways to say no
            raise CertificateError(f"not a certificate: {error}") from None

    def extension(self, oid):
        found = self.extensions.get(oid)
        return found.value if found else None

    def key_identifier(self):
        found = self.extension(ExtensionOID.SUBJECT_KEY_IDENTIFIER)
        return found.digest if found else None

    def has_name(self, general_name):
        """Whether this GeneralName (DER) is its subject, or one of its other names."""
        if general_name == der_tlv(0xA4, self.subject):
            return True
        other = self.extension(ExtensionOID.SUBJECT_ALTERNATIVE_NAME)
        return bool(other) and general_name in [v.bytes for v in der.read(other.public_bytes()).children()]

    def is_authority(self, below, purposes):
        """It may sign certificates, with so many authorities below it [RFC 5280 §4.2.1.3, §4.2.1.9]."""
        basic = self.extension(ExtensionOID.BASIC_CONSTRAINTS)
        if not basic or not basic.ca or (basic.path_length is not None and basic.path_length < below):
            return False
        named = self.extension(ExtensionOID.EXTENDED_KEY_USAGE)
        if named is not None and not purposes.intersection(named):
            return False
        usage = self.extension(ExtensionOID.KEY_USAGE)
        return usage is None or usage.key_cert_sign

    def valid_at(self, when):
        return self.from_ <= when <= self.until

    def issued(self, other):
        """Whether this one's key signed the other, and its name says so."""
        if self.subject != other.issuer:
            return False
        try:
            other.parsed.verify_directly_issued_by(self.parsed)
        except (InvalidSignature, ValueError, TypeError):
            return False
        return True


@lru_cache(maxsize=1024)
def read(data):
    """A certificate, which is the same in thousands of bundles."""
    return Certificate(data)


def path(leaf, others, anchors, when, may_be, purposes):
    """Whether a chain leads from the certificate to an anchor, all of it valid at that time [time.md §4].

    `may_be(certificate)` judges what the leaf itself may be used for; an authority that names
    purposes has to name one of `purposes`.
    """

    def sound(certificate):
        unknown = [e.oid for e in certificate.extensions.values() if e.critical and e.oid not in UNDERSTOOD]
        return not unknown and certificate.valid_at(when)

    def climbs(current, below, seen):
        if any(anchor.bytes == current.bytes for anchor in anchors):
            return True
        if len(seen) >= MAX_PATH:
            return False
        return any(
            issuer not in seen
            and issuer.issued(current)
            and issuer.is_authority(below, purposes)
            and sound(issuer)
            and climbs(issuer, below + 1, [*seen, issuer])
            for issuer in [*anchors, *others]
        )

    return may_be(leaf) and sound(leaf) and climbs(leaf, 0, [leaf])


def der_tlv(tag, content):
    """A DER value [X.690 §8.1]."""
    length = len(content)
    long = b"" if length < 0x80 else length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(long)]) + long + content if long else bytes([tag, length]) + content


def verifies(key, algorithm, message, signature):
    """Whether the key made the signature. `algorithm` is (scheme, hash)."""
    scheme, name = algorithm
    digest = HASHES[name]
    try:
        if scheme == "rsa" and isinstance(key, rsa.RSAPublicKey):
            if not 2048 <= key.key_size <= 8192:
                return False
            key.verify(signature, message, padding.PKCS1v15(), digest)
        elif scheme == "pss" and isinstance(key, rsa.RSAPublicKey):
            if not 2048 <= key.key_size <= 8192:
                return False
            key.verify(signature, message, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
        elif scheme == "ecdsa" and isinstance(key, ec.EllipticCurvePublicKey):
            if key.curve.name not in ("secp256r1", "secp384r1") or name == "sha512":
                return False
            key.verify(signature, message, ec.ECDSA(digest))
        else:
            return False
    except InvalidSignature:
        return False
    return True


def public_key_bytes(key):
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
