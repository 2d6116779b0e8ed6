"""The report as one HTML file: the content, the built script and the style sheet inside the template."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kera_mobility.config.decision import DecisionSettings
from kera_mobility.errors import ConfigError
from kera_mobility.file_paths import require_writable
from kera_mobility.files import replacing
from kera_mobility.results.report.content import MOST_PEOPLE, report_content
from kera_mobility.texts import is_visible, visible

ASSETS = Path(__file__).parent / "assets"
PARTS = {"style": "report.css", "script": "report.js", "licences": "licences.txt"}
"""Places in `page.html` and the built files that go there."""
POLICY = (
    "default-src 'none'; connect-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; script-src {script}; "
    "style-src {style}; require-trusted-types-for 'script'; trusted-types default"
)
"""What a browser lets the page do: run the script and the style sheet with these hashes, ask nobody for anything, and
read nothing as HTML but through the rule of `web/src/policy.js`."""
_PLACE = re.compile(r"\{\{(\w+)\}\}")
ENDINGS = (".html", ".htm")


def write_report(
    places: Sequence[str | Path],
    file: str | Path,
    most_people: int = MOST_PEOPLE,
    checks: str | Path | None = None,
    decision: DecisionSettings | None = None,
) -> Path:
    """Write a report about the results at or below some places, and return the file.

    The file appears whole or not at all; the same results make the same bytes.

    Raises
    ------
    ConfigError
        If the name of the file does not end in .html, the file of checks is none, or the decision names no row.
    FileError
        Before any work, if the file cannot be written.
    MissingFileError, ResultError
        If there is no result, or one is torn.
    """
    target = Path(file)
    if target.suffix.lower() not in ENDINGS:
        raise ConfigError(f"{target}: expected a file name that ends in {' or '.join(ENDINGS)}")
    require_writable(target)
    text = page(report_content(places, most_people, checks, decision))
    with replacing(target) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")
    return target


def page(content: Mapping[str, Any]) -> str:
    """Return the HTML of a report with its content inside."""
    plain = _json(content)
    if not is_visible(plain):
        plain = _json(_visible(content))
    parts = {name: (ASSETS / file).read_text(encoding="utf-8") for name, file in PARTS.items()}
    parts["policy"] = POLICY.format(script=source_hash(parts["script"]), style=source_hash(parts["style"]))
    parts["licences"] = html.escape(parts["licences"])
    parts["title"] = html.escape(visible(" / ".join(side["label"] for side in content["sides"])))
    parts["content"] = base64.b64encode(zlib.compress(plain.encode(), 9)).decode()
    template = (ASSETS / "page.html").read_text(encoding="utf-8")
    return _PLACE.sub(lambda place: parts[place[1]], template)


def _json(content: Any) -> str:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _visible(content: Any) -> Any:
    """Return plain values with every text, names of keys too, as `visible` writes it."""
    if isinstance(content, str):
        return visible(content)
    if isinstance(content, Mapping):
        return {_visible(key): _visible(value) for key, value in content.items()}
    return [_visible(value) for value in content] if isinstance(content, list | tuple) else content


def source_hash(text: str) -> str:
    """Return a script or style sheet as a policy names it."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
