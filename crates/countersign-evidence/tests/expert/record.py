"""A record: one entry of the ledger [record.md]."""

from hashlib import sha256

import canonical
import merkle
from forms import (
    FormError, array, commitments, digest, either, entry_id, identifier, members, need, one_of, opt,
    text, time,
)  # fmt: skip
from kinds import KINDS, NO, YES

MAX_BYTES = 65_535
EMAIL_ISSUER = "urn:countersign:door:email"
OCTETS = "application/octet-stream"

ENVELOPE = members(
    v=lambda value: need(value == 1 and isinstance(value, int) and not isinstance(value, bool), "another version"),
    id=entry_id,
    tenant=identifier,
    kind=one_of(*KINDS),
    at=time,
    correlation=identifier,
    parents=array(digest),
    prev=opt(digest),
    actor=either(
        members(type=one_of("connection", "user"), id=identifier),
        members(type=one_of("system")),
    ),
    subject_ref=opt(identifier),
    policy_hash=opt(digest),
    commitments=commitments,
    blobs=array(members(media_type=text, sha256=digest)),
    key_id=opt(identifier),
    body=lambda body: None,  # by its kind, below
)


class Record:
    """Read from its bytes, by the form of its kind; where it stands in the log is added later."""

    def __init__(self, data):
        need(len(data) <= MAX_BYTES, "too long")
        try:
            value = canonical.read(data)
        except canonical.CanonicalError as error:
            raise FormError(str(error)) from None
        ENVELOPE(value)
        self.leaf = merkle.leaf_hash(data)
        self.kind, self.tenant, self.body = value["kind"], value["tenant"], value["body"]
        self.parents = [bytes.fromhex(parent) for parent in value["parents"]]
        self.subject, self.correlation = value["subject_ref"], value["correlation"]
        self.commitments, self.blobs = value["commitments"], value["blobs"]
        self.at = time(value["at"])
        need(entry_id(value["id"]) == self.at, "the time of `id` is not `at`")
        kind = KINDS[self.kind]
        need(kind.may_have(len(self.parents)), "another number of parents")
        need(self.subject is not None or kind.subject != YES, "no subject")
        need(self.subject is None or kind.subject != NO, "a subject")
        need(set(kind.fields) <= set(self.commitments), "a commitment is missing")
        kind.body(self.body)
        if self.kind == "assertion.verified":
            self.check_door()

    def check_door(self):
        """[record.md §5.1]: by an e-mail nobody signed."""
        signed = [
            self.body[name] is not None
            for name in ("signed_element", "signed_sha256", "certificate_sha256", "signature_algorithm")
        ]
        if self.body["door"] == "email":
            need(not any(signed) and len(self.parents) == 1, "a signature where nobody signs")
            need(self.body["issuer"] == EMAIL_ISSUER, "another issuer")
            need(not self.blobs, "blobs where nobody signed")
            return
        need(all(signed) and not self.parents, "a door that nobody signed at")
        need(self.body["issuer"] != EMAIL_ISSUER, "an issuer that no provider has")
        types = [blob["media_type"] for blob in self.blobs]
        need(types[:3] == ["application/xml", "application/xml", OCTETS], "other blobs")
        need(types[3:] in (["application/pkix-cert"], [OCTETS]), "other blobs")
        need(self.blobs[0]["sha256"] == self.body["signed_sha256"], "another element")
        need(self.blobs[3]["sha256"] == self.body["certificate_sha256"], "another certificate")


def read_openings(data):
    """Field name to (salt, value) [record.md §4]."""
    value = canonical.read(data)
    need(isinstance(value, dict), "no object")
    form = members(salt=digest, value=lambda any_: None)
    for opening in value.values():
        form(opening)
    return {name: (bytes.fromhex(one["salt"]), one["value"]) for name, one in value.items()}


def commitment(field, salt, value):
    return sha256(
        b"countersign/commitment/v1\x00" + field.encode() + b"\x00" + salt + canonical.write(value)
    ).hexdigest()
