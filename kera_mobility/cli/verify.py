"""`kera verify`: are results what they say they are?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kera_mobility.cli._examples import examples
from kera_mobility.cli._output import print_json, remark, say

NOT_SOUND = 1
"""Exit code when a result is not as it was written."""


@examples("kera verify results/all")
def command(
    folders: Annotated[list[Path], typer.Argument(help="Result folders, or folders of several.", metavar="DIR...")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, every fault.")] = False,
) -> None:
    """Check results: each file against the manifest, and fingerprint and KPIs against the events, computed again."""
    from kera_mobility.experiments.verification import verify

    results = [result for folder in folders for result in verify(folder)]
    if as_json:
        print_json([result.to_json() for result in results])
    else:
        width = max(len(str(result.folder)) for result in results)
        for result in results:
            about = f"{result.files} files, {result.kpis} KPIs, fingerprint {result.fingerprint[:12]}"
            verdict = f"sound    {about}" if result.sound else "NOT SOUND"
            say(f"{result.folder!s:<{width}}  {verdict}")
            for text in (*result.faults, *result.remarks):
                say(f"  {text}")
    broken = sum(not result.sound for result in results)
    if broken:
        remark(f"{broken} of {len(results)} results are not as they were written: do not use their figures")
        raise typer.Exit(NOT_SOUND)
