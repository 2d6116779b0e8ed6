"""Text from data as it is shown to people: it moves no terminal, turns no line round and runs in no spreadsheet."""

from __future__ import annotations

import re

_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, breaks of lines, changes of the direction of writing, halves of characters."""
_FORMULA = re.compile(r"""(?:^|(?<=[;\t\r\n]))(?=[\s"']*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r])""")
"""Where a cell may begin, by any usual delimiter, with what a spreadsheet runs; wide forms count in some locales."""


def visible(text: str, keep: str = "\n") -> str:
    r"""Return text with what is unseen written as its code, `\u001b`; JSON means the same as before.

    Names that stand in a line of a table keep nothing: `keep=""`.
    """
    return _UNSEEN.sub(lambda unseen: unseen[0] if unseen[0] in keep else f"\\u{ord(unseen[0]):04x}", text)


def is_visible(text: str) -> bool:
    """Return whether text, or the text of JSON, holds nothing that `visible` would write as a code."""
    return not _UNSEEN.search(text.replace("\n", "").replace("\t", "")) and "\\u00" not in text


def spreadsheet_cell(value: object) -> object:
    """Return a value for a cell: text that a spreadsheet would run begins with an apostrophe; numbers stay numbers."""
    return _FORMULA.sub("'", visible(value, keep="\n")) if isinstance(value, str) else value
