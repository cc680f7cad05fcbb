"""Signed notes, checkpoints, cosignatures and proofs [C2SP signed-note, tlog-checkpoint, tlog-cosignature, tlog-proof]."""

import base64
import binascii
import re
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

import merkle

ED25519, COSIGNATURE = 1, 4
DECIMAL = re.compile(r"0|[1-9][0-9]*", re.ASCII)
DASH = "\u2014 "


class NoteError(ValueError):
    """The text does not have the form that it has to have."""


def from_base64(text):
    """Standard base64 with padding [RFC 4648 §4], of which there is one for each sequence of bytes."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise NoteError("not base64") from None
    if base64.b64encode(data).decode("ascii") != text:
        raise NoteError("not the base64 that a writer writes")
    return data


def decimal(text):
    if not DECIMAL.fullmatch(text) or len(text) > 20 or int(text) >= 2**64:
        raise NoteError("not a decimal number")
    return int(text)


def is_key_name(name):
    return bool(name) and "+" not in name and not any(c.isspace() for c in name)


class VerifierKey:
    """A name and a key: `name+id+base64(type || key)`."""

    def __init__(self, text):
        # Base64 has the plus sign too, a name has none: the first two count.
        name, id_text, key_text = (text.split("+", 2) + ["", ""])[:3]
        data = from_base64(key_text)
        if not is_key_name(name) or len(data) != 33 or data[0] not in (ED25519, COSIGNATURE):
            raise NoteError("no verifier key")
        self.name, self.kind, self.raw = name, data[0], data[1:]
        self.id = sha256(name.encode() + b"\n" + data).digest()[:4]
        if self.id.hex() != id_text:
            raise NoteError("the key's id is another's")
        self.key = Ed25519PublicKey.from_public_bytes(self.raw)

    def verifies(self, message, signature):
        try:
            self.key.verify(signature, message)
        except InvalidSignature:
            return False
        return True


class Note:
    """A text and the lines of its signatures: (name, key id, signature)."""

    def __init__(self, data):
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            raise NoteError("not UTF-8") from None
        if any(ord(c) < 0x20 and c != "\n" for c in text):
            raise NoteError("a control character")
        cut = text.rfind("\n\n")
        if cut < 0 or not text.endswith("\n"):
            raise NoteError("no signatures")
        self.text = text[: cut + 1].encode()
        self.signatures = [self.signature(line) for line in text[cut + 2 :].split("\n")[:-1]]
        if not self.signatures:
            raise NoteError("no signatures")

    @staticmethod
    def signature(line):
        if not line.startswith(DASH):
            raise NoteError("no signature line")
        name, space, encoded = line[len(DASH) :].partition(" ")
        signature = from_base64(encoded)
        if not is_key_name(name) or not space or len(signature) < 5:
            raise NoteError("no signature line")
        return name, signature[:4], signature[4:]

    def by(self, key):
        """The signatures that say to be of a key."""
        return [sig for name, key_id, sig in self.signatures if (name, key_id) == (key.name, key.id)]


class Checkpoint(Note):
    """The head of a log's tree."""

    def __init__(self, data):
        super().__init__(data)
        lines = self.text.decode().split("\n")[:-1]
        if len(lines) < 3 or "" in lines:
            raise NoteError("no checkpoint")
        self.origin, self.size, self.root = lines[0], decimal(lines[1]), from_base64(lines[2])
        self.extensions = lines[3:]
        if len(self.root) != 32:
            raise NoteError("a root of another length")

    def signed_by(self, key):
        """Whether the log's key signed it: True, False, or None where it did not try."""
        found = self.by(key)
        return all(key.verifies(self.text, signature) for signature in found) if found else None

    def cosigned_by(self, key):
        """Times of a witness's cosignatures, each a POSIX time, or None for one that is wrong."""
        return [self.cosigned_at(key, signature) for signature in self.by(key)]

    def cosigned_at(self, key, signature):
        if len(signature) != 72:
            return None
        seconds = int.from_bytes(signature[:8], "big")
        message = b"cosignature/v1\ntime %d\n" % seconds + self.text
        return seconds if seconds < 2**63 and key.verifies(message, signature[8:]) else None


class Proof:
    """That an entry is in a log: index, hashes, and the checkpoint as it was given."""

    def __init__(self, data):
        head, empty, self.checkpoint = data.partition(b"\n\n")
        try:
            lines = head.decode("ascii").split("\n")
        except UnicodeDecodeError:
            raise NoteError("not ASCII") from None
        if not empty or lines[0] != "c2sp.org/tlog-proof@v1" or len(lines) < 2:
            raise NoteError("no proof")
        word, _, index = lines[1].partition(" ")
        if word != "index":
            raise NoteError("no index")
        self.index, self.hashes = decimal(index), [from_base64(line) for line in lines[2:]]

    def proves(self, leaf, checkpoint):
        return merkle.includes(checkpoint.size, checkpoint.root, self.index, leaf, self.hashes)
