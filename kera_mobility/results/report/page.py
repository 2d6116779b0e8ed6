"""The report as one HTML file: the content, the built script and the style sheet inside the template."""

from __future__ import annotations

import base64
import html
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kera_mobility.errors import ConfigError
from kera_mobility.file_paths import require_writable
from kera_mobility.files import replacing
from kera_mobility.results.report.content import MOST_PEOPLE, report_content

ASSETS = Path(__file__).parent / "assets"
PARTS = {"style": "report.css", "script": "report.js", "licences": "licences.txt"}
"""Places in `page.html` and the built files that go there."""
_PLACE = re.compile(r"\{\{(\w+)\}\}")
ENDINGS = (".html", ".htm")


def write_report(
    places: Sequence[str | Path],
    file: str | Path,
    most_people: int = MOST_PEOPLE,
    checks: str | Path | None = None,
) -> Path:
    """Write a report about the results at or below some places, and return the file.

    The file appears whole or not at all; the same results make the same bytes.

    Raises
    ------
    ConfigError
        If the name of the file does not end in .html, or the file of checks is none.
    FileError
        Before any work, if the file cannot be written.
    MissingFileError, ResultError
        If there is no result, or one is torn.
    """
    target = Path(file)
    if target.suffix.lower() not in ENDINGS:
        raise ConfigError(f"{target}: expected a file name that ends in {' or '.join(ENDINGS)}")
    require_writable(target)
    text = page(report_content(places, most_people, checks))
    with replacing(target) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")
    return target


def page(content: Mapping[str, Any]) -> str:
    """Return the HTML of a report with its content inside."""
    plain = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    parts = {name: (ASSETS / file).read_text(encoding="utf-8") for name, file in PARTS.items()}
    parts["script"] = parts["script"].replace("</script", "<\\/script")
    parts["licences"] = html.escape(parts["licences"])
    parts["title"] = html.escape(" / ".join(side["label"] for side in content["sides"]))
    parts["content"] = base64.b64encode(zlib.compress(plain, 9)).decode()
    template = (ASSETS / "page.html").read_text(encoding="utf-8")
    return _PLACE.sub(lambda place: parts[place[1]], template)
