"""`kera cache`: what is computed once and kept, and how to make room."""

from __future__ import annotations

from typing import Annotated

import typer

from kera_mobility.cli._examples import examples
from kera_mobility.cli._output import say

app = typer.Typer(help="Show or remove what was computed once and kept.", no_args_is_help=True)


@app.command()
@examples("kera cache info")
def info() -> None:
    """Print what the cache holds: entries and size by kind, and when the one longest unused was last used."""
    from datetime import datetime

    from kera_mobility.cache import CACHE_VARIABLE, SIZE_VARIABLE, cache_root, most_bytes, usage

    root = cache_root()
    if root is None:
        say(f"The cache is turned off ({CACHE_VARIABLE} is empty).")
        return
    uses = usage()
    say(f"{root} ({CACHE_VARIABLE}), at most {most_bytes() / 1e9:g} GB ({SIZE_VARIABLE})")
    say(f"{'kind':<14}{'entries':>8}{'MB':>10}  longest unused since")
    for use in uses:
        unused_since = datetime.fromtimestamp(use.used_s).isoformat(" ", "minutes")
        say(f"{use.kind:<14}{use.entries:>8}{use.size_bytes / 1e6:>10.1f}  {unused_since}")
    total = sum(use.size_bytes for use in uses) / 1e6
    say(f"{'all':<14}{sum(use.entries for use in uses):>8}{total:>10.1f}")


@app.command()
@examples("kera cache clear")
def clear(
    kinds: Annotated[list[str] | None, typer.Argument(metavar="[KIND]...", help="Kinds as `info` prints them.")] = None,
) -> None:
    """Remove the entries of some kinds, all without a kind; they are computed again when they are needed."""
    from kera_mobility.cache import clear as clear_kinds
    from kera_mobility.cache import usage
    from kera_mobility.errors import MissingFileError, nearest_name

    held = [use.kind for use in usage()]
    for kind in kinds or ():
        if kind not in held:
            near = nearest_name(kind, held)
            raise MissingFileError(f"no kind '{kind}' in the cache{near}; it holds {', '.join(held) or 'nothing'}")
    removed = clear_kinds(kinds or ())
    say(f"{removed} entries removed.")
