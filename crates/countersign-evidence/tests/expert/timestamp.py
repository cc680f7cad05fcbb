"""Time-stamp tokens and chains of them [time.md §3, §6; RFC 3161 §2.4.2]."""

from datetime import timedelta

from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

import certificates
import cms
import der

SKEW = timedelta(minutes=5)
TST_INFO = "1.2.840.113549.1.9.16.1.4"


PURPOSES = {ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}


class Token(cms.SignedData):
    """A token whose signature holds, and what it states."""

    references = [cms.SIGNING_CERTIFICATE_V2, cms.SIGNING_CERTIFICATE]

    def __init__(self, data):
        super().__init__(data, TST_INFO, None)
        try:
            self.info(der.read(self.content).fields())
        except der.DerError as error:
            raise cms.CmsError(str(error)) from None

    def info(self, fields):
        if fields.take(der.INTEGER).integer() != 1:
            raise cms.CmsError("version")
        self.policy = fields.take(der.OID).oid()
        imprint = fields.take(der.SEQUENCE).fields()
        self.imprint_digest = cms.digest_of(cms.algorithm(imprint.take(der.SEQUENCE)))[1]
        self.imprint = imprint.take(der.OCTET_STRING).content
        imprint.end()
        self.serial = fields.take(der.INTEGER).integer()
        self.gen_time = cut(fields.take(der.GENERALIZED_TIME).time())
        accuracy = fields.take_if(der.SEQUENCE)
        if accuracy:
            check_accuracy(accuracy.fields())
        ordering = fields.take_if(der.BOOLEAN)
        if ordering and not ordering.boolean():
            raise cms.CmsError("a default that is written")
        nonce = fields.take_if(der.INTEGER)
        if nonce:
            nonce.integer()
        tsa = fields.take_if(0xA0)
        if tsa and not self.certificate.has_name(tsa.content):
            raise cms.CmsError("the authority has another name")
        extensions = fields.take_if(0xA1)
        if extensions:
            check_extensions(extensions.children())
        fields.end()

    def covers(self, data):
        return self.imprint_digest(data).digest() == self.imprint

    def trusted(self, anchors, when):
        """At this time, and when it was made [time.md §3]."""
        if self.gen_time > when + SKEW or not self.certificate.valid_at(self.gen_time):
            return False
        return certificates.path(self.certificate, self.certificates, anchors, when, may_stamp, PURPOSES)


def cut(time):
    """To the millisecond."""
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


def check_accuracy(fields):
    """Seconds, thousandths from 1 to 999, and thousandths of those [RFC 3161 §2.4.2]."""
    seconds = fields.take_if(der.INTEGER)
    if seconds and seconds.integer() < 0:
        raise cms.CmsError("an accuracy below zero")
    for tag in (0x80, 0x81):
        part = fields.take_if(tag)
        if part and not 1 <= der.whole_number(part.content) <= 999:
            raise cms.CmsError("an accuracy that is none")
    fields.end()


def check_extensions(values):
    for one in values:
        fields = one.fields()
        fields.take(der.OID).oid()
        critical = fields.take_if(der.BOOLEAN)
        fields.take(der.OCTET_STRING)
        fields.end()
        if critical:
            critical.boolean()
            raise cms.CmsError("a critical extension, or a default that is written")


def may_stamp(certificate):
    """Its one extended key usage is time-stamping, and critical [RFC 3161 §2.3]."""
    usage = certificate.extensions.get(ExtensionOID.EXTENDED_KEY_USAGE)
    if usage is None or not usage.critical or list(usage.value) != [ExtendedKeyUsageOID.TIME_STAMPING]:
        return False
    key_usage = certificate.extension(ExtensionOID.KEY_USAGE)
    return key_usage is None or key_usage.digital_signature or key_usage.content_commitment


def read_chain(tokens, data):
    """The tokens, the first over `data`, each further one over that and all tokens before it."""
    found = []
    for token in tokens:
        read = Token(token)
        if not read.covers(data):
            raise cms.CmsError("the imprint is of something else")
        found.append(read)
        data += token
    return found


def trusted_chain(tokens, anchors, now):
    """Each token's path is valid at the time that the next one states, the last one's now."""
    times = [token.gen_time for token in tokens[1:]] + [now]
    return all(token.trusted(anchors, when) for token, when in zip(tokens, times))
