"""Known weaknesses of the packages that were tested: `make audit` has pip-audit read constraints.txt.

pip-audit gets an environment of its own in `.audit`, so that it is no dependency of anything here. Where the advisory
data cannot be reached nothing is known, and that is not the same as no weakness: each package that could not be looked
up counts, and the command ends with 3.
"""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".audit"
CLEAN, WEAK, UNKNOWN = 0, 1, 3
"""What the command ends with."""


def main(words: Sequence[str]) -> int:
    """Audit a file of pinned packages, constraints.txt if none is named."""
    pins = Path(words[0]) if words else ROOT / "constraints.txt"
    python = FOLDER / "bin" / "python"
    if not python.exists():
        venv.create(FOLDER, with_pip=True)
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade", "pip-audit"]
    installed = subprocess.run(install, capture_output=True, text=True, check=False)  # noqa: S603
    if installed.returncode:
        print(f"pip-audit could not be installed, so nothing is known:\n{installed.stderr.strip()}", file=sys.stderr)
        return UNKNOWN
    audit = [str(python), "-m", "pip_audit", "-r", str(pins), "--no-deps", "--disable-pip", "--format", "json",
             "--progress-spinner", "off"]  # fmt: skip
    done = subprocess.run(audit, capture_output=True, text=True, check=False)  # noqa: S603
    try:
        found = json.loads(done.stdout)
    except ValueError:
        print(f"pip-audit said nothing that can be read, so nothing is known:\n{done.stderr.strip()}", file=sys.stderr)
        return UNKNOWN
    lines, code = told(found)
    print("\n".join(lines))
    return code


def told(found: Mapping[str, Any]) -> tuple[list[str], int]:
    """Return what an answer of pip-audit (its JSON) says in lines, and what the command ends with."""
    packages = found["dependencies"]
    skipped = [package for package in packages if "skip_reason" in package]
    weak = [(package, advisory) for package in packages for advisory in package.get("vulns", ())]
    lines = [
        f"{package['name']} {package['version']}: {advisory['id']}"
        + (f" ({', '.join(advisory['aliases'])})" if advisory.get("aliases") else "")
        + f"; mended in {', '.join(advisory['fix_versions']) or 'no version yet'}"
        for package, advisory in weak
    ]
    if skipped:
        lines.append(f"{len(skipped)} of {len(packages)} packages could not be looked up: {skipped[0]['skip_reason']}")
    lines.append(f"{len(weak)} known weaknesses in the {len(packages) - len(skipped)} packages that could be looked up")
    return lines, WEAK if weak else UNKNOWN if skipped or not packages else CLEAN


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
