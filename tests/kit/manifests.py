"""Results as somebody left them: with a manifest that was made again after a change, or from before there was one."""

from __future__ import annotations

import json
from pathlib import Path

from kera_mobility.results.manifest import KEY, manifest_of


def forged(folder: Path, **changes: object) -> Path:
    """Change keys of `run.json`, make the manifest that of the files as they are now, and return the folder."""
    return _write(folder, changes, with_manifest=True)


def older(folder: Path, **changes: object) -> Path:
    """Change keys of `run.json`, take the manifest away, and return the folder."""
    return _write(folder, changes, with_manifest=False)


def _write(folder: Path, changes: dict[str, object], *, with_manifest: bool) -> Path:
    file = folder / "run.json"
    meta = {**json.loads(file.read_text(encoding="utf-8")), **changes}
    meta.pop(KEY, None)
    file.write_text(json.dumps(meta | ({KEY: manifest_of(folder, meta)} if with_manifest else {})), encoding="utf-8")
    return folder
