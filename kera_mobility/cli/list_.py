"""`kera list`: what there is: scenarios, trials, areas, runs, kinds of service, figures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from kera_mobility.cli._examples import examples
from kera_mobility.cli._output import print_json, say

MOST_SHOWN = 5
"""Names of each kind, unless one kind is asked for."""
Names = Iterator[tuple[str, str]]


@examples("kera list", "kera list trials", "kera list runs --out results", "kera list figures")
def command(
    kind: Annotated[
        str | None, typer.Argument(help="scenarios, trials, areas, runs, services or figures; each in short if none.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of results, for runs and figures.")] = Path("results"),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List what there is, here and among what is shipped."""
    from kera_mobility.errors import nearest_name

    if kind is not None and kind not in LISTERS:
        near = nearest_name(kind, list(LISTERS))
        raise typer.BadParameter(f"got '{kind}', expected one of {', '.join(LISTERS)}{near}", param_hint="KIND")
    listed = {name: list(LISTERS[name](out)) for name in ([kind] if kind else LISTERS)}
    if as_json:
        print_json({name: [{"name": entry, "about": about} for entry, about in rows] for name, rows in listed.items()})
    elif kind is not None:
        widest = max((len(name) for name, _ in listed[kind]), default=0)
        say("\n".join(f"{name.ljust(widest)}  {about}".rstrip() for name, about in listed[kind]) or f"no {kind} here")
    else:
        for name, rows in listed.items():
            more = ", ..." if len(rows) > MOST_SHOWN else ""
            say(f"{len(rows):>4} {name}: {', '.join(entry for entry, _ in rows[:MOST_SHOWN])}{more}")
        say("kera list KIND shows all of one kind, with what they are.")


def _scenarios(folder: str) -> Names:
    """Yield the files of scenarios in a folder, here and shipped, with their titles."""
    from kera_mobility.config.resources import shipped_folder
    from kera_mobility.files import parse_yaml

    here, shipped = Path("configs") / folder, shipped_folder("configs") / folder
    files = {file.name: file for place in (shipped, here) for file in sorted(place.glob("*.yaml"))}
    for name, file in sorted(files.items()):
        try:
            content = parse_yaml(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(content, dict) and content.get("title"):
            yield str(Path("configs") / folder / name), str(content["title"])


def _areas(out: Path) -> Names:
    from kera_mobility.config.resources import shipped_folder
    from kera_mobility.files import parse_yaml

    for place in sorted({*shipped_folder("networks").glob("*/area.yaml"), *Path("networks").glob("*/area.yaml")}):
        try:
            about = parse_yaml(place.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            about = {}
        yield place.parent.name, str(about.get("title", "")) if isinstance(about, dict) else ""


def _runs(out: Path) -> Names:
    """Yield the folders of runs, with their seeds and titles."""
    from kera_mobility.results.store import read_unchecked_meta, result_folders

    by_scenario: dict[Path, list[Path]] = {}
    for folder in result_folders(out, torn=True) if out.is_dir() and any(out.rglob("run.json")) else []:
        by_scenario.setdefault(folder.parent, []).append(folder)
    for place, folders in by_scenario.items():
        meta = read_unchecked_meta(folders[0]) if (folders[0] / "run.json").is_file() else {}
        number = "1 run" if len(folders) == 1 else f"{len(folders)} runs"
        yield str(place), f"{number}; {meta.get('title') or meta.get('scenario', 'torn')}"


def _services(out: Path) -> Names:
    from kera_mobility.services.base import service_kinds

    for kind, service in service_kinds().items():
        yield kind, (service.__doc__ or "").strip().partition("\n")[0]


def _figures(out: Path) -> Names:
    """Yield the figures of the last run, or those that the checks know."""
    from kera_mobility.config.resources import find
    from kera_mobility.experiments.regression import CHECKS, Baseline
    from kera_mobility.results.store import read_kpis

    runs = sorted(out.rglob("run.json"), key=lambda file: file.stat().st_mtime)
    if runs:
        yield from ((kpi["id"], f"{kpi['unit']}: {kpi['definition']}") for kpi in read_kpis(runs[-1].parent))
        return
    files = sorted((find(CHECKS, "configs") / "baselines").glob("*.json"))
    yield from ((name, "") for name in sorted({name for file in files for name in Baseline.read(file).figures}))


LISTERS: dict[str, Callable[[Path], Names]] = {
    "scenarios": lambda out: _scenarios(""), "trials": lambda out: _scenarios("trials"), "areas": _areas,
    "runs": _runs, "services": _services, "figures": _figures,
}  # fmt: skip
"""Function of the folder of results -> name and what it is, by kind."""
