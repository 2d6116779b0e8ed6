"""The last lines of the pages of a printed report, read from its PDF: their size and whether all of it is bold."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from pathlib import Path

_TOKEN = re.compile(
    rb"(?P<save>\bq\b)|(?P<restore>\bQ\b)|(?P<numbers>(?:[-.\d]+\s+){6})(?P<matrix>cm|Tm)\b|"
    rb"/(?P<font>F\d+)\s+(?P<size>[-.\d]+)\s+Tf\b|<(?P<text>[0-9A-Fa-f]+)>\s*Tj\b"
)
LINE = 6.0
"""Texts no further apart than this, in points, stand on one line."""


def last_lines(file: Path) -> list[tuple[float, bool, float]]:
    """Return the largest size in px, whether all of it is bold, and the height in points, of each page's last line."""
    objects = {
        int(match[1]): match[2]
        for match in re.finditer(rb"(?:^|\n)(\d+) 0 obj\n(.*?)\nendobj", file.read_bytes(), re.S)
    }
    return [
        _last_line(list(_texts(body, objects)))
        for body in objects.values()
        if re.search(rb"/Type /Page\b", body)
    ]  # fmt: skip


def _last_line(texts: list[tuple[float, float, bool]]) -> tuple[float, bool, float]:
    lowest = min(y for y, _, _ in texts)
    line = [(size, bold) for y, size, bold in texts if y - lowest < LINE]
    return max(size for size, _ in line), all(bold for _, bold in line), lowest


def _texts(page: bytes, objects: dict[int, bytes]) -> Iterator[tuple[float, float, bool]]:
    """Yield height in points from below, size in px and boldness of each piece of text of a page."""
    fonts = {match[1]: int(match[2]) for match in re.finditer(rb"/(F\d+) (\d+) 0 R", page)}
    bold = {name for name, number in fonts.items() if b"Bold" in objects[number]}
    contents = re.search(rb"/Contents (\d+)", page)
    assert contents
    stream = re.search(rb"stream\r?\n(.*)\r?\nendstream", objects[int(contents[1])], re.S)
    assert stream
    scale, shift, stack, text_shift, font, size = 1.0, 0.0, list[tuple[float, float]](), 0.0, b"", 0.0
    for token in _TOKEN.finditer(zlib.decompress(stream[1])):
        if token["save"]:
            stack.append((scale, shift))
        elif token["restore"]:
            scale, shift = stack.pop()
        elif token["matrix"]:
            *_, d, _, f = map(float, token["numbers"].split())
            if token["matrix"] == b"cm":
                scale, shift = scale * d, shift + scale * f
            else:
                text_shift = f
        elif token["font"]:
            font, size = token["font"], float(token["size"])
        elif set(token["text"]) - set(b"03"):  # no blanks alone
            yield shift + scale * text_shift, abs(size), font in bold
