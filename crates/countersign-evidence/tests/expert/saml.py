"""What an assertion says, and whether it is what was recorded [bundle.md §5.8, §5.9]."""

import base64
import binascii

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import forms
import xml_tree
from xml_tree import XmlError

ASSERTION = "urn:oasis:names:tc:SAML:2.0:assertion"
PROTOCOL = "urn:oasis:names:tc:SAML:2.0:protocol"
SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"
BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
XMLENC = "http://www.w3.org/2001/04/xmlenc#"
XMLENC11 = "http://www.w3.org/2009/xmlenc11#"
GCM = {XMLENC11 + f"aes{bits}-gcm": bits // 8 for bits in (128, 192, 256)}
CBC = {XMLENC + f"aes{bits}-cbc": bits // 8 for bits in (128, 192, 256)}
SKEW = 5 * 60_000


class Wrong(ValueError):
    """It says something else, or nothing that a door lets in."""


class Unknown(ValueError):
    """It may be right, and nothing here shows it."""


def need(condition, what):
    if not condition:
        raise Wrong(what)


class Keys:
    """The content keys, one after the other [record.md §5]."""

    def __init__(self, committed, opened):
        self.committed, self.opened = committed, opened
        self.left = opened.split(" ") if isinstance(opened, str) else []

    def open(self, holder):
        """The element that is encrypted in `holder`."""
        if self.committed and not isinstance(self.opened, str):
            raise Unknown("its key is not disclosed")
        need(self.left, "no key for it")
        try:
            key = bytes.fromhex(self.left.pop(0))
        except ValueError:
            raise Wrong("no key") from None
        data = sole(holder, XMLENC, "EncryptedData")
        method = sole(data, XMLENC, "EncryptionMethod").get("Algorithm")
        value = sole(sole(data, XMLENC, "CipherData"), XMLENC, "CipherValue").text() or ""
        try:
            sealed = base64.b64decode("".join(value.split()), validate=True)
            plain = decrypt(method, key, sealed)
            # An element may lean on the namespaces around the place where it stood.
            return xml_tree.parse(plain, data.parent.scope)
        except (binascii.Error, XmlError, InvalidTag):
            raise Wrong("not encrypted with this key") from None


def decrypt(method, key, sealed):
    length = GCM.get(method) or CBC.get(method)
    if length is None:
        raise Unknown("another cipher")
    need(len(key) == length, "a key of another length")
    if method in GCM:
        need(len(sealed) >= 28, "too short")
        return AESGCM(key).decrypt(sealed[:12], sealed[12:], None)
    need(len(sealed) >= 32 and len(sealed) % 16 == 0, "no blocks")
    decryptor = Cipher(algorithms.AES(key), modes.CBC(sealed[:16])).decryptor()
    plain = decryptor.update(sealed[16:]) + decryptor.finalize()
    need(1 <= plain[-1] <= 16, "no padding")
    return plain[: -plain[-1]]


def optional(parent, namespace, *names):
    found = parent.children(namespace, *names)
    need(len(found) <= 1, "said twice")
    return found[0] if found else None


def sole(parent, namespace, *names):
    found = optional(parent, namespace, *names)
    need(found is not None, "not said")
    return found


def text(element):
    value = element.text()
    need(value is not None, "elements where text belongs")
    return value


def instant(element, name, required=False):
    value = element.get(name)
    need(value is not None or not required, "no time")
    try:
        return None if value is None else forms.any_time(value)
    except forms.FormError:
        raise Wrong("no time") from None


class Window:
    def __init__(self, element):
        self.start, self.end = instant(element, "NotBefore"), instant(element, "NotOnOrAfter")

    def holds(self, at):
        return (self.start is None or self.start <= at + SKEW) and (self.end is None or at - SKEW < self.end)


class Statement:
    """Read from `signed.xml`."""

    def __init__(self, signed, element, reference, keys):
        try:
            root = xml_tree.parse_canonical(signed)
        except XmlError as error:
            raise Wrong(str(error)) from None
        need(root.name == element, "another element")
        need(root.get("ID") and reference == "#" + root.get("ID"), "not what is referred to")
        self.issued = []
        if (root.namespace, root.name) == (PROTOCOL, "Response"):
            status = sole(sole(root, PROTOCOL, "Status"), PROTOCOL, "StatusCode")
            need(status.get("Value") == SUCCESS, "no success")
            one = sole(root, ASSERTION, "Assertion", "EncryptedAssertion")
            if one.name == "EncryptedAssertion":
                one = keys.open(one)
            self.assertion(one, keys)
            need(text(sole(root, ASSERTION, "Issuer")) == self.issuer, "another issuer")
            self.issued.append(instant(root, "IssueInstant", True))
        else:
            self.assertion(root, keys)

    def assertion(self, one, keys):
        need((one.namespace, one.name) == (ASSERTION, "Assertion"), "no assertion")
        self.issuer, self.id = text(sole(one, ASSERTION, "Issuer")), one.get("ID")
        need(self.id is not None, "no ID")
        self.issued.append(instant(one, "IssueInstant", True))
        conditions, subject = sole(one, ASSERTION, "Conditions"), sole(one, ASSERTION, "Subject")
        self.conditions = Window(conditions)
        self.audiences = [
            [text(audience) for audience in restriction.children(ASSERTION, "Audience")]
            for restriction in conditions.children(ASSERTION, "AudienceRestriction")
        ]
        windows = [
            Window(sole(confirmation, ASSERTION, "SubjectConfirmationData"))
            for confirmation in subject.children(ASSERTION, "SubjectConfirmation")
            if confirmation.get("Method") == BEARER
        ]
        self.confirmations = [window for window in windows if window.end is not None]
        named = [optional(subject, ASSERTION, "NameID"), optional(subject, ASSERTION, "EncryptedID")]
        need(named.count(None) == 1, "not one subject")
        name_id = named[0] or keys.open(named[1])
        need((name_id.namespace, name_id.name) == (ASSERTION, "NameID"), "no name identifier")
        self.name_id = {
            "format": name_id.get("Format"), "name_qualifier": name_id.get("NameQualifier"),
            "sp_name_qualifier": name_id.get("SPNameQualifier"), "value": text(name_id),
        }  # fmt: skip
        self.authentication(optional(one, ASSERTION, "AuthnStatement"))
        self.attributes = []
        for statement in one.children(ASSERTION, "AttributeStatement"):
            for attribute in statement.children(ASSERTION, "Attribute", "EncryptedAttribute"):
                if attribute.name == "EncryptedAttribute":
                    try:
                        attribute = keys.open(attribute)
                    except Unknown:
                        continue
                need(attribute.get("Name") is not None, "no name")
                self.attributes += [(attribute.get("Name"), value.text()) for value in attribute.children()]

    def authentication(self, statement):
        self.instant = self.session_end = self.session_index = self.context = None
        if statement is None:
            return
        self.instant = instant(statement, "AuthnInstant", True)
        self.session_end = instant(statement, "SessionNotOnOrAfter")
        self.session_index = statement.get("SessionIndex")
        context = optional(sole(statement, ASSERTION, "AuthnContext"), ASSERTION, "AuthnContextClassRef")
        self.context = None if context is None else text(context)

    def is_for(self, audiences):
        return any(self.audiences and all(one in some for some in self.audiences) for one in audiences)

    def holds(self, at):
        return (
            all(issued <= at + SKEW for issued in self.issued)
            and self.conditions.holds(at)
            and any(window.holds(at) for window in self.confirmations)
        )

    def compare(self, record, opened):
        """With an `assertion.verified` record and its openings, (salt, value) by field."""
        body, time = record.body, lambda value: None if value is None else forms.time(value)
        need(self.issuer == body["issuer"], "another issuer")
        need(self.instant == time(body["authn_instant"]), "another time of authentication")
        need(self.context == body["authn_context"], "another authentication")
        need(self.session_end == time(body["session_not_on_or_after"]), "another end of the session")
        need(self.holds(record.at), "not at this time")
        kept = []
        said = {"name_id": self.name_id, "assertion_id": self.id, "session_index": self.session_index}
        for field, value in said.items():
            need((value is not None) == (field in record.commitments), "another " + field)
            if value is None:
                continue
            if field in opened:
                need(opened[field][1] == value, "another " + field)
            else:
                kept.append(field)
        if kept:
            raise Unknown("not disclosed: " + ", ".join(kept))

    def names(self, subject):
        """Whether it is about this subject of an account."""
        if not isinstance(subject, dict) or set(subject) != {"issuer", "subject"}:
            return False
        if subject["issuer"] != self.issuer:
            return False
        value = subject["subject"]
        if self.name_id["value"] == value and self.name_id["format"] != TRANSIENT:
            return True
        by_name = {}
        for name, text_ in self.attributes:
            by_name.setdefault(name, set()).add(text_)
        return {value} in by_name.values()
