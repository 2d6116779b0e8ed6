"""The key of an entry of the cache: every input by name, and the code that reads them."""

from __future__ import annotations

import hashlib
from typing import TypeAlias

import numpy as np

from kera_mobility.config.resources import code_hash
from kera_mobility.units import AnyArray

DIGITS = 24
"""Hex digits of a key: entries of one kind do not collide by chance."""
Input: TypeAlias = "AnyArray | str | float | tuple[object, ...] | None"
"""What an entry can depend on: an array, a text (a hash, JSON), a number, several of them, or nothing."""


def cache_key(code: str = "", **inputs: Input) -> str:
    """Return the key of what follows from some inputs and from a part of the package (`town/streets/`; all if empty).

    Names, types and shapes count beside the values, so that no two inputs are taken for one another.
    """
    digest = hashlib.sha256(code_hash(code).encode())
    for name, value in sorted(inputs.items()):
        digest.update(f"\0{name}\0".encode())
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, np.ndarray):
                digest.update(f"{part.dtype} {part.shape} ".encode())
                digest.update(np.ascontiguousarray(part).tobytes())
            else:
                digest.update(f"{part!r}\0".encode())
    return digest.hexdigest()[:DIGITS]
