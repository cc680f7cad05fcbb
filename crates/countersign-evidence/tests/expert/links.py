"""How records hang together [record.md §6]."""

from forms import time
from kinds import ACCOUNT, KINDS


class Broken(ValueError):
    """A rule that does not hold: its claim, the record that it is about, and how."""

    def __init__(self, claim, record, what):
        super().__init__(what)
        self.claim, self.record = claim, record


class Trail:
    """What one signature reaches."""

    def __init__(self, signed, records):
        self.signed, self.records = signed, records
        self.reached = reach(signed, records)

    def parent(self, record, *kinds):
        """Its one parent of these kinds, or None."""
        for leaf in record.parents:
            found = self.records.get(leaf)
            if found and found.kind in kinds:
                return found
        return None


def reach(record, records):
    """The record and what it reaches through `parents`."""
    found, waiting = [], [record]
    seen = set()
    while waiting:
        one = waiting.pop()
        if one.leaf in seen:
            continue
        seen.add(one.leaf)
        found.append(one)
        waiting += [records[leaf] for leaf in one.parents if leaf in records]
    return found


def check_parents(record, records):
    """Rules 1 and 2."""
    parents = [records.get(leaf) for leaf in record.parents]
    if None in parents:
        raise Broken("linked", record, "a parent is not there")
    if not KINDS[record.kind].fit([parent.kind for parent in parents]):
        raise Broken("linked", record, "a parent of another kind")
    if any(parent.tenant != record.tenant for parent in parents):
        raise Broken("linked", record, "a parent of another tenant")
    if any(parent.index >= record.index for parent in parents):
        raise Broken("linked", record, "a parent that comes later")


def check_signature(trail):
    """Rules 3 to 9: yields (claim, record, holds) for each thing that is asked; None for not proved."""
    signed = trail.signed
    intent = trail.parent(signed, "intent.confirmed")
    session = trail.parent(signed, "session.opened")
    grant = trail.parent(signed, "role.granted")
    consent = trail.parent(signed, "consent.given")
    presented = trail.parent(intent, "document.presented")
    s, i, p = signed.body, intent.body, presented.body

    # Rule 3.
    subjects = {record.subject for record in trail.reached} - {None}
    yield "same_account", signed, len(subjects) == 1

    # Rule 4.
    yield "same_document", signed, (
        s["ceremony"] == i["ceremony"] == p["ceremony"]
        and s["document_sha256"] == i["document_sha256"] == p["sha256"]
        and s["document"] == p["document"]
        and s["document_type"] == p["document_type"]
        and s["meaning"] == i["meaning"]
        and signed.correlation == intent.correlation == presented.correlation
        and presented.parents == [session.leaf]
    )

    # Rule 5.
    yield "grant_covers_document", grant, (
        s["grant"] == grant.body["grant"]
        and s["role"] == grant.body["role"]
        and any(covers(permission, s["document_type"]) for permission in grant.body["permissions"])
    )

    # Rule 6, and rule 5's times.
    ends = grant.body["expires_at"]
    yield "grant_live_at_signing", grant, s["grant_expires_at"] == ends and (ends is None or signed.at < time(ends))
    ends = session.body["expires_at"]
    yield "session_live_at_signing", session, s["session_expires_at"] == ends and signed.at < time(ends)
    yield "time_order", signed, (
        session.at <= presented.at <= intent.at <= signed.at and grant.at <= signed.at
    )

    # Rule 7.
    accounts = trail.parent(grant, *ACCOUNT), trail.parent(session, *ACCOUNT)
    yield "same_account", signed, accounts[0].subject == accounts[1].subject

    # Rule 8.
    used = trail.parent(session, "invitation.used")
    if used:
        issued = trail.parent(used, "invitation.issued")
        yield "same_document", presented, (
            p["document"] == issued.body["document"] and p["document_type"] == issued.body["document_type"]
        )

    # Rule 9.
    if consent:
        scope = consent.body["scope"]
        holds = consent.at <= signed.at and any(names(p, s["document_type"]) for p in scope)
        # Whoever is no consumer need not be told of paper.
        yield "consent", consent, None if holds and not consent.body["paper_right"] else holds


def covers(permission, document_type):
    """[record.md §5.2]"""
    action, _, pattern = permission.partition(" ")
    return action == "sign" and names(pattern, document_type)


def names(pattern, document_type):
    """Whether the name or pattern of a document type names this one [record.md §5.2]."""
    if pattern.endswith("/*"):
        return document_type.startswith(pattern[:-1])
    return pattern == "*" or pattern == document_type
