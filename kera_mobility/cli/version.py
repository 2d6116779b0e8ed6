"""`kera version`: which Kera Mobility this is, and what it stands on."""

from __future__ import annotations

import typer

from kera_mobility.cli._examples import examples
from kera_mobility.files import package_version

STANDS_ON = ("kera-mobility", "simpy", "numpy", "scipy", "pyarrow", "pydantic")
"""The distributions whose version can matter to a result or its speed."""


@examples("kera version")
def command() -> None:
    """Print the version of Kera Mobility, of Python and of the packages a run stands on."""
    import platform

    typer.echo(f"python {platform.python_version()}")
    for name in STANDS_ON:
        typer.echo(f"{name} {package_version(name)}")
