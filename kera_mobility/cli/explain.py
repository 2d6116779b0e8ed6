"""`kera explain`: why trips went unserved and requests were denied, in plain sentences, from result folders alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kera_mobility.cli._examples import examples
from kera_mobility.cli._output import Everyone, print_json, remark, say, say_brief, terminal_width, try_first, write_csv

if TYPE_CHECKING:
    from kera_mobility.results.explain.inputs import RunReader

DISAGREES = 1
"""Exit code when a sum is not that of the KPI table."""


@examples("kera explain results/all", "kera explain results/all/seed-0001 --trip 104162:2")
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
    everyone: Everyone = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, every case.")] = False,
    csv: Annotated[Path | None, typer.Option(help="Write every case as CSV to this file ('-' prints it).")] = None,
) -> None:
    """Say why trips went unserved and requests were denied: by reason, place and hour, adding up to the KPI table.

    With --trip or --person: what was considered, expected, met and chosen, and what would have served a refused trip.
    """
    if trip is not None or person is not None:
        _explain_trips(folder, trip, person, rerun=rerun, tries=tries if confirm and trip else 0, as_json=as_json)
        return
    from kera_mobility.results.explain import explain
    from kera_mobility.results.explain.explanation import CASE_COLUMNS
    from kera_mobility.results.explain.text import brief_explanation, explanation_text

    try_first(csv)
    explanation = explain(folder)
    if csv is not None:
        write_csv(CASE_COLUMNS, explanation.rows(), csv)
    if as_json:
        print_json(explanation.to_json())
    elif csv is None:
        say_brief(brief_explanation(explanation, terminal_width()), explanation_text(explanation, top), everyone)
    if explanation.disagreements:
        remark(f"{len(explanation.disagreements)} sums do not agree with the KPI table")
        raise typer.Exit(DISAGREES)


def _explain_trips(
    folder: Path, trip: str | None, person: int | None, *, rerun: bool, tries: int, as_json: bool
) -> None:
    """Explain one trip, or all of a person; `tries` is how many changes are tried for a refused one."""
    from kera_mobility.experiments.counterfactual import find_remedy, rerun_watching
    from kera_mobility.results.explain.trip_story import story_of, trips_of
    from kera_mobility.results.explain.trip_text import tell_trip

    run = _single_run(folder)
    traveller, number = _person_and_trip(trip, person)
    if rerun:
        run = rerun_watching(run, traveller, remark)
    contents: list[dict[str, Any]] = []
    for trip_number in trips_of(run, traveller) if number is None else [number]:
        story = story_of(run, traveller, trip_number)
        if not as_json:
            say(("\n" if contents else "") + tell_trip(run, story))
        remedy = None
        if story.failed and tries:
            remedy = find_remedy(run.folder, traveller, trip_number, tries=tries, say=remark)
        contents.append(story.to_json() | ({"change": remedy.to_json()} if remedy else {}))
        if as_json:
            continue
        if remedy:
            say(f"\n{remedy.words}")
        elif story.failed:
            say(f"(What would have served it: kera explain {run.folder} --trip {traveller}:{trip_number})")
    if as_json:
        print_json(contents if number is None else contents[0])


def _single_run(folder: Path) -> RunReader:
    from kera_mobility.errors import ResultError
    from kera_mobility.results.explain.inputs import read_run
    from kera_mobility.results.store import result_folders

    runs = result_folders(folder)
    if len(runs) > 1:
        raise ResultError(f"{folder}: holds {len(runs)} runs; a trip is told of one, such as {runs[0]}")
    return read_run(runs[0])


def _person_and_trip(trip: str | None, person: int | None) -> tuple[int, int | None]:
    """Return the person and the number of the trip, None for all."""
    if trip is None:
        assert person is not None, "one of both is given"
        return person, None
    traveller, colon, number = trip.partition(":")
    valid = colon and traveller.isdecimal() and number.isdecimal()
    if not valid or (person is not None and int(traveller) != person):
        raise typer.BadParameter(f"got '{trip}', expected PERSON:TRIP such as 104162:2", param_hint="--trip")
    return int(traveller), int(number)
