"""`kera calibrate`: fit the constants of the choice model, and hold everything else against data."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kera_mobility.files import package_version

if TYPE_CHECKING:
    from kera_mobility.experiments.calibration import Calibration
    from kera_mobility.results.observations import Check

HEADINGS = {
    "fitted": "Fitted (a constant was chosen to meet it: no test of the model)",
    "prior": "Fitted, to a weak figure",
    "held out": "Held out (nothing was chosen to meet it)",
    "input": "Settings read back, or chosen with the figure in view",
    "untold": "No datum was found",
}
WIDEST_TITLE = 56


def command(
    scenario: Annotated[Path, typer.Argument(help="Scenario of the base year, such as configs/today.yaml.")],
    targets: Annotated[Path, typer.Option(help="What is fitted to what.")] = Path("configs/calibration.yaml"),
    override: Annotated[
        list[str] | None, typer.Option("--set", help="Override a key of the scenario; may be repeated.")
    ] = None,
    share: Annotated[
        float | None,
        typer.Option(min=0.01, max=1, help="Share of the households in the search; a file's own if not given."),
    ] = None,
    iterations: Annotated[
        int | None, typer.Option(min=0, max=100, help="Most rounds; 0 judges the scenario's own values.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FILE", help="Write the constants as a layer for scenarios.")
    ] = None,
    result: Annotated[
        Path | None, typer.Option("--result", metavar="FILE", help="Write the rounds and every figure as YAML.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Fit the constants to surveys and counts; print what was fitted, and beside it what was held out."""
    from kera_mobility.experiments.calibration import CalibrationSettings, calibrate, evidence, read_settings
    from kera_mobility.simulation.scenario import load_scenario

    settings = read_settings(targets, CalibrationSettings)
    chosen = {"share": share, "iterations": iterations}
    fit = settings.fit.model_copy(update={name: value for name, value in chosen.items() if value is not None})
    settings = settings.model_copy(update={"fit": fit})
    found = calibrate(load_scenario(scenario, override or ()), settings, lambda text: typer.echo(text, err=True))
    checks = evidence(found)
    if out is not None:
        out.write_text(_layer_text(found, checks), encoding="utf-8", newline="\n")
    if result is not None:
        result.write_text(_yaml({"command": _command(), **_content(found, checks)}), encoding="utf-8", newline="\n")
    typer.echo(_json(found, checks) if as_json else _table(found, checks))
    for file in (out, result):
        if file is not None:
            typer.echo(f"Written to {file}", err=True)


def _content(found: Calibration, checks: list[Check]) -> dict[str, Any]:
    from dataclasses import asdict

    fit = found.settings.fit
    return {
        "version": package_version(),
        "scenario": found.scenario.name,
        "scenario_hash": found.scenario.hash,
        "fit": {"share": fit.share, "seeds": list(fit.seeds), "check_seed": fit.check_seed},
        "converged": found.converged,
        "values": found.values,
        "rounds": [
            {"values": one.values, "observed": {name: _rounded(value) for name, value in one.observed.items()}}
            for one in found.iterations
        ],
        "checks": [
            {**{name: _rounded(value) for name, value in asdict(one).items()}, "met": one.met} for one in checks
        ],
    }


def _rounded(value: Any) -> Any:
    import math

    if isinstance(value, float):
        return round(value, 4) if math.isfinite(value) else None
    return value


def _command() -> str:
    return " ".join(["kera", *sys.argv[1:]])


def _layer_text(found: Calibration, checks: list[Check]) -> str:
    """Return the layer that scenarios extend, with where it comes from above it."""
    from kera_mobility.experiments.calibration import layer

    fit = found.settings.fit
    seeds = ", ".join(map(str, fit.seeds))
    lines = [
        "Fitted constants of the choice model; do not edit them here, fit again:",
        f"  {_command()}",
        f"Version {package_version()}, scenario hash {found.scenario.hash[:16]} (with these values),",
        f"{len(found.iterations)} rounds with {fit.share:.0%} of the households and seeds {seeds}.",
        f"Figures below: everyone, seed {fit.check_seed}. Fitted, so no test of the model:",
    ]
    for one in checks:
        if one.standing in ("fitted", "prior"):
            lines.append(f"  {one.title}: {_number(one.model)}, wanted {_number(one.data)} {one.unit}; {one.source}")
    return "".join(f"# {line}".rstrip() + "\n" for line in lines) + _yaml(layer(found))


def _yaml(content: Any) -> str:
    import io

    from ruamel.yaml import YAML

    yaml = YAML(typ="rt", pure=True)
    yaml.default_flow_style = False
    yaml.width = 1000
    text = io.StringIO()
    yaml.dump(content, text)
    return text.getvalue()


def _json(found: Calibration, checks: list[Check]) -> str:
    import json

    return json.dumps(_content(found, checks), indent=2, ensure_ascii=False, allow_nan=False)


def _table(found: Calibration, checks: list[Check]) -> str:
    lines = [f"{found.scenario.title or found.scenario.name}, everyone, seed {found.settings.fit.check_seed}"]
    if found.iterations and not found.converged:
        lines.append(f"The search ended after {len(found.iterations)} rounds without meeting every share.")
    lines += ["", "Values"]
    lines += [f"  {key.ljust(WIDEST_TITLE)}  {value:>9}" for key, value in found.values.items()]
    for standing, heading in HEADINGS.items():
        chosen = [one for one in checks if one.standing == standing]
        if chosen:
            lines += ["", f"{heading:<{WIDEST_TITLE + 2}}  {'model':>9}  {'data':>9}"]
            lines += [line for one in chosen for line in _rows(one)]
    return "\n".join(lines)


def _rows(one: Check) -> list[str]:
    verdict = {True: "", False: "MISSED", None: ""}[one.met]
    words = f"{one.unit}  {verdict}".rstrip()
    first = f"  {one.title.ljust(WIDEST_TITLE)}  {_number(one.model):>9}  {_number(one.data):>9}  {words}"
    return [first, *([f"      {one.note}"] if one.note else [])]


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
