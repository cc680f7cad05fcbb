"""What the identity provider signed [bundle.md §5.5]."""

import base64
import binascii
from hashlib import sha256, sha384, sha512

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_der_public_key
from cryptography.exceptions import InvalidSignature

import certificates
import der
import xml_tree

DS = "http://www.w3.org/2000/09/xmldsig#"
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
    """That the files are the record's, and that the certificate's key signed: the reference then."""
    hashes = [sha256(part).hexdigest() for part in (signed, info, signature, certificate)]
    need([blob["sha256"] for blob in record.blobs] == hashes, "the files are not those of the record")
    need(record.body["signed_sha256"] == hashes[0], "another element was recorded")
    need(record.body["certificate_sha256"] == hashes[3], "another certificate was recorded")
    method, reference, digest_method, digest_value = read_signed_info(info)
    need(method == record.body["signature_algorithm"], "another algorithm was recorded")
    need(method in SIGNATURES, "an algorithm that nobody should accept")
    need(digest_method in DIGESTS, "a hash that nobody should accept")
    need(DIGESTS[digest_method](signed).digest() == digest_value, "something else was digested")
    need(verifies(public_key(certificate), SIGNATURES[method], info, signature), "the signature is wrong")
    return reference


def read_signed_info(info):
    """The signature's algorithm, what the one reference refers to, its digest's algorithm, its digest."""
    try:
        root = xml_tree.parse_canonical(info)
    except xml_tree.XmlError as error:
        raise AssertionError_(str(error)) from None
    need((root.namespace, root.name) == (DS, "SignedInfo") and is_blank(root), "no SignedInfo")
    need(named(root) == ["CanonicalizationMethod", "SignatureMethod", "Reference"], "other children")
    _, method, reference = root.children()
    need(is_blank(reference), "another reference")
    parts = reference.children()
    if named(reference)[:1] == ["Transforms"]:
        parts.pop(0)
    need(named(reference)[-len(parts):] == ["DigestMethod", "DigestValue"], "another reference")
    need(len(parts) == 2 and parts[1].text() is not None, "another reference")
    try:
        value = base64.b64decode("".join(parts[1].text().split()), validate=True)
    except (binascii.Error, ValueError):
        raise AssertionError_("no base64") from None
    algorithms = method.get("Algorithm"), parts[0].get("Algorithm")
    need(None not in algorithms, "no algorithm")
    return algorithms[0], reference.get("URI"), algorithms[1], value


def named(element):
    """The names of its children; None for one of another namespace."""
    return [child.name if child.namespace == DS else None for child in element.children()]


def is_blank(element):
    """Whether there is no text but white space beside its children."""
    return not "".join(part for part in element.content if isinstance(part, str)).strip(" \t\r\n")


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
