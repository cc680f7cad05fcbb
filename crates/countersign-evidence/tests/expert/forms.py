"""What a member of a record may hold [record.md §3, §5]. Each form raises or returns."""

import re
import unicodedata
from datetime import date, datetime, timedelta, timezone

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)\.(\d{3})Z", re.ASCII)
ANY_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(?:Z|([+-])(\d\d):(\d\d))", re.ASCII)
UUID7 = re.compile(r"([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.ASCII)
FIELD = re.compile(r"[a-z0-9_]{1,64}", re.ASCII)
HIDDEN = re.compile(
    "[\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]"
)
MAX_IDENTIFIER_BYTES = 1024


class FormError(ValueError):
    """A member that is not what it has to be."""


def need(condition, what):
    if not condition:
        raise FormError(what)


def text(value):
    need(isinstance(value, str), "no text")


def identifier(value):
    """1 to 1,024 bytes of visible text [record.md §3]."""
    text(value)
    need(0 < len(value.encode()) <= MAX_IDENTIFIER_BYTES, "an identifier of a wrong length")
    need(not HIDDEN.search(value), "a hidden character")
    need(all(unicodedata.category(c) != "Cc" for c in value), "a control character")
    need(value.strip() == value, "surrounding white space")


def boolean(value):
    need(isinstance(value, bool), "no boolean")


def count(value):
    need(isinstance(value, int) and not isinstance(value, bool) and value >= 0, "no count")


def digest(value):
    text(value)
    need(HASH.fullmatch(value), "no hash")


def time(value):
    """Milliseconds since 1970, of any year from 0000 to 9999 [RFC 3339 §5.6]."""
    text(value)
    found = TIME.fullmatch(value)
    need(found, "no time")
    year, month, day, hour, minute, second, fraction = map(int, found.groups())
    need(hour < 24 and minute < 60 and second < 60, "no such time")
    # The calendar repeats every 400 years of 146,097 days; Python has no year 0.
    cycle, of_cycle = divmod(year, 400)
    try:
        days = (date(2000 + of_cycle, month, day) - date(1970, 1, 1)).days + (cycle - 5) * 146_097
    except ValueError:
        raise FormError("no such time") from None
    return ((days * 24 + hour) * 60 + minute) * 60_000 + second * 1000 + fraction


def any_time(value):
    """The same with any offset, and what is finer than a millisecond cut off [SAML-Core §1.3.3]."""
    text(value)
    found = ANY_TIME.fullmatch(value)
    need(found, "no time")
    moment, fraction, sign, hours, minutes = found.groups()
    away = 0
    if sign:
        need(int(hours) < 24 and int(minutes) < 60, "no such offset")
        away = int(sign + "1") * (int(hours) * 60 + int(minutes)) * 60_000
    return time(f"{moment}.{(fraction or '').ljust(3, '0')[:3]}Z") - away


def milliseconds(when):
    return (when - EPOCH) // timedelta(milliseconds=1)


def entry_id(value):
    """UUID version 7 [RFC 9562 §5.7]; answers its milliseconds."""
    text(value)
    found = UUID7.fullmatch(value)
    need(found, "no UUID of version 7")
    return int(found[1] + found[2], 16)


def one_of(*words):
    def check(value):
        need(value in words and isinstance(value, str), f"not one of {words}")

    return check


def either(*forms):
    """The first form that does."""

    def check(value):
        for form in forms:
            try:
                return form(value)
            except FormError as error:
                last = error
        raise last

    return check


def opt(form):
    return lambda value: None if value is None else form(value)


def array(form):
    def check(value):
        need(isinstance(value, list), "no array")
        for one in value:
            form(one)

    return check


def members(**forms):
    """An object with these members and no others."""
    forms = {name.rstrip("_"): form for name, form in forms.items()}

    def check(value):
        need(isinstance(value, dict), "no object")
        need(set(value) == set(forms), f"other members: {sorted(set(value) ^ set(forms))}")
        for name, form in forms.items():
            try:
                form(value[name])
            except FormError as error:
                raise FormError(f"`{name}`: {error}") from None

    return check


def commitments(value):
    need(isinstance(value, dict), "no object")
    for name, commitment in value.items():
        need(FIELD.fullmatch(name), "no field name")
        digest(commitment)
