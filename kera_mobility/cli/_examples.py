"""Examples in the help of a verb: commands that can be copied, one a line."""

from __future__ import annotations

from collections.abc import Callable
from inspect import cleandoc
from typing import TypeVar

Command = TypeVar("Command", bound=Callable[..., None])
INDENT = "  "


def examples(*commands: str) -> Callable[[Command], Command]:
    """Append commands to the help of a verb."""

    def with_examples(command: Command) -> Command:
        listed = "\n".join(f"{INDENT}{text}" for text in commands)
        # \b keeps the lines of a paragraph apart.
        command.__doc__ = f"{cleandoc(command.__doc__ or '')}\n\n\b\nExamples:\n{listed}\n"
        command.__dict__["examples"] = commands
        return command

    return with_examples
