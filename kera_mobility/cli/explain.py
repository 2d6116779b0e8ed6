"""`kera explain`: why trips went unserved and services said no, in plain sentences, from result folders alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from kera_mobility.experiments.counterfactual import Found
    from kera_mobility.results.explain import Explanation
    from kera_mobility.results.explain.inputs import RunReader

DISAGREES = 1
"""Exit code when a sum is not that of the KPI table."""


def command(
    folder: Annotated[Path, typer.Argument(help="A result folder, or a folder of several runs of one scenario.")],
    trip: Annotated[str | None, typer.Option(help="Tell one trip's whole story: PERSON:TRIP, as in 104162:2.")] = None,
    person: Annotated[int | None, typer.Option(help="Tell every trip of the person with this id.")] = None,
    rerun: Annotated[
        bool, typer.Option("--rerun", help="Live the day again to tell also what was considered without a refusal.")
    ] = False,
    confirm: Annotated[
        bool, typer.Option(help="Find the cheapest change that serves a refused trip by living the day again.")
    ] = True,
    tries: Annotated[int, typer.Option(min=1, max=100, help="Changes tried; each takes as long as a run.")] = 8,
    top: Annotated[int, typer.Option(min=1, max=100, help="Places and hours named for each reason.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, every case.")] = False,
    csv: Annotated[Path | None, typer.Option(help="Write every case as CSV to this file ('-' prints it).")] = None,
) -> None:
    """Say why trips went unserved and services refused: by reason, place and hour, adding up to the KPI table.

    With --trip or --person: what was considered, expected, met and chosen, and what would have served a refused trip.
    """
    if trip is not None or person is not None:
        _tell_trips(folder, trip, person, rerun=rerun, tries=tries if confirm and trip else 0, as_json=as_json)
        return
    from kera_mobility.results.explain import explain
    from kera_mobility.results.explain.text import tell

    found = explain(folder)
    if csv is not None:
        _write_csv(found, csv)
    if as_json:
        typer.echo(_json(found.to_json()))
    elif csv is None:
        typer.echo(tell(found, top))
    if found.disagreements:
        typer.echo(f"{len(found.disagreements)} sums do not agree with the KPI table", err=True)
        raise typer.Exit(DISAGREES)


def _tell_trips(folder: Path, trip: str | None, person: int | None, *, rerun: bool, tries: int, as_json: bool) -> None:
    """Tell one trip, or all of a person; `tries` is how many changes are tried for a refused one."""
    from kera_mobility.results.explain.trip import story_of, trips_of
    from kera_mobility.results.explain.trip_text import tell_trip

    told = _one_run(folder)
    who, number = _named(trip, person)
    if rerun:
        from kera_mobility.experiments.counterfactual import watch

        told = watch(told, who, _aside)
    content: list[dict[str, Any]] = []
    for each in trips_of(told, who) if number is None else [number]:
        story = story_of(told, who, each)
        if not as_json:
            typer.echo(("\n" if content else "") + tell_trip(told, story))
        found = _ask(told, who, each, tries) if story.failed and tries else None
        content.append(story.to_json() | ({"change": found.to_json()} if found else {}))
        if found and not as_json:
            typer.echo(f"\n{found.words}")
        elif story.failed and not tries and not as_json:
            typer.echo(f"(What would have served it: kera explain {told.folder} --trip {who}:{each})")
    if as_json:
        typer.echo(_json(content[0] if number is not None else content))


def _ask(told: RunReader, person: int, trip: int, tries: int) -> Found:
    from kera_mobility.experiments.counterfactual import ask

    return ask(told.folder, person, trip, most=tries, say=_aside)


def _one_run(folder: Path) -> RunReader:
    from kera_mobility.errors import ResultError
    from kera_mobility.results.explain.inputs import read_run
    from kera_mobility.results.store import result_folders

    found = result_folders(folder)
    if len(found) > 1:
        raise ResultError(f"{folder}: holds {len(found)} runs; a trip is told of one, such as {found[0]}")
    return read_run(found[0])


def _named(trip: str | None, person: int | None) -> tuple[int, int | None]:
    """Return the person and the number of the trip, None for all."""
    if trip is None:
        assert person is not None, "one of both is given"
        return person, None
    who, colon, number = trip.partition(":")
    if not (colon and who.isdecimal() and number.isdecimal()) or (person is not None and int(who) != person):
        raise typer.BadParameter(f"got '{trip}', expected PERSON:TRIP such as 104162:2", param_hint="--trip")
    return int(who), int(number)


def _aside(text: str) -> None:
    typer.echo(text, err=True)


def _json(content: Any) -> str:
    import json

    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)


def _write_csv(found: Explanation, file: Path) -> None:
    import csv
    import io

    from kera_mobility.errors import ResultError
    from kera_mobility.results.explain.explanation import CASE_COLUMNS

    text = io.StringIO()
    writer = csv.DictWriter(text, CASE_COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(found.rows())
    if str(file) == "-":
        typer.echo(text.getvalue(), nl=False)
        return
    try:
        file.write_text(text.getvalue(), encoding="utf-8", newline="")
    except OSError as error:
        raise ResultError(f"{file}: cannot write: {error.strerror or error}") from error
