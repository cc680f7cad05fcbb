"""The container [bundle.md §1]: a ZIP file of one form, read by writing it again."""

import struct
import zlib

MAX_MEMBERS = 4096
MAX_BYTES = 256 * 1024 * 1024
LOCAL, CENTRAL, END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"


class ContainerError(ValueError):
    """The file is not what a writer would have written."""


def read(data):
    """The members, as (name, content) in their order."""
    if len(data) > MAX_BYTES:
        raise ContainerError("too large")
    members, at = [], 0
    while data[at : at + 4] == LOCAL:
        header = data[at : at + 30]
        if len(header) < 30:
            raise ContainerError("a header is cut short")
        size, name_length = struct.unpack_from("<I", header, 22)[0], struct.unpack_from("<H", header, 26)[0]
        begins = at + 30 + name_length
        name, content = data[at + 30 : begins], data[begins : begins + size]
        if len(name) < name_length or len(content) < size:
            raise ContainerError("a member is cut short")
        if not name.isascii():
            raise ContainerError("a name that is not ASCII")
        members.append((name.decode("ascii"), content))
        if len(members) > MAX_MEMBERS:
            raise ContainerError("too many members")
        at = begins + size
    names = [name for name, _ in members]
    if len(set(names)) != len(names):
        raise ContainerError("a name occurs twice")
    if write(members) != data:
        raise ContainerError("it is not what its members make")
    return members


def write(members):
    """The file that these members make."""
    body, central = [], []
    offset = 0
    for name, content in members:
        name = name.encode("ascii")
        # Version needed, flags, method, time, date, CRC, two sizes, length of the name, of the extra field.
        shared = struct.pack(
            "<HHHHHIIIHH", 10, 0, 0, 0, 0x21, zlib.crc32(content), len(content), len(content), len(name), 0
        )
        local = LOCAL + shared + name
        # Made by; then comment, disk, both attributes, and where the local header stands.
        central.append(CENTRAL + struct.pack("<H", 10) + shared + struct.pack("<HHHII", 0, 0, 0, 0, offset) + name)
        body += [local, content]
        offset += len(local) + len(content)
    directory = b"".join(central)
    end = END + struct.pack("<HHHHIIH", 0, 0, len(members), len(members), len(directory), offset, 0)
    return b"".join(body) + directory + end
