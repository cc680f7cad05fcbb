"""The kinds of records [record.md §5]: parents, subject, committed fields and body of each."""

from forms import array, boolean, count, digest, either, identifier, members, need, one_of, opt, text, time

ACCOUNT = ("user.provisioned", "user.linked")
STATE = (
    "user.provisioned", "user.updated", "user.approved", "user.declined", "user.stale",
    "user.suspended", "user.reactivated", "user.deprovisioned",
)  # fmt: skip
YES, NO, MAYBE = "account", "null", "account or null"


class Kind:
    """`parents` holds (kinds, whether it has to be there), `fields` the fields that must be committed to."""

    def __init__(self, parents, subject, fields, **body):
        self.parents = [parent if isinstance(parent, Maybe) else must(parent) for parent in parents]
        self.subject, self.fields, self.body = subject, fields, members(**body)

    def fit(self, kinds):
        """Whether these are the kinds of its parents, in order."""
        return fits(self.parents, kinds)

    def may_have(self, count):
        return sum(one.needed for one in self.parents) <= count <= len(self.parents)


class Maybe:
    """A parent that may be absent."""

    needed = False

    def __init__(self, *kinds):
        self.kinds = kinds


def must(kinds):
    parent = Maybe(*((kinds,) if isinstance(kinds, str) else kinds))
    parent.needed = True
    return parent


def fits(parents, kinds):
    if not parents:
        return not kinds
    first, rest = parents[0], parents[1:]
    if kinds and kinds[0] in first.kinds and fits(rest, kinds[1:]):
        return True
    return not first.needed and fits(rest, kinds)


OWNER = either(
    members(by=one_of("jit", "default"), connection=identifier),
    members(by=one_of("manual", "temporary", "scim", "barred")),
)
TOKEN = members(browser_sha256=opt(digest), expires_at=time, secret_sha256=digest)
ATTACHMENT = members(media_type=text, sha256=digest)



def document_pattern(value):
    """[record.md §5.2]"""
    identifier(value)
    segments = value.removesuffix("/*").split("/") if value != "*" else ["any"]
    need(not any(c.isspace() for c in value), "white space in a document type")
    need(all(one and "*" not in one for one in segments), "no pattern of document types")


KINDS = {
    "assertion.verified": Kind(
        [Maybe("email.challenged")], NO, ["name_id"],
        door=one_of("saml", "email"), connection=identifier, issuer=text, signed_element=opt(text),
        signed_sha256=opt(digest), certificate_sha256=opt(digest), signature_algorithm=opt(text),
        authn_context=opt(text), authn_instant=opt(time), session_not_on_or_after=opt(time),
    ),
    "assertion.rejected": Kind(
        [], NO, [],
        door=one_of("saml", "email"), connection=identifier, code=text, received_sha256=digest,
    ),
    "user.provisioned": Kind(
        ["assertion.verified", Maybe("invitation.used")], YES, ["subject"],
        connection=identifier, strategy=text, matched_by=opt(text), state=text, account_id=opt(text),
        permission_profile_id=opt(text), attributes=array(text), reasons=array(text),
    ),
    "user.linked": Kind(
        ["assertion.verified", Maybe("user.provisioned"), Maybe("link.proposed")], YES, ["subject"],
        connection=identifier, strategy=text, matched_by=text, attributes=array(text), reasons=array(text),
    ),
    "user.updated": Kind(
        ["assertion.verified", ACCOUNT], YES, [],
        connection=identifier, changed=array(text), reasons=array(text),
    ),
    "user.refused": Kind(
        ["assertion.verified"], MAYBE, [],
        connection=identifier, strategy=text, candidates=array(identifier), reasons=array(text),
        outcome=one_of("denied", "conflict", "tombstone", "ambiguous", "needs_proof", "needs_approval"),
    ),
    "link.proposed": Kind(
        ["assertion.verified"], YES, ["subject", "email"], connection=identifier, token=TOKEN,
    ),
    "user.approved": Kind(["user.provisioned"], YES, [], state=text),
    "user.declined": Kind(["user.provisioned"], YES, [], state=text),
    "role.granted": Kind(
        [ACCOUNT, Maybe("assertion.verified")], YES, [],
        grant=identifier, role=identifier, owner=OWNER, rule=opt(identifier), expires_at=opt(time),
        permissions=array(text),
    ),
    "role.revoked": Kind(
        ["role.granted", Maybe("assertion.verified", "user.deprovisioned", "access.reviewed")], YES, [],
        grant=identifier, role=identifier, owner=OWNER, reason=text,
    ),
    "role.expired": Kind(
        ["role.granted"], YES, [], grant=identifier, role=identifier, owner=OWNER, expires_at=time,
    ),
    "session.opened": Kind(
        ["assertion.verified", ACCOUNT, Maybe("invitation.used")], YES, [],
        session=identifier, connection=identifier, multi_factor=boolean, expires_at=time,
    ),
    "session.closed": Kind(
        ["session.opened", Maybe("user.suspended", "user.deprovisioned")], YES, [],
        session=identifier, reason=text,
    ),
    "document.presented": Kind(
        ["session.opened"], YES, [],
        ceremony=identifier, document=identifier, document_type=text, media_type=text, sha256=digest,
        attachments=array(ATTACHMENT),
    ),
    "intent.confirmed": Kind(
        ["document.presented"], YES, [],
        ceremony=identifier, document_sha256=digest, meaning=text, statement=text, disclosure_sha256=opt(digest),
    ),
    "document.signed": Kind(
        ["intent.confirmed", "session.opened", "role.granted", Maybe("consent.given")], YES, ["printed_name"],
        ceremony=identifier, document=identifier, document_type=text, document_sha256=digest, meaning=text,
        role=identifier, grant=identifier, grant_expires_at=opt(time), session_expires_at=time,
    ),
    "document.declined": Kind(
        ["document.presented"], YES, [], ceremony=identifier, document=identifier, document_sha256=digest,
    ),
    "email.challenged": Kind([], NO, ["email"], connection=identifier, token=TOKEN),
    "invitation.issued": Kind(
        [], NO, ["email"],
        document=identifier, document_type=text, door=opt(one_of("saml", "email")), connection=opt(identifier),
        multi_factor=boolean, token=TOKEN,
    ),
    "invitation.used": Kind(
        ["invitation.issued", "assertion.verified"], YES, [], connection=identifier, document=identifier,
    ),
    "invitation.withdrawn": Kind(["invitation.issued"], NO, [], document=identifier),
    "user.stale": Kind([Maybe(*STATE)], YES, [], unused_since=time),
    "user.suspended": Kind([Maybe(*STATE)], YES, [], before=text, reason=text),
    "user.reactivated": Kind([Maybe(*STATE)], YES, [], before=text),
    "user.deprovisioned": Kind([Maybe(*STATE)], YES, [], before=text, reason=text),
    "subject.erased": Kind(
        [Maybe(*STATE)], YES, [], erased=array(text), keys=array(text), subjects=count,
        deprovisioned_at=time,
    ),
    "hold.placed": Kind([Maybe(*STATE)], YES, [], state=text),
    "hold.released": Kind(["hold.placed"], YES, [], state=text),
    "access.reviewed": Kind(
        ["role.granted"], YES, [],
        grant=identifier, role=identifier, outcome=one_of("certified", "revoked"), reviewed_sha256=digest,
    ),
    "policy.changed": Kind([Maybe("policy.changed")], NO, [], before=opt(digest), after=digest),
    "consent.given": Kind(
        ["session.opened"], YES, [],
        access_demonstrated=members(method=text, sha256=opt(digest)), consent=identifier,
        disclosure_sha256=digest, disclosure_version=text, paper_right=boolean, scope=array(document_pattern),
        withdrawal=text,
    ),
    "consent.withdrawn": Kind(["consent.given"], YES, [], consent=identifier),
    "key.rotated": Kind([Maybe("key.rotated")], NO, [], key=text, origin=text, retired_key=text),
    "checkpoint.anchored": Kind(
        [], NO, [],
        gen_time=time, note_sha256=digest, root=digest, size=count, token_sha256=digest, tokens=count,
    ),
}  # fmt: skip
