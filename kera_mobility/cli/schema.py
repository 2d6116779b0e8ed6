"""`kera schema`: the JSON Schema of a scenario file."""

from __future__ import annotations

import typer

from kera_mobility.cli._examples import examples


@examples("kera schema")
def command() -> None:
    """Print the JSON Schema of a scenario, for editors that complete and check YAML."""
    import json

    from kera_mobility.simulation.scenario import schema

    typer.echo(json.dumps(schema(), indent=2, ensure_ascii=False))
