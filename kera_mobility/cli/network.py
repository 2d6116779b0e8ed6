"""`kera network`: make, draw and describe the street map of an area."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kera_mobility.cli._examples import examples
from kera_mobility.cli._output import Everyone, brief_lines, say, terminal_width
from kera_mobility.config.resources import area_folder
from kera_mobility.errors import MissingFileError, NetworkError
from kera_mobility.texts import spreadsheet_cell, visible

if TYPE_CHECKING:
    from kera_mobility.areas.description import Box
    from kera_mobility.areas.extract import Extract
    from kera_mobility.town.streets.streets import Streets

app = typer.Typer(help="Make, draw and describe the street map of an area.", no_args_is_help=True)
NOTICE = "NOTICE: "
"""Before what a user should know of the map."""
AreaName = Annotated[str, typer.Argument(metavar="AREA", help="Name of an area (kera), or its folder.")]


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
@examples("kera network build")
def build() -> None:
    """Say where the tool is that makes a shipped area's streets from partial data."""
    raise NetworkError("streets are inferred by a tool of the checkout: python -m tools.infer_streets AREA --raw DIR")


OutFolder = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help="New folder of the area; default networks/<name>_osm here.")
]
Merge = Annotated[
    float,
    typer.Option("--merge-m", min=0.0, max=50.0, help="Merge nodes of one junction nearer than this, m; 0: none."),
]
BoxText = Annotated[str, typer.Option("--bbox", help="Cut to a rectangle: west,south,east,north in degrees.")]
FeedFile = Annotated[
    Path | None, typer.Option("--gtfs", metavar="FEED", help="GTFS feed, zip or folder: its timetable `today`.")
]


@app.command()
@examples("kera network fetch kera --out kera_osm")
def fetch(
    area: Annotated[str, typer.Argument(metavar="[AREA]", help="Area whose rectangle is fetched (kera).")] = "",
    place: Annotated[str, typer.Option(help="A place by name instead, such as 'Pasila, Helsinki, Finland'.")] = "",
    bbox: BoxText = "",
    service: Annotated[str, typer.Option(help="Address of an Overpass service other than OSMnx's own.")] = "",
    out: OutFolder = None,
    merge_m: Merge = 1.0,
    gtfs: FeedFile = None,
) -> None:
    """Download today's streets from OpenStreetMap with OSMnx and make an area of them.

    With AREA the new area keeps its people, timetables and overlays; run a scenario there with --set area=DIR.
    """
    from kera_mobility.areas.description import read_area
    from kera_mobility.areas.osm_download import fetch_box, fetch_place

    if sum(map(bool, (area, place, bbox))) != 1:
        raise typer.BadParameter("expected one of AREA, --place and --bbox", param_hint="AREA")
    box = box_of(bbox)
    target = out or Path("networks") / f"{plain_name(area or place or 'box')}_osm"
    like = _ready(target, [gtfs], area)
    asked = read_area(like).bbox if like else box
    extract = fetch_box(asked, service) if asked else fetch_place(place, service)
    _import(extract, target, like, merge_m, box, gtfs)


@app.command(name="import")
@examples("kera network import extract.osm.pbf --area kera --out kera_osm")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Extract: .osm, .osm.pbf, .graphml or .gpkg.")],
    area: Annotated[str, typer.Option(help="Area that gives rectangle, people and timetables (kera).")] = "",
    day: Annotated[str, typer.Option("--date", help="Day of the data, as 2024-08-21, where the file tells none.")] = "",
    walk: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Streets for walking, from a file of their own.")
    ] = None,
    cycle: Annotated[Path | None, typer.Option(metavar="FILE", help="Streets for bicycles, likewise.")] = None,
    drive: Annotated[Path | None, typer.Option(metavar="FILE", help="Streets for cars, likewise.")] = None,
    bbox: BoxText = "",
    gtfs: FeedFile = None,
    out: OutFolder = None,
    merge_m: Merge = 1.0,
) -> None:
    """Make an area of the streets in a file: OpenStreetMap XML or PBF, GraphML or GeoPackage of OSMnx.

    With --area the new area keeps its people, timetables and overlays; run a scenario there with --set area=DIR.
    Without it people are assumed, so that a day runs. FILE serves the modes that have no file of their own.
    """
    from kera_mobility.areas.extract import joined
    from kera_mobility.areas.osm_read import read_extract
    from kera_mobility.town.streets.streets import MODE_BIT

    if area and bbox:
        raise typer.BadParameter("expected --area or --bbox, got both; an area has its rectangle", param_hint="--bbox")
    _day(day, "--date")
    box = box_of(bbox)
    target = out or Path("networks") / f"{plain_name(area or file.name.split('.')[0])}_osm"
    of_mode = {mode: path for mode, path in (("walk", walk), ("cycle", cycle), ("drive", drive)) if path}
    like = _ready(target, [file, *of_mode.values(), gtfs], area)
    bits: dict[Path, int] = {}
    for mode, bit in MODE_BIT.items():
        path = of_mode.get(mode, file)
        bits[path] = bits.get(path, 0) | bit
    extract = joined([read_extract(path).of_modes(own) for path, own in bits.items()])
    _import(replace(extract, date=day or extract.date), target, like, merge_m, box, gtfs)


def _ready(target: Path, files: Sequence[Path | None], area: str) -> Path | None:
    """Return the folder of an area, none without a name; everything that is missing is told before any work.

    Raises
    ------
    MissingFileError, NetworkError
        If a file or the area is missing, or the target exists.
    """
    from kera_mobility.areas.import_area import require_new

    require_new(target)
    missing = [f"{path}: no such file to import" for path in files if path and not path.exists()]
    folder = None
    try:
        folder = _folder(area) if area else None
    except (MissingFileError, NetworkError) as error:
        missing.append(str(error))
    if missing:
        raise MissingFileError("\n".join(missing))
    return folder


@app.command(name="map")
@examples("kera network map kera -o map.png")
def draw(
    area: AreaName,
    target: Annotated[Path, typer.Option("-o", "--out", metavar="FILE", help="Picture to write: PNG, SVG or PDF.")],
    overlay: Annotated[list[str] | None, typer.Option(help="Draw what this overlay leaves open; may repeat.")] = None,
) -> None:
    """Draw the area's streets, the origin of each told apart."""
    from kera_mobility.areas.description import read_area
    from kera_mobility.areas.plot import draw_map, require_picture

    require_picture(target)
    folder = _folder(area)
    settings = read_area(folder)
    draw_map(folder, settings.title, settings.attribution, target, overlay or ())
    say(f"{target}: drawn")


@app.command()
@examples("kera network info kera")
def info(
    area: AreaName,
    on: Annotated[str, typer.Option("--on", metavar="DAY", help="Count ages on this day, as 2026-01-31.")] = "",
    service_date: Annotated[
        str, typer.Option("--date", help="Read timetables on this service date, as 2026-01-31; default a typical day.")
    ] = "",
    trips: Annotated[
        Path | None, typer.Option("--trips", metavar="FILE", help="Write what becomes of every trip of the feeds, CSV.")
    ] = None,
    everyone: Everyone = False,
) -> None:
    """Say what the area's streets and timetables hold, how good they are, whose data it is and how old."""
    folder = _folder(area)
    figures, credit, account = _figures(folder), _credit(folder), list(_account(folder))
    timetables = list(_timetables(folder, service_date or None))
    sources = list(_sources(folder, _day(on)))
    notices = [line for line in account if line.startswith(NOTICE)]
    runs = [line.split("\n")[1] for line in timetables if line.startswith("\n")]
    age = textwrap.wrap(sources[-1].strip(), terminal_width())
    brief = [figures[0], credit, *age, *notices, *figures[3:], *runs, *figures[1:3]]
    whole = "\n".join([*figures, *account, credit, *timetables, *sources])
    _say_lines(brief_lines(brief, whole, everyone))
    if trips:
        _write_trips(folder, service_date or None, trips)


def _folder(area: str) -> Path:
    """Return the folder of an area given by name or path."""
    folder = area_folder(area)
    if not (folder / "area.yaml").exists():
        raise NetworkError(f"{folder}: expected the folder of an area, found no area.yaml in it")
    return folder


def plain_name(name: str) -> str:
    """Return a name as a plain lower-case word, as scenarios name areas."""
    letters = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in Path(name).name.lower())
    return letters if letters[:1].isalpha() else f"area_{letters}"


def box_of(text: str) -> Box | None:
    """Return the rectangle that an option names, nothing for an empty one."""
    from kera_mobility.areas.description import Box

    if not text:
        return None
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError:
        west = south = east = north = 0.0
    if -180.0 <= east < west <= 180.0 and west - east > 180.0:
        raise typer.BadParameter(
            f"got '{text}', a rectangle over the antimeridian (180 degrees), which no map here can do; take one side",
            param_hint="--bbox",
        )
    if not (-180.0 <= west < east <= 180.0 and -90.0 <= south < north <= 90.0):
        raise typer.BadParameter(f"got '{text}', expected west,south,east,north in degrees", param_hint="--bbox")
    return Box(west=west, south=south, east=east, north=north)


def _import(extract: Extract, out: Path, like: Path | None, merge_m: float, box: Box | None, feed: Path | None) -> None:
    """Make an area of an extract and say what became of it."""
    from kera_mobility.areas.import_area import import_area

    made = import_area(extract, out, like, merge_m, box, feed)
    if extract.missing_nodes:
        say(f"clipped: {extract.missing_nodes} nodes are missing from {extract.clipped_ways} ways, which are cut there")
    if made.covered is not None:
        say(f"covers {made.covered:.0%} of the residents")
    _say_lines([*_figures(out), *_account(out), _credit(out), *(_timetables(out, None) if feed else ())])
    by_class = sorted(made.kilometres.class_m.items(), key=lambda row: -row[1])
    say(
        "in the file    " + ", ".join(f"{name} {length_m / 1000.0:.1f}" for name, length_m in by_class) + " km by class"
    )
    before, after = made.nodes
    same = ", ".join(f"{share:.0%} ({mode})" for mode, share in made.same_length.items())
    say(f"merging        {before} nodes to {after}; within 1 % as long as before: {same} of ways")
    table_mb = 4 * 4 * made.streets.nodes**2 / 1e6
    say(f"{out}: written; tables of shortest ways will take {table_mb:.0f} MB on the first run")
    folder = out if out.is_absolute() else f"./{out.as_posix()}"
    config = "today" if like else "elsewhere"
    lines = "" if like or feed else " --set services.rail=null"
    say(f"Use it: kera run configs/{config}.yaml --set area={folder}{lines}")


def _say_lines(lines: Iterable[str]) -> None:
    """Print lines, notices in red."""
    for line in lines:
        if line.startswith(NOTICE):
            typer.secho(line, fg="red", bold=True)
        else:
            say(line)


def _credit(folder: Path) -> str:
    from kera_mobility.areas.description import read_area

    return visible(read_area(folder).attribution, keep="")


def _figures(folder: Path) -> list[str]:
    """Return a line of the nodes, four of the streets, and one of each mode."""
    from kera_mobility.areas.description import read_area
    from kera_mobility.areas.quality import survey
    from kera_mobility.town.streets.streets import Streets

    streets = Streets.load(folder / "streets")
    area, figures = read_area(folder), survey(streets)
    title = visible(area.title, keep="")
    lines = [
        f"{title}: {figures.nodes} nodes, {figures.outside_places} of them places beyond the map",
        "km by origin   " + ", ".join(f"{name} {km:.1f}" for name, km in figures.km_by_origin.items()),
        "km by class    " + ", ".join(f"{name} {km:.1f}" for name, km in figures.km_by_class.items()),
        f"real share     {figures.real_share:.0%} of the length that stands today",
        f"on foot        a node is joined to {figures.walk_degree:.2f} others{_density(folder, streets)}",
    ]
    for mode, parts in figures.parts_by_mode.items():
        low, middle, high = figures.circuity_by_mode[mode]
        connected = "one connected part" if parts == 1 else f"{parts} PARTS"
        detour = (
            "map too small for detours"
            if middle != middle
            else (f"way over straight line {middle:.2f} ({low:.2f} to {high:.2f})")
        )
        lines.append(f"{mode:<14} {figures.nodes_by_mode[mode]} nodes, {connected}; {detour}")
    return lines


def _account(folder: Path) -> Iterator[str]:
    """Yield what an import let in and left away, and what a user should know of it."""
    from kera_mobility.areas.kilometres import lines_of
    from kera_mobility.areas.provenance import read_provenance

    for dataset in read_provenance(folder):
        yield from lines_of(dataset.kilometres)
        for notice in dataset.notices:
            yield visible(f"{NOTICE}{notice}", keep="")


def _timetables(folder: Path, service_date: str | None) -> Iterator[str]:
    """Yield what became of the trips of each timetable, an empty line before each."""
    from kera_mobility.errors import SettingError, TimetableError
    from kera_mobility.files import read_yaml
    from kera_mobility.town.timetable.feeds import timetable_names, timetable_of

    area = read_yaml(folder / "area.yaml")
    for name in timetable_names(folder):
        try:
            timetable = timetable_of(folder, name, area, service_date)
        except (SettingError, TimetableError) as error:
            yield f"\ntimetable {name}: {error}"
            continue
        about = timetable.about
        runs = f"{timetable.runs} runs of {len(timetable.line_name)} lines"
        yield f"\ntimetable {name}: {runs} at {timetable.stops} stops"
        if about:
            counts = about["trips"]
            yield f"  date       {about['date']} ({about['date_chosen']})"
            yield f"  trips      {sum(counts.values())} in the feed"
            for fate, count in counts.items():
                yield f"  {count:>9}  {fate}"
            for kind in ("notices", "not_honoured"):
                for text in about[kind]:
                    yield f"  {'notice' if kind == 'notices' else 'not done':<9}  {text}"


def _write_trips(folder: Path, service_date: str | None, trips: Path) -> None:
    """Write what becomes of every trip of the timetables that can be read."""
    import csv

    from kera_mobility.errors import SettingError, TimetableError
    from kera_mobility.files import read_yaml
    from kera_mobility.town.timetable.feeds import fates_in, timetable_names

    area, rows = read_yaml(folder / "area.yaml"), []
    for name in timetable_names(folder):
        with suppress(SettingError, TimetableError):  # said above
            rows += [(name, *fate) for fate in fates_in(folder, name, area, service_date)]
    with trips.open("w", encoding="utf-8", newline="") as file:
        header = ("timetable", "trip_id", "route_id", "fate", "detail")
        csv.writer(file).writerows([header, *(map(spreadsheet_cell, row) for row in rows)])
    say(f"\n{trips}: {len(rows)} trips written")


def _density(folder: Path, streets: Streets) -> str:
    """Return how dense the walking network is where people live, as words; nothing where the area has no cells."""
    from kera_mobility.areas.quality import walk_km_per_km2
    from kera_mobility.tables import read_table
    from kera_mobility.town.area_tables import CELLS

    path = folder / CELLS.name
    if not path.exists():
        return ""
    homes = read_table(path, CELLS).numbers("lon", "lat")
    return f"; {walk_km_per_km2(streets, homes):.1f} km for each km2 of populated cells"


def _day(text: str, option: str = "--on") -> date:
    try:
        return date.fromisoformat(text) if text else date.today()
    except ValueError:
        raise typer.BadParameter(f"got '{text}', expected a day as 2026-01-31", param_hint=option) from None


def _sources(folder: Path, today: date) -> Iterator[str]:
    """Yield every dataset, the files that none explains, and how many are too old for what they are used for."""
    from kera_mobility.areas.provenance import (
        LARGEST_OLD_SHARE,
        OLD_YEARS,
        files_without_source,
        freshness,
        read_provenance,
    )

    datasets = read_provenance(folder)
    for dataset in datasets:
        age = "" if not dataset.current else ", OLD" if dataset.is_old(today) else ", current"
        yield f"\n{dataset.file}"
        yield f"  source   {visible(dataset.source, keep='')}"
        yield f"  licence  {visible(dataset.licence, keep='')}"
        yield f"  date     {dataset.date}{age}"
        yield f"  derived  {visible(dataset.derived_how, keep='')}"
    for file in files_without_source(folder, datasets):
        yield f"\n{file}\n  NO SOURCE STATED"
    share = freshness(datasets, today)
    verdict = "kept" if share.within_limit else "NOT kept"
    yield (
        f"\n{share.old} of {share.current} datasets that stand for today are older than {OLD_YEARS} years: "
        f"{share.old_share:.0%}; the city's own limit of {LARGEST_OLD_SHARE:.0%} is {verdict}"
    )
