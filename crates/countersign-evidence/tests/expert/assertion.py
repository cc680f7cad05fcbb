"""What the identity provider signed [bundle.md §5.5]."""

import base64
import binascii
import xml.etree.ElementTree as ElementTree
from hashlib import sha256, sha384, sha512

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_der_public_key
from cryptography.exceptions import InvalidSignature

import certificates
import der

DS = "{http://www.w3.org/2000/09/xmldsig#}"
MORE = "http://www.w3.org/2001/04/xmldsig-more#"
MORE_2007 = "http://www.w3.org/2007/05/xmldsig-more#"
DIGESTS = {
    "http://www.w3.org/2001/04/xmlenc#sha256": sha256,
    MORE + "sha384": sha384,
    "http://www.w3.org/2001/04/xmlenc#sha512": sha512,
}
SIGNATURES = {
    MORE + "rsa-sha256": ("rsa", "sha256"),
    MORE + "rsa-sha384": ("rsa", "sha384"),
    MORE + "rsa-sha512": ("rsa", "sha512"),
    MORE_2007 + "sha256-rsa-MGF1": ("pss", "sha256"),
    MORE_2007 + "sha384-rsa-MGF1": ("pss", "sha384"),
    MORE_2007 + "sha512-rsa-MGF1": ("pss", "sha512"),
    MORE + "ecdsa-sha256": ("ecdsa", "sha256"),
    MORE + "ecdsa-sha384": ("ecdsa", "sha384"),
    "http://www.w3.org/2021/04/xmldsig-more#eddsa-ed25519": ("eddsa", None),
}


class AssertionError_(ValueError):
    """It is not what the record says, or the provider did not sign it."""


def need(condition, what):
    if not condition:
        raise AssertionError_(what)


def check(record, signed, info, signature, certificate):
    """That the files are the record's, and that the certificate's key signed."""
    hashes = [sha256(part).hexdigest() for part in (signed, info, signature, certificate)]
    need([blob["sha256"] for blob in record.blobs] == hashes, "the files are not those of the record")
    need(record.body["signed_sha256"] == hashes[0], "another element was recorded")
    need(record.body["certificate_sha256"] == hashes[3], "another certificate was recorded")
    method, digest_method, digest_value = read_signed_info(info)
    need(method == record.body["signature_algorithm"], "another algorithm was recorded")
    need(method in SIGNATURES, "an algorithm that nobody should accept")
    need(digest_method in DIGESTS, "a hash that nobody should accept")
    need(DIGESTS[digest_method](signed).digest() == digest_value, "something else was digested")
    need(verifies(public_key(certificate), SIGNATURES[method], info, signature), "the signature is wrong")


def read_signed_info(info):
    """The signature's algorithm, the digest's, and the digest of the one reference."""
    need(b"<!" not in info and b"<?" not in info, "more than elements and text")
    try:
        element = ElementTree.fromstring(info)
    except (ElementTree.ParseError, ValueError, LookupError):
        raise AssertionError_("no XML") from None
    need(element.tag == DS + "SignedInfo", "no SignedInfo")
    names = [child.tag.removeprefix(DS) for child in element]
    need(names == ["CanonicalizationMethod", "SignatureMethod", "Reference"], "other children")
    parts = list(element[2])
    if parts and parts[0].tag == DS + "Transforms":
        parts.pop(0)
    need([part.tag for part in parts] == [DS + "DigestMethod", DS + "DigestValue"], "another reference")
    try:
        value = base64.b64decode("".join((parts[1].text or "").split()), validate=True)
    except (binascii.Error, ValueError):
        raise AssertionError_("no base64") from None
    return element[1].get("Algorithm"), parts[0].get("Algorithm"), value


def public_key(data):
    """Of a certificate, or of a SubjectPublicKeyInfo."""
    try:
        return certificates.read(data).key
    except certificates.CertificateError:
        pass
    try:
        der.read(data)
        return load_der_public_key(data)
    except Exception:  # the library has many ways to say no
        raise AssertionError_("no key") from None


def verifies(key, algorithm, message, signature):
    if algorithm[0] == "ecdsa":
        # XML-DSig has r ‖ s, each as long as the curve's field [RFC 4050 §3.3].
        if not isinstance(key, ec.EllipticCurvePublicKey) or len(signature) != 2 * ((key.key_size + 7) // 8):
            return False
        half = len(signature) // 2
        r, s = (int.from_bytes(part, "big") for part in (signature[:half], signature[half:]))
        signature = encode_dss_signature(r, s)
    if algorithm[0] == "eddsa":
        if not isinstance(key, ed25519.Ed25519PublicKey):
            return False
        try:
            key.verify(signature, message)
        except InvalidSignature:
            return False
        return True
    return certificates.verifies(key, algorithm, message, signature)
