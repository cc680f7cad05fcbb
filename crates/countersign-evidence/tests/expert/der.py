"""DER [X.690 §8 to §11], read strictly.

Lengths are definite and as short as they can be, and nothing stands behind a value. A value keeps
the bytes that it was read from, because signatures are over bytes.
"""

from datetime import datetime, timezone

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, NULL, OID = 1, 2, 3, 4, 5, 6
UTF8_STRING, SEQUENCE, SET, UTC_TIME, GENERALIZED_TIME = 12, 0x30, 0x31, 23, 24


class DerError(ValueError):
    """The bytes are not DER, or not what has to stand here."""


class Value:
    """A tag, its content, and the bytes of both."""

    __slots__ = ("tag", "content", "bytes")

    def __init__(self, tag, content, whole):
        self.tag, self.content, self.bytes = tag, content, whole

    def expect(self, tag):
        if self.tag != tag:
            raise DerError(f"tag {self.tag:#04x} where {tag:#04x} belongs")
        return self

    def children(self):
        """The values inside a constructed one."""
        if not self.tag & 0x20:
            raise DerError(f"tag {self.tag:#04x} is not constructed")
        found, at = [], 0
        while at < len(self.content):
            value, at = read_at(self.content, at)
            found.append(value)
        return found

    def fields(self, tag=SEQUENCE):
        return Fields(self.expect(tag).children())

    def integer(self):
        self.expect(INTEGER)
        return whole_number(self.content)

    def oid(self):
        """Dotted decimal [X.690 §8.19]."""
        self.expect(OID)
        if not self.content or self.content[-1] & 0x80:
            raise DerError("an object identifier that does not end")
        parts, number, begins = [], 0, True
        for byte in self.content:
            if begins and byte == 0x80:
                raise DerError("an object identifier with a leading zero")
            number = number << 7 | byte & 0x7F
            begins = not byte & 0x80
            if begins:
                parts.append(number)
                number = 0
        first = min(parts[0] // 40, 2)
        return ".".join(map(str, [first, parts[0] - 40 * first, *parts[1:]]))

    def octets(self):
        return self.expect(OCTET_STRING).content

    def boolean(self):
        """[X.690 §11.1]"""
        self.expect(BOOLEAN)
        if self.content not in (b"\x00", b"\xff"):
            raise DerError("a boolean that is neither")
        return self.content == b"\xff"

    def null(self):
        if self.expect(NULL).content:
            raise DerError("a null with content")

    def time(self):
        """GeneralizedTime in UTC, with or without a fraction of a second, or UTCTime [X.690 §11.7, §11.8]."""
        try:
            text = self.content.decode("ascii")
        except UnicodeDecodeError:
            raise DerError("a time that is not ASCII") from None
        digits, dot, fraction = text.removesuffix("Z").partition(".")
        if not text.endswith("Z") or not digits.isdigit():
            raise DerError("a time that is not in UTC")
        if self.tag == UTC_TIME:
            if len(digits) != 12 or dot:
                raise DerError("a UTCTime of another form")
            digits = ("20" if digits[:2] < "50" else "19") + digits
        elif self.tag != GENERALIZED_TIME:
            raise DerError("no time")
        if len(digits) != 14 or dot and (not fraction.isdigit() or fraction.endswith("0")):
            raise DerError("a GeneralizedTime of another form")
        try:
            whole = datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=timezone.utc)
        except ValueError:
            raise DerError("no such time") from None
        return whole.replace(microsecond=int((fraction + "000000")[:6]))


class Fields:
    """The members of a structure, taken in order."""

    def __init__(self, values):
        self.values = values

    def take(self, tag=None):
        if not self.values:
            raise DerError("a member is missing")
        value = self.values.pop(0)
        return value if tag is None else value.expect(tag)

    def take_if(self, *tags):
        return self.values.pop(0) if self.values and self.values[0].tag in tags else None

    def end(self):
        if self.values:
            raise DerError("a member too many")


def whole_number(content):
    """[X.690 §8.3]"""
    if not content:
        raise DerError("an empty integer")
    if len(content) > 1 and (content[0] == 0 and content[1] < 0x80 or content[0] == 0xFF and content[1] >= 0x80):
        raise DerError("an integer that is longer than it has to be")
    return int.from_bytes(content, "big", signed=True)


def read_at(data, at):
    """The value that begins there, and where it ends."""
    start = at
    if at + 2 > len(data):
        raise DerError("cut short")
    tag, length, at = data[at], data[at + 1], at + 2
    if tag & 0x1F == 0x1F:
        raise DerError("a tag of several bytes")
    if length == 0x80:
        raise DerError("an indefinite length")
    if length > 0x80:
        count = length & 0x7F
        long = data[at : at + count]
        if len(long) < count or count > 4 or long[0] == 0:
            raise DerError("a length that is wrong")
        length, at = int.from_bytes(long, "big"), at + count
        if length < 0x80:
            raise DerError("a length that is longer than it has to be")
    end = at + length
    if end > len(data):
        raise DerError("cut short")
    return Value(tag, data[at:end], data[start:end]), end


def read(data):
    """The one value that the bytes are."""
    value, end = read_at(data, 0)
    if end != len(data):
        raise DerError("bytes behind the value")
    return value


def read_set_of(value, tag=SET):
    """The elements of a SET OF, in the order that DER asks for [X.690 §11.6]."""
    found = value.expect(tag).children()
    if any(a.bytes > b.bytes for a, b in zip(found, found[1:])):
        raise DerError("a set out of order")
    return found
