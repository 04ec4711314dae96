"""Texts that others are told apart by, and what may be in them. Pure; no SQL."""

import json
from hashlib import blake2b


def clean(items):
    """Dimension items -> dict sorted by name, without missing values."""
    return {
        str(key): str(value)
        for key, value in sorted(items)
        if value is not None and value != ""
    }


def canonical(dimensions):
    """The one writing of a dimension set, by which it is found again."""
    return json.dumps(dimensions, sort_keys=True, ensure_ascii=False)


def storable(*texts):
    """Whether PostgreSQL can hold these texts: no NUL, no unpaired surrogate."""
    try:
        return all(b"\x00" not in text.encode() for text in texts)
    except UnicodeEncodeError:
        return False


def digest(text):
    """Short text that stands for a long one in a payload hash."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
