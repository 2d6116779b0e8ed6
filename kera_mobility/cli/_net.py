"""The net under every verb: what went wrong is told in words; nobody meets a traceback who did not ask for one."""

from __future__ import annotations

import errno
import os
import sys
import tempfile
import traceback
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from typer.core import TyperGroup

from kera_mobility.errors import in_words
from kera_mobility.texts import visible

BAD_INPUT = 2
"""Exit code when the user can mend it."""
UNEXPECTED = 3
"""Exit code when it is a fault of the program."""
INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it: 128 + SIGINT."""
PIPE_CLOSED = 141
"""Exit code when the reader of our output went away: 128 + SIGPIPE."""
DEBUG_VARIABLE = "KERA_DEBUG"
"""Environment variable that also shows the traceback of every error, unless it is empty or 0."""


class CarriedError(Exception):
    """Carries, as its cause, an error for which the parser of the command line has an answer of its own."""


class Verbs(TyperGroup):
    """The verbs; an interrupt, a closed pipe or a file that ends too early comes out as it is."""

    def invoke(self, ctx: Any) -> Any:  # typer's own kind of context is not exported
        """Run the verb that was asked for."""
        try:
            return super().invoke(ctx)
        except (EOFError, OSError, KeyboardInterrupt) as error:
            raise CarriedError from error


def tell(error: BaseException) -> int:
    """Say on stderr what went wrong, and return the exit code."""
    if isinstance(error, CarriedError) and error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, KeyboardInterrupt):
        return _say("\nInterrupted.", INTERRUPTED)
    if isinstance(error, BrokenPipeError) and error.filename is None:
        # What is still in the buffer has no reader; without this Python complains while it closes the stream.
        _into_nowhere(sys.stdout)
        return PIPE_CLOSED
    known = in_words(error)
    if os.environ.get(DEBUG_VARIABLE, "0") not in ("", "0"):
        _say("".join(traceback.format_exception(error)), 0)
    if known is None:
        return _say(_unexpected(error), UNEXPECTED)
    if isinstance(known, OSError) and known.errno in (errno.ENOSPC, errno.EIO, errno.EDQUOT) and not known.filename:
        _into_nowhere(sys.stdout)  # it may be stdout that is full, which would fail again when it is closed
    return _say(f"{type(known).__name__}: {known}", BAD_INPUT)


def _unexpected(error: BaseException) -> str:
    first, *_ = [*str(error).splitlines(), ""]
    words = f"Unexpected {type(error).__name__}{first and ': '}{first[:200]}"
    details = _write_details(error)
    if details is None:
        return f"{words}\nA fault of this program. The details cannot be written; {DEBUG_VARIABLE}=1 shows them here."
    return (
        f"{words}\nA fault of this program, not of your input. The details were written to {details}: please look "
        "through them and open an issue with them in the project's issue tracker."
    )


def _write_details(error: BaseException) -> Path | None:
    """Write what is needed to find the fault to the cache or the temporary folder; None if neither can be written."""
    import platform

    from kera_mobility.cache import cache_root
    from kera_mobility.files import package_version

    now = datetime.now().astimezone()
    text = "\n".join([
        f"time      {now.isoformat(timespec='seconds')}",
        f"version   {package_version()}",
        f"command   {' '.join(map(repr, ['kera', *sys.argv[1:]]))}",
        f"platform  {platform.platform()}, Python {platform.python_version()}",
        "", *traceback.format_exception(error),
    ])  # fmt: skip
    kept = cache_root()
    for folder in ([kept / "errors"] if kept else []) + [Path(tempfile.gettempdir())]:
        with suppress(OSError, ValueError):
            folder.mkdir(parents=True, exist_ok=True)
            file = folder / f"kera-error-{now:%Y%m%d-%H%M%S}-{os.getpid()}.txt"
            file.write_text(text, encoding="utf-8", errors="backslashreplace")
            return file
    return None


def _say(text: str, code: int) -> int:
    with suppress(OSError, ValueError, AttributeError):  # stderr may be full, closed or none
        sys.stderr.write(f"{visible(text)}\n")
        sys.stderr.flush()
    return code


def _into_nowhere(stream: Any) -> None:
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
