"""`kera calibrate`: fit the constants of the choice model, and hold everything else against data."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kera_mobility.cli._examples import examples
from kera_mobility.cli._output import Everyone, in_columns, print_json, remark, say_brief, try_first, write_text
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


@examples("kera calibrate configs/today.yaml --result calibration.yaml")
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
    everyone: Everyone = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Fit the constants to surveys and counts; print what was fitted, and beside it what was held out."""
    from kera_mobility.config.resources import require_found
    from kera_mobility.experiments.calibration import CalibrationSettings, calibrate, evidence, read_settings
    from kera_mobility.simulation.scenario import load_scenario

    try_first(out, result)
    require_found((scenario, targets), "configs")
    settings = read_settings(targets, CalibrationSettings)
    chosen = {"share": share, "iterations": iterations}
    fit = settings.fit.model_copy(update={name: value for name, value in chosen.items() if value is not None})
    settings = settings.model_copy(update={"fit": fit})
    calibration = calibrate(load_scenario(scenario, override or ()), settings, remark)
    checks = evidence(calibration)
    if out is not None:
        write_text(_layer_text(calibration, checks), out)
    if result is not None:
        write_text(_yaml({"command": _command(), **_content(calibration, checks)}), result)
    if as_json:
        print_json(_content(calibration, checks))
    else:
        say_brief(_brief(calibration, checks), _table(calibration, checks), everyone)
    for file in (out, result):
        if file is not None:
            remark(f"Written to {file}")


def _content(calibration: Calibration, checks: list[Check]) -> dict[str, Any]:
    from dataclasses import asdict

    fit = calibration.settings.fit
    return {
        "version": package_version(),
        "scenario": calibration.scenario.name,
        "scenario_hash": calibration.scenario.hash,
        "area": calibration.town.area["name"],
        "fit": {"share": fit.share, "seeds": list(fit.seeds), "check_seed": fit.check_seed},
        "converged": calibration.converged,
        "values": calibration.values,
        "rounds": [
            {"values": round_.values, "observed": {name: _rounded(value) for name, value in round_.observed.items()}}
            for round_ in calibration.iterations
        ],
        "checks": [
            {**{name: _rounded(value) for name, value in asdict(check).items()}, "met": check.met} for check in checks
        ],
    }


def _rounded(value: Any) -> Any:
    import math

    if isinstance(value, float):
        return round(value, 4) if math.isfinite(value) else None
    return value


def _command() -> str:
    return " ".join(["kera", *sys.argv[1:]])


def _layer_text(calibration: Calibration, checks: list[Check]) -> str:
    """Return the layer that scenarios extend, with where it comes from above it."""
    from kera_mobility.experiments.calibration import layer

    fit = calibration.settings.fit
    seeds = ", ".join(map(str, fit.seeds))
    lines = [
        "Fitted constants of the choice model; do not edit them here, fit again:",
        f"  {_command()}",
        f"Version {package_version()}, scenario hash {calibration.scenario.hash[:16]} (with these values),",
        f"{len(calibration.iterations)} rounds with {fit.share:.0%} of the households and seeds {seeds}.",
        f"Figures below: everyone, seed {fit.check_seed}. Fitted, so no test of the model:",
    ]
    for check in checks:
        if check.standing in ("fitted", "prior"):
            figures = f"{_number(check.model)}, wanted {_number(check.data)} {check.unit}"
            lines.append(f"  {check.title}: {figures}; {check.source}")
    return "".join(f"# {line}".rstrip() + "\n" for line in lines) + _yaml(layer(calibration))


def _yaml(content: Any) -> str:
    import io

    from ruamel.yaml import YAML

    yaml = YAML(typ="rt", pure=True)
    yaml.default_flow_style = False
    yaml.width = 1000
    text = io.StringIO()
    yaml.dump(content, text)
    return text.getvalue()


def _head(calibration: Calibration) -> list[str]:
    title = calibration.scenario.title or calibration.scenario.name
    lines = [f"{title}, everyone, seed {calibration.settings.fit.check_seed}"]
    if calibration.iterations and not calibration.converged:
        lines.append(f"The search ended after {len(calibration.iterations)} rounds without meeting every share.")
    return lines


def _brief(calibration: Calibration, checks: list[Check]) -> list[str]:
    """Return how many figures of each standing are met, then those that are missed, then the rest."""
    lines = _head(calibration)
    for standing, heading in HEADINGS.items():
        verdicts = [check.met for check in checks if check.standing == standing]
        if verdicts:
            judged = f", {verdicts.count(False)} missed" if any(met is not None for met in verdicts) else ""
            lines.append(f"{heading}: {len(verdicts)}{judged}")
    cells = [("", "model", "data", "", "")]
    for check in sorted(checks, key=lambda check: check.met is not False):
        title, unit = f"{check.title[:36]}", f"{check.unit[:14]}"
        cells.append((title, _number(check.model), _number(check.data), unit, "MISSED" if check.met is False else ""))
    return [*lines, *in_columns(cells, left=(0, 3, 4))]


def _table(calibration: Calibration, checks: list[Check]) -> str:
    lines = [*_head(calibration), "", "Values"]
    lines += [f"  {key.ljust(WIDEST_TITLE)}  {value:>9}" for key, value in calibration.values.items()]
    for standing, heading in HEADINGS.items():
        chosen = [check for check in checks if check.standing == standing]
        if chosen:
            lines += ["", f"{heading:<{WIDEST_TITLE + 2}}  {'model':>9}  {'data':>9}"]
            lines += [line for check in chosen for line in _rows(check)]
    return "\n".join(lines)


def _rows(check: Check) -> list[str]:
    verdict = {True: "", False: "MISSED", None: ""}[check.met]
    words = f"{check.unit}  {verdict}".rstrip()
    first = f"  {check.title.ljust(WIDEST_TITLE)}  {_number(check.model):>9}  {_number(check.data):>9}  {words}"
    return [first, *([f"      {check.note}"] if check.note else [])]


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
