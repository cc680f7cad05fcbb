"""Which members a bundle has, and in which order [bundle.md §2]; its manifest and its page [§3, §4]."""

import base64
import re
from hashlib import sha256

from kinds import KINDS

MIMETYPE, MANIFEST, SIGNATURE = "mimetype", "META-INF/ASiCManifest.xml", "META-INF/signature.p7s"
VERIFY, PAGE, CHECKPOINT, VKEY = "VERIFY.md", "certificate.html", "checkpoint", "log.vkey"
MIMETYPE_BYTES = b"application/vnd.etsi.asic-e+zip"
ASSERTION_FILES = ["signed.xml", "signed-info.xml", "signature.bin", "certificate.der"]
MAX_RECORDS, MAX_TOKENS = 999, 99

NUMBERED = re.compile(r"(records|proofs|openings)/(\d{3})-([a-z.]+)\.(json|tlog-proof)", re.ASCII)
SUFFIX = {"records": "json", "proofs": "tlog-proof", "openings": "json"}
ASSERTION = re.compile(r"assertions/(\d{3})/([a-z.-]+)", re.ASCII)
NAMED = re.compile(r"(documents|attachments)/([A-Za-z0-9_-]|[A-Za-z0-9_-][A-Za-z0-9._-]{0,126}[A-Za-z0-9_-])", re.ASCII)


class MembersError(ValueError):
    """A member that is missing, too many, or in the wrong place."""

    def __init__(self, member, what):
        super().__init__(what)
        self.member = member


class Members:
    """A bundle's members by what they are. Numbers of records begin with 1."""

    def __init__(self, members):
        self.all = dict(members)
        self.names = [name for name, _ in members]
        rest = list(self.names)

        def take(name):
            if rest[:1] != [name]:
                raise MembersError(rest[0] if rest else "container", f"where `{name}` belongs")
            rest.pop(0)

        take(MIMETYPE)
        if self.all[MIMETYPE] != MIMETYPE_BYTES:
            raise MembersError(MIMETYPE, "another type")
        take(MANIFEST)
        self.sealed = rest[:1] == [SIGNATURE]
        for name in [SIGNATURE] * self.sealed + [VERIFY, PAGE, CHECKPOINT, VKEY]:
            take(name)
        self.tokens = self.take_tokens(rest)
        self.records = self.take_numbered(rest, "records")
        if list(self.records) != list(range(1, len(self.records) + 1)) or not self.records:
            raise MembersError("container", "records that do not count from 001")
        self.proofs = self.take_numbered(rest, "proofs")
        if {n: kind for n, (_, kind) in self.proofs.items()} != {n: kind for n, (_, kind) in self.records.items()}:
            raise MembersError("container", "not one proof for each record")
        self.openings = self.take_numbered(rest, "openings")
        for number, (name, kind) in self.openings.items():
            if self.records.get(number, (None, None))[1] != kind:
                raise MembersError(name, "openings of no record")
        self.assertions = self.take_assertions(rest)
        self.documents, self.attachments = self.take_named(rest, "documents"), self.take_named(rest, "attachments")
        if len(self.documents) > 1:
            raise MembersError(self.documents[1], "a second document")
        if len({name.lower() for name in self.attachments}) != len(self.attachments):
            raise MembersError(self.attachments[0], "attachments that differ in case alone")
        if rest:
            raise MembersError(rest[0], "no such member, or not there")

    @staticmethod
    def take_tokens(rest):
        found = []
        while rest[:1] == [f"time/{len(found) + 1}.tst"] and len(found) < MAX_TOKENS:
            found.append(rest.pop(0))
        return found

    @staticmethod
    def take_numbered(rest, folder):
        """Number to (name, kind), in the order of the numbers."""
        found = {}
        while rest:
            match = NUMBERED.fullmatch(rest[0])
            if not match or match[1] != folder or match[4] != SUFFIX[folder] or match[3] not in KINDS:
                break
            number = int(match[2])
            if number <= max(found, default=0):
                raise MembersError(rest[0], "out of order")
            found[number] = (rest.pop(0), match[3])
        return found

    def take_assertions(self, rest):
        """Number to the names of the four files."""
        found = {}
        while rest:
            match = ASSERTION.fullmatch(rest[0])
            if not match:
                break
            number = int(match[1])
            four = [f"assertions/{match[1]}/{name}" for name in ASSERTION_FILES]
            if number <= max(found, default=0) or rest[:4] != four:
                raise MembersError(rest[0], "not the four files of an assertion, in order")
            if self.records.get(number, (None, None))[1] != "assertion.verified":
                raise MembersError(rest[0], "of no assertion")
            found[number] = four
            del rest[:4]
        return found

    @staticmethod
    def take_named(rest, folder):
        found = []
        while rest and rest[0].startswith(folder + "/"):
            if not NAMED.fullmatch(rest[0]) or (found and rest[0] <= found[-1]):
                raise MembersError(rest[0], "a name of another form, or out of order")
            found.append(rest.pop(0))
        return found

    def manifest(self):
        """The bytes that the manifest has to be [§3]."""
        lines = [
            '<?xml version="1.0" encoding="UTF-8"?>',
            '<asic:ASiCManifest xmlns:asic="http://uri.etsi.org/02918/v1.2.1#"'
            ' xmlns:ds="http://www.w3.org/2000/09/xmldsig#">',
        ]
        if self.sealed:
            lines.append('<asic:SigReference URI="META-INF/signature.p7s" MimeType="application/pkcs7-signature"/>')
        for name in self.names:
            if name not in (MIMETYPE, MANIFEST, SIGNATURE):
                digest = base64.b64encode(sha256(self.all[name]).digest()).decode()
                lines.append(
                    f'<asic:DataObjectReference URI="{name}">'
                    '<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>'
                    f"<ds:DigestValue>{digest}</ds:DigestValue></asic:DataObjectReference>"
                )
        lines += ["</asic:ASiCManifest>", ""]
        return "\n".join(lines).encode()

    def wrong_digests(self):
        """The members whose line in the manifest is not the one that belongs there."""
        lines = set(self.all[MANIFEST].split(b"\n"))
        wanted = self.manifest().split(b"\n")
        named = (re.search(rb' URI="([^"]*)"', line) for line in wanted if line not in lines)
        return [found[1].decode() if found else MANIFEST for found in named]

    def page(self, template):
        """The page that the members make [§4]."""
        last = "documents/", "attachments/"
        shown = [name for name in self.names[self.names.index(CHECKPOINT) :] if not name.startswith(last)]
        island = ",".join(f'"{name}":"{base64.b64encode(self.all[name]).decode()}"' for name in shown)
        before, after = template.split(b'<script type="application/json" id="bundle">{}</script>')
        return before + b'<script type="application/json" id="bundle">{' + island.encode() + b"}</script>" + after
