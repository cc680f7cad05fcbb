"""Canonical JSON: RFC 8785 in the profile of record.md §1."""

import json

MAX_INTEGER = 2**53 - 1
MAX_DEPTH = 64


class CanonicalError(ValueError):
    """The bytes are not what a writer would have written."""


def read(data):
    """The value that the bytes say, if they are its canonical form."""
    try:
        value = DECODER.decode(data.decode("utf-8"))
    except RecursionError:
        raise CanonicalError("nested too deeply") from None
    except ValueError as error:
        raise CanonicalError(str(error)) from None
    if write(value) != data:
        raise CanonicalError("not in canonical form")
    return value


def write(value):
    try:
        return WRITER.encode(sort(value, 1)).encode("utf-8")
    except UnicodeEncodeError:
        raise CanonicalError("half of a surrogate pair") from None


def sort(value, depth):
    """Names in the order of their UTF-16 code units [RFC 8785 §3.2.3]."""
    if isinstance(value, (dict, list)) and depth > MAX_DEPTH:
        raise CanonicalError("nested too deeply")
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be", "surrogatepass"))
        return {name: sort(value[name], depth + 1) for name in names}
    if isinstance(value, list):
        return [sort(one, depth + 1) for one in value]
    return value


def no_duplicates(pairs):
    members = dict(pairs)
    if len(members) != len(pairs):
        raise CanonicalError("a name occurs twice")
    return members


def integer(text):
    number = int(text)
    if abs(number) > MAX_INTEGER:
        raise CanonicalError("an integer that is too large")
    return number


def refuse(text):
    raise CanonicalError(f"`{text}` is no integer")


DECODER = json.JSONDecoder(
    object_pairs_hook=no_duplicates, parse_int=integer, parse_float=refuse, parse_constant=refuse
)
WRITER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
