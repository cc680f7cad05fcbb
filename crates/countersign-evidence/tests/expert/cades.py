"""A detached CAdES baseline signature, B-B [time.md §2; ETSI EN 319 122-1 §6.3]."""

from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, ObjectIdentifier

import certificates
import cms
import der


PURPOSES = {
    ObjectIdentifier("1.3.6.1.5.5.7.3.36"),  # documentSigning [RFC 9336]
    ExtendedKeyUsageOID.EMAIL_PROTECTION,
    ObjectIdentifier("1.3.6.1.4.1.311.10.3.12"),  # Microsoft's
    ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
}


class Signature(cms.SignedData):
    """A signature that holds, and the time that its signer claims."""

    def __init__(self, data, content):
        super().__init__(data, cms.DATA, content)
        if self.revocation_lists:
            raise cms.CmsError("revocation lists inside")
        try:
            self.signing_time = self.attribute(cms.SIGNING_TIME).time()
        except der.DerError as error:
            raise cms.CmsError(str(error)) from None

    def trusted(self, anchors, when):
        return certificates.path(self.certificate, self.certificates, anchors, when, may_seal, PURPOSES)


def may_seal(certificate):
    """[time.md §2]"""
    purposes = certificate.extension(ExtensionOID.EXTENDED_KEY_USAGE)
    if purposes is not None and not PURPOSES.intersection(purposes):
        return False
    usage = certificate.extension(ExtensionOID.KEY_USAGE)
    return usage is None or usage.digital_signature or usage.content_commitment
