"""The verifier [bundle.md §6]: the bytes of a bundle, a trust policy, and a time make a report."""

import base64
from hashlib import sha256

import assertion
import cades
import canonical
import certificates
import cms
import container
import forms
import links
import members
import note
import record
import saml
import timestamp
from members import Members

PROVED, NOT_PROVED, FAILED, ERASED = "proved", "not_proved", "failed", "erased"
SKEW = 5 * 60_000
ALWAYS = [
    "container", "members", "manifest", "instructions", "certificate_page", "checkpoint_signature",
    "record_form", "inclusion", "linked", "same_document", "same_account", "grant_covers_document",
    "grant_live_at_signing", "session_live_at_signing", "time_order",
]  # fmt: skip


class Trust:
    """What the verifier was given."""

    def __init__(self, given):
        key, unbase64 = note.VerifierKey, base64.b64decode
        anchors = lambda name: [certificates.read(unbase64(der)) for der in given.get(name, [])]
        self.log_keys = [key(text) for text in given.get("log_keys", [])]
        self.retired = [(key(text), size) for text, size in given.get("retired_log_keys", [])]
        witnesses = given.get("witnesses", {"k": 0, "keys": []})
        self.quorum, self.witnesses = witnesses["k"], [key(text) for text in witnesses["keys"]]
        self.time_authorities, self.sealers = anchors("time_authorities"), anchors("sealers")
        self.identity_providers = [unbase64(der) for der in given.get("identity_providers", [])]
        self.audiences = given.get("audiences", [])
        self.claims = given.get("claims", [])

    def required(self):
        extra = {
            "manifest_signature": self.sealers,
            "witnessed": self.quorum,
            "trusted_time": self.time_authorities,
            "assertion_signature": self.identity_providers,
            "assertion_content": self.identity_providers,
            "same_person": self.identity_providers,
        }
        return [*ALWAYS, *(claim for claim, needed in extra.items() if needed), *self.claims]


class Report:
    """Lines of (claim, member, status, why)."""

    def __init__(self):
        self.lines = []

    def say(self, claim, member, status, why=""):
        self.lines.append((claim, member, status, why))

    def fail(self, claim, member, why):
        self.say(claim, member, FAILED, str(why))

    def check(self, claim, member, holds):
        self.say(claim, member, NOT_PROVED if holds is None else PROVED if holds else FAILED)

    def proved(self):
        """The claims that have lines, all of which are proved."""
        return {line[0] for line in self.lines} - {line[0] for line in self.lines if line[2] != PROVED}

    def accepted(self, required):
        failed = any(status == FAILED for _, _, status, _ in self.lines)
        return not failed and self.proved().issuperset(required)


def verify(data, trust, now, published):
    """`published` has the texts of `VERIFY.md` and the template of `certificate.html`."""
    report = Report()
    try:
        found = container.read(data)
    except container.ContainerError as error:
        report.fail("container", "container", error)
        return report
    report.say("container", "container", PROVED)
    try:
        bundle = Members(found)
    except members.MembersError as error:
        report.fail("members", error.member, error)
        return report
    report.say("members", "container", PROVED)
    Verifier(bundle, trust, now, report).run(published)
    return report


class Verifier:
    """One bundle, whose members are in order."""

    def __init__(self, bundle, trust, now, report):
        self.bundle, self.trust, self.now, self.report = bundle, trust, now, report
        self.data = bundle.all

    def run(self, published):
        self.manifest()
        self.seal()
        for claim, member, right in (
            ("instructions", members.VERIFY, self.data[members.VERIFY] == published[members.VERIFY]),
            ("certificate_page", members.PAGE, self.data[members.PAGE] == self.bundle.page(published[members.PAGE])),
        ):
            self.report.check(claim, member, right)
        try:
            self.checkpoint = note.Checkpoint(self.data[members.CHECKPOINT])
        except note.NoteError as error:
            self.report.fail("checkpoint_signature", members.CHECKPOINT, error)
            self.checkpoint = None
        else:
            self.checkpoint_signature()
            self.log_key()
            self.witnessed()
        first_time = self.trusted_time()
        if not self.records():
            return
        self.inclusion()
        self.late(first_time)
        self.content()

    def manifest(self):
        if self.data[members.MANIFEST] == self.bundle.manifest():
            self.report.say("manifest", members.MANIFEST, PROVED)
            return
        for name in self.bundle.wrong_digests() or [members.MANIFEST]:
            self.report.fail("manifest", name, "its line in the manifest is another")

    def seal(self):
        claim, member = "manifest_signature", members.SIGNATURE
        if not self.bundle.sealed:
            self.report.say(claim, "container", NOT_PROVED)
            return
        try:
            signature = cades.Signature(self.data[member], self.data[members.MANIFEST])
        except cms.CmsError as error:
            self.report.fail(claim, member, error)
        else:
            trusted = signature.trusted(self.trust.sealers, self.now)
            self.report.say(claim, member, PROVED if trusted else NOT_PROVED)

    def checkpoint_signature(self):
        claim, member, checkpoint = "checkpoint_signature", members.CHECKPOINT, self.checkpoint
        given = [(key, None) for key in self.trust.log_keys] + self.trust.retired
        if not given:
            self.report.say(claim, member, NOT_PROVED)
            return
        said = [
            (checkpoint.signed_by(key), last_size)
            for key, last_size in given
            if key.kind == note.ED25519 and key.name == checkpoint.origin
        ]
        good = any(right and (last is None or checkpoint.size <= last) for right, last in said)
        self.report.check(claim, member, good and not any(right is False for right, _ in said))

    def witnessed(self):
        claim, member = "witnessed", members.CHECKPOINT
        times = [self.checkpoint.cosigned_by(key) for key in self.trust.witnesses if key.kind == note.COSIGNATURE]
        if any(None in found for found in times):
            self.report.fail(claim, member, "a cosignature is not its witness's")
        elif self.trust.quorum and sum(map(bool, times)) >= self.trust.quorum:
            self.report.say(claim, member, PROVED)
        else:
            self.report.say(claim, member, NOT_PROVED)

    def log_key(self):
        """It is information, but it has to be a key that signed the checkpoint [bundle.md §2]."""
        data, member = self.data[members.VKEY], members.VKEY
        try:
            key = note.VerifierKey(data.removesuffix(b"\n").decode("utf-8"))
            right = data.endswith(b"\n") and key.kind == note.ED25519
            right = right and key.name == self.checkpoint.origin and self.checkpoint.signed_by(key)
        except (note.NoteError, UnicodeDecodeError) as error:
            self.report.fail("checkpoint_signature", member, error)
            return
        if not right:
            self.report.fail("checkpoint_signature", member, "it did not sign the checkpoint")

    def trusted_time(self):
        """The time of the first token, if the chain is trusted."""
        claim, names = "trusted_time", self.bundle.tokens
        if not names:
            self.report.say(claim, "container", NOT_PROVED)
            return None
        covered, tokens = self.data[members.CHECKPOINT], []
        for name in names:
            try:
                tokens += timestamp.read_chain([self.data[name]], covered)
            except cms.CmsError as error:
                self.report.fail(claim, name, error)
                return None
            covered += self.data[name]
        trusted = timestamp.trusted_chain(tokens, self.trust.time_authorities, self.now)
        self.report.say(claim, names[0], PROVED if trusted else NOT_PROVED)
        return tokens[0].gen_time if trusted else None

    def records(self):
        self.by_number, self.by_leaf = {}, {}
        for number, (name, kind) in self.bundle.records.items():
            try:
                one = record.Record(self.data[name])
                forms.need(one.kind == kind, "the name of the member has another kind")
            except forms.FormError as error:
                self.report.fail("record_form", name, error)
                continue
            one.name, one.number = name, number
            self.by_number[number] = self.by_leaf[one.leaf] = one
            self.report.say("record_form", name, PROVED)
        if len(self.by_leaf) != len(self.by_number):
            self.report.fail("members", "container", "a record occurs twice")
        return len(self.by_leaf) == len(self.bundle.records)

    def inclusion(self):
        last = -1
        for number, (name, _) in self.bundle.proofs.items():
            one = self.by_number[number]
            one.index = number
            try:
                proof = note.Proof(self.data[name])
                right = (
                    self.checkpoint is not None
                    and proof.checkpoint == self.data[members.CHECKPOINT]
                    and proof.proves(one.leaf, self.checkpoint)
                )
                one.index = proof.index
            except note.NoteError as error:
                self.report.fail("inclusion", name, error)
                continue
            self.report.check("inclusion", name, right)
            if one.index <= last:
                self.report.fail("members", one.name, "not in the order of the leaves")
            last = one.index

    def late(self, first_time):
        """No record is dated after the times that vouch for it."""
        for one in self.by_number.values():
            self.report.check("time_order", one.name, one.at <= forms.milliseconds(self.now) + SKEW)
            if first_time and one.at > forms.milliseconds(first_time) + SKEW:
                self.report.fail("trusted_time", one.name, "dated after the first time-stamp")

    def content(self):
        every = list(self.by_number.values())
        signatures = [one for one in every if one.kind == "document.signed"]
        erasures = [one for one in every if one.kind == "subject.erased"]
        try:
            for one in every:
                links.check_parents(one, self.by_leaf)
        except links.Broken as error:
            self.report.fail(error.claim, error.record.name, error)
            return
        self.reach(every, signatures, erasures)
        if signatures:
            documents = {one.body["document_sha256"] for one in signatures}
            self.report.check("same_document", "container", len(documents) == 1)
        for signed in signatures:
            for claim, about, holds in links.check_signature(links.Trail(signed, self.by_leaf)):
                self.report.check(claim, about.name, holds)
        self.openings()
        self.assertions(every)
        self.contents()
        self.persons(every)
        self.erased(every, erasures)
        self.document(signatures)
        self.attachments(signatures)

    def reach(self, every, signatures, erasures):
        by_signatures = {one.leaf: one for signed in signatures for one in links.reach(signed, self.by_leaf)}
        reached = set(by_signatures) | {one.leaf for erased in erasures for one in links.reach(erased, self.by_leaf)}
        subjects = {one.subject for one in by_signatures.values()} - {None}
        right = (
            bool(signatures)
            and reached == {one.leaf for one in every}
            and all(erased.subject in subjects for erased in erasures)
        )
        self.report.check("linked", "container", right)

    def assertions(self, every):
        """Fills `signed` with what stands under a signature that holds, and what it refers to."""
        claim = "assertion_signature"
        self.signed = {}
        for one in every:
            if one.kind != "assertion.verified" or one.body["door"] != "saml":
                if one.number in self.bundle.assertions:
                    self.report.fail("members", self.bundle.assertions[one.number][0], "nobody signed")
                elif one.kind == "assertion.verified":
                    self.report.say(claim, one.name, NOT_PROVED, "nobody signed")
                continue
            names = self.bundle.assertions.get(one.number)
            if not names:
                self.report.say(claim, one.name, NOT_PROVED)
                continue
            files = [self.data[name] for name in names]
            try:
                reference = assertion.check(one, *files)
            except assertion.AssertionError_ as error:
                self.report.fail(claim, names[0], error)
            else:
                self.signed[one.number] = files[0], reference
                trusted = files[3] in self.trust.identity_providers
                self.report.say(claim, names[0], PROVED if trusted else NOT_PROVED)

    def contents(self):
        """Fills `said` with what is shown to be what was recorded [bundle.md §5.8]."""
        claim, seen = "assertion_content", set()
        self.said = {}
        for one in self.by_number.values():
            if one.kind != "assertion.verified":
                continue
            if one.number not in self.signed:
                self.report.say(claim, one.name, NOT_PROVED)
                continue
            signed, reference = self.signed[one.number]
            opened = self.opened.get(one.number, {})
            try:
                keys = saml.Keys("content_keys" in one.commitments, opened.get("content_keys", (None, None))[1])
                said = saml.Statement(signed, one.body["signed_element"], reference, keys)
                saml.need((said.issuer, said.id) not in seen, "the same assertion again")
                seen.add((said.issuer, said.id))
                saml.need(not self.trust.audiences or said.is_for(self.trust.audiences), "for somebody else")
                said.compare(one, opened)
            except saml.Wrong as error:
                self.report.fail(claim, one.name, error)
            except saml.Unknown as error:
                self.report.say(claim, one.name, NOT_PROVED, str(error))
            else:
                self.said[one.leaf] = said
                self.report.say(claim, one.name, PROVED)

    def persons(self, every):
        """The person of each assertion is the subject of the account [bundle.md §5.9]."""
        claim = "same_person"
        for one in every:
            parents = [self.by_leaf[leaf] for leaf in one.parents]
            assertions = [parent for parent in parents if parent.kind == "assertion.verified"]
            accounts = [one] if one.kind in links.ACCOUNT else [p for p in parents if p.kind in links.ACCOUNT]
            if not assertions or not accounts:
                continue
            said = self.said.get(assertions[0].leaf)
            subject = self.opened.get(accounts[0].number, {}).get("subject")
            if said is None or subject is None:
                self.report.say(claim, one.name, NOT_PROVED)
            else:
                self.report.check(claim, one.name, said.names(subject[1]))

    def openings(self):
        """Fills `opened` with what is what was committed to."""
        self.opened = {}
        for number, (name, _) in self.bundle.openings.items():
            try:
                opened = record.read_openings(self.data[name])
                forms.need(opened, "nothing is opened")
            except (canonical.CanonicalError, forms.FormError) as error:
                self.report.fail("opening", name, error)
                continue
            committed = self.by_number[number].commitments
            for field, (salt, value) in opened.items():
                right = committed.get(field) == record.commitment(field, salt, value)
                if right:
                    self.opened.setdefault(number, {})[field] = salt, value
                self.report.check("opening", name, right)

    def erased(self, every, erasures):
        """A record whose values were erased [bundle.md §5]."""
        for one in every:
            if not one.commitments or one.number in self.bundle.openings:
                continue
            subjects = {one.subject}
            if one.subject is None:
                subjects = {other.subject for other in every if one in links.reach(other, self.by_leaf)} - {None}
            if any(erased.subject in subjects and erased.index > one.index for erased in erasures):
                self.report.say("opening", one.name, ERASED)

    def document(self, signatures):
        for name in self.bundle.documents:
            digest = sha256(self.data[name]).hexdigest()
            right = any(one.body["document_sha256"] == digest for one in signatures)
            self.report.check("document", name, right)
        if not self.bundle.documents:
            self.report.say("document", "container", NOT_PROVED)

    def attachments(self, signatures):
        shown = {
            attachment["sha256"]
            for signed in signatures
            for one in links.reach(signed, self.by_leaf)
            if one.kind == "document.presented"
            for attachment in one.body["attachments"]
        }
        enclosed = set()
        for name in self.bundle.attachments:
            digest = sha256(self.data[name]).hexdigest()
            enclosed.add(digest)
            self.report.check("attachment", name, digest in shown)
        for _ in shown - enclosed:
            self.report.say("attachment", "container", NOT_PROVED)
