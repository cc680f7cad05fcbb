"""SignedData with one signer and signed attributes [RFC 5652 §5], the base of CAdES and of time-stamps."""

from hashlib import sha1, sha256, sha384, sha512

import certificates
import der

SIGNED_DATA = "1.2.840.113549.1.7.2"
DATA = "1.2.840.113549.1.7.1"
CONTENT_TYPE = "1.2.840.113549.1.9.3"
MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
SIGNING_TIME = "1.2.840.113549.1.9.5"
SIGNING_CERTIFICATE = "1.2.840.113549.1.9.16.2.12"
SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47"

MAX_CERTIFICATES = 16

DIGESTS = {
    "2.16.840.1.101.3.4.2.1": ("sha256", sha256),
    "2.16.840.1.101.3.4.2.2": ("sha384", sha384),
    "2.16.840.1.101.3.4.2.3": ("sha512", sha512),
}
SIGNATURES = {
    "1.2.840.113549.1.1.1": ("rsa", None),
    "1.2.840.113549.1.1.11": ("rsa", "sha256"),
    "1.2.840.113549.1.1.12": ("rsa", "sha384"),
    "1.2.840.113549.1.1.13": ("rsa", "sha512"),
    "1.2.840.10045.4.3.2": ("ecdsa", "sha256"),
    "1.2.840.10045.4.3.3": ("ecdsa", "sha384"),
}


class CmsError(ValueError):
    """The signature is not one, or not right."""


def algorithm(value):
    """An AlgorithmIdentifier, whose parameters are absent or NULL."""
    fields = value.fields()
    oid = fields.take(der.OID).oid()
    parameters = fields.take_if(der.NULL)
    if parameters:
        parameters.null()
    fields.end()
    return oid


def digest_of(oid):
    if oid not in DIGESTS:
        raise CmsError(f"hash algorithm {oid}")
    return DIGESTS[oid]


class SignedData:
    """What a ContentInfo holds, its one signature verified by the certificate that it names."""

    references = [SIGNING_CERTIFICATE_V2]

    def __init__(self, data, content_type, detached):
        """`detached` is the content where it stands elsewhere, else None."""
        try:
            self.read(data, content_type, detached)
        except (der.DerError, certificates.CertificateError) as error:
            raise CmsError(str(error)) from None

    def read(self, data, content_type, detached):
        outer = der.read(data).fields()
        if outer.take(der.OID).oid() != SIGNED_DATA:
            raise CmsError("no SignedData")
        inside = outer.take(0xA0).children()
        outer.end()
        if len(inside) != 1:
            raise CmsError("no SignedData")
        fields = inside[0].fields()
        version = fields.take(der.INTEGER).integer()
        digests = [algorithm(one) for one in der.read_set_of(fields.take(der.SET))]
        self.content = self.encapsulated(fields.take(der.SEQUENCE), content_type, detached)
        found = fields.take_if(0xA0)
        certificates_ = found.children() if found else []
        if len(certificates_) > MAX_CERTIFICATES:
            raise CmsError("too many certificates")
        self.certificates = [certificates.read(one.expect(der.SEQUENCE).bytes) for one in certificates_]
        self.revocation_lists = fields.take_if(0xA1)
        signers = fields.take(der.SET).children()
        fields.end()
        if len(signers) != 1 or len(digests) != 1:
            raise CmsError("not one signer with one hash algorithm")
        self.signer(signers[0], digests[0], content_type)
        # [RFC 5652 §5.1]: 3 where the content is no plain data, else what the signer's version is.
        if version != (self.version if content_type == DATA else 3):
            raise CmsError("version")

    @staticmethod
    def encapsulated(value, content_type, detached):
        fields = value.fields()
        if fields.take(der.OID).oid() != content_type:
            raise CmsError("content of another type")
        if detached is not None:
            fields.end()
            return detached
        content = fields.take(0xA0).children()
        fields.end()
        if len(content) != 1:
            raise CmsError("no content")
        return content[0].octets()

    def signer(self, value, announced, content_type):
        """[RFC 5652 §5.3, §5.4]"""
        fields = value.fields()
        self.version = fields.take(der.INTEGER).integer()
        self.certificate = self.named(self.version, fields.take())
        digest_oid = algorithm(fields.take(der.SEQUENCE))
        if digest_oid != announced:
            raise CmsError("a hash algorithm that is not announced")
        self.digest_name, digest = digest_of(digest_oid)
        signed = fields.take(0xA0)
        signature_oid = algorithm(fields.take(der.SEQUENCE))
        signature = fields.take(der.OCTET_STRING).content
        fields.end()

        # What is signed is the SET, not the tag that it has here.
        signed_bytes = b"\x31" + signed.bytes[1:]
        self.attributes = self.read_attributes(der.read(signed_bytes))
        if self.attribute(CONTENT_TYPE).oid() != content_type:
            raise CmsError("content-type")
        if self.attribute(MESSAGE_DIGEST).octets() != digest(self.content).digest():
            raise CmsError("the content is not what was signed")
        self.check_signing_certificate()

        if signature_oid not in SIGNATURES:
            raise CmsError(f"signature algorithm {signature_oid}")
        scheme, hash_name = SIGNATURES[signature_oid]
        if hash_name not in (None, self.digest_name):
            raise CmsError("two hash algorithms")
        if not certificates.verifies(self.certificate.key, (scheme, self.digest_name), signed_bytes, signature):
            raise CmsError("the signature is wrong")

    def named(self, version, identifier):
        if version == 1 and identifier.tag == der.SEQUENCE:
            fields = identifier.fields()
            issuer, serial = fields.take(der.SEQUENCE).bytes, fields.take(der.INTEGER).bytes
            fields.end()
            found = [c for c in self.certificates if (c.issuer, c.serial) == (issuer, serial)]
        elif version == 3 and identifier.tag == 0x80:
            found = [c for c in self.certificates if c.key_identifier() == identifier.content]
        else:
            raise CmsError("a signer named in another way")
        if not found:
            raise CmsError("the signer's certificate is not there")
        return found[0]

    @staticmethod
    def read_attributes(value):
        found = {}
        for one in der.read_set_of(value):
            fields = one.fields()
            oid = fields.take(der.OID).oid()
            values = fields.take(der.SET).children()
            fields.end()
            if oid in found or len(values) != 1:
                raise CmsError("an attribute without one value")
            found[oid] = values[0]
        return found

    def attribute(self, oid):
        if oid not in self.attributes:
            raise CmsError(f"attribute {oid} is missing")
        return self.attributes[oid]

    def check_signing_certificate(self):
        """The first certificate that each such attribute names is the signer's [RFC 5035 §3, §4]."""
        found = [oid for oid in self.references if oid in self.attributes]
        if not found:
            raise CmsError("no reference to the certificate")
        for oid in found:
            fields = self.attributes[oid].fields()
            named = [CertificateId(one, oid) for one in fields.take(der.SEQUENCE).children()]
            fields.take_if(der.SEQUENCE)
            fields.end()
            if not named or not named[0].names(self.certificate):
                raise CmsError("the signing certificate is another")
            if len(named) > 1:
                # A path leads only over those [RFC 5035 §3].
                self.certificates = [c for c in self.certificates if any(one.names(c) for one in named)]


class CertificateId:
    """ESSCertID and ESSCertIDv2 [RFC 5035 §5, §4]."""

    def __init__(self, value, attribute):
        fields = value.fields()
        self.digest, other = (sha1 if attribute == SIGNING_CERTIFICATE else sha256), None
        if attribute == SIGNING_CERTIFICATE_V2:
            other = fields.take_if(der.SEQUENCE)
        if other:
            oid = algorithm(other)
            self.digest = digest_of(oid)[1]
            if self.digest is sha256:
                raise CmsError("a default that is written")  # [X.690 §11.5]
        self.hash = fields.take(der.OCTET_STRING).content
        issuer_serial = fields.take_if(der.SEQUENCE)
        fields.end()
        self.issuer = self.serial = None
        if issuer_serial:
            inside = issuer_serial.fields()
            names = inside.take(der.SEQUENCE).children()
            self.serial = inside.take(der.INTEGER).bytes
            inside.end()
            if len(names) != 1 or names[0].tag != 0xA4:
                raise CmsError("an issuer without a directory name")
            self.issuer = names[0].content

    def names(self, certificate):
        if self.hash != self.digest(certificate.bytes).digest():
            return False
        return self.serial is None or (self.issuer, self.serial) == (certificate.issuer, certificate.serial)
