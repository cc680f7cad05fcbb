"""The Merkle tree [RFC 9162 §2.1]."""

from hashlib import sha256


def leaf_hash(entry):
    return sha256(b"\x00" + entry).digest()


def node_hash(left, right):
    return sha256(b"\x01" + left + right).digest()


def includes(size, root, index, leaf, proof):
    """Whether the proof leads from the leaf to the root [RFC 9162 §2.1.3.2]."""
    if index >= size or any(len(step) != 32 for step in proof):
        return False
    here, last, seen = index, size - 1, leaf
    for step in proof:
        if last == 0:
            return False
        if here & 1 or here == last:
            seen = node_hash(step, seen)
            while not here & 1 and here:
                here, last = here >> 1, last >> 1
        else:
            seen = node_hash(seen, step)
        here, last = here >> 1, last >> 1
    return last == 0 and seen == root
