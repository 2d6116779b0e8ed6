"""What a study decides by, as the command line names it: a file, or the primary outcomes alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from kera_mobility.config.decision import DecisionSettings

DecisionFile = Annotated[
    Path | None,
    typer.Option("--decision", help="YAML file with primary outcomes in their order, and thresholds of the city."),
]
PrimaryOutcomes = Annotated[
    str, typer.Option("--primary", help="Primary outcomes in their order: ids of `kera compare`, with commas between.")
]


def chosen_decision(file: Path | None, primary: str) -> DecisionSettings | None:
    """Return what the command line names to decide by; None where it names nothing, and the scenario decides.

    Raises
    ------
    MissingFileError, ConfigError
        If there is no such file, or it or the names are wrong.
    """
    from kera_mobility.config.decision import DecisionSettings
    from kera_mobility.config.messages import validated
    from kera_mobility.config.resources import find
    from kera_mobility.config.yaml_layers import Node, merge, read_layers

    node = Node({}, "--decision") if file is None else read_layers(find(file, "configs"))
    if primary:
        names = [Node(name.strip(), "--primary") for name in primary.split(",")]
        node = merge(node, Node({"primary": Node(names, "--primary")}, "--primary"))
    return validated(node, DecisionSettings) if file or primary else None
