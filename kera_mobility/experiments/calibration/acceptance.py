"""Which joint draws of uncertain inputs are possible: those with which today still looks as the survey found it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from kera_mobility.cache import computed_once
from kera_mobility.config.cache_keys import cache_key
from kera_mobility.config.messages import read_settings
from kera_mobility.config.resources import area_folder
from kera_mobility.experiments.calibration.fit import Gauge
from kera_mobility.experiments.calibration.targets import CalibrationSettings
from kera_mobility.experiments.calibration.variants import sampled
from kera_mobility.experiments.uncertainty import Accept, UncertainInput, with_drawn
from kera_mobility.simulation.run import live, town_of
from kera_mobility.simulation.scenario import Scenario, load_scenario

BASE = "configs/today.yaml"
TARGETS = "configs/calibration.yaml"
SAMPLE = 0.1
"""Share of the households of today that live the day by which a draw is judged. Assumption: enough for 0.5 points."""
FILE = "accepted.json"
SAMPLING_ERROR = 0.01
"""Added to the tolerance of a share, for the sample and the chance of its one day: two standard errors."""


def acceptance(
    inputs: Mapping[str, UncertainInput],
    base: str | Path | Scenario = BASE,
    targets: str | Path = TARGETS,
    share: float = SAMPLE,
    say: Callable[[str], None] | None = None,
) -> Accept:
    """Return what judges a joint draw by one day of a sample of the base year.

    A draw is accepted if every mode share of the calibration comes within its tolerance (and the sampling error) of
    what the survey found. It depends on the draw alone, so both sides of a comparison accept the same draws; verdicts
    are kept in the cache.
    """
    scenario = base if isinstance(base, Scenario) else load_scenario(base)
    settings = read_settings(targets, CalibrationSettings)

    def accepted(drawn: Mapping[str, float]) -> bool:
        variant = with_drawn(scenario, inputs, drawn).scenario
        town = sampled(town_of(variant), share)
        observed = Gauge(settings, variant, town).observe(live(variant, town, settings.fit.seeds[0]), share)
        gaps = {name: observed[name] - target.share for name, target in settings.shares.items()}
        verdict = all(abs(gaps[name]) <= target.tolerance + SAMPLING_ERROR for name, target in settings.shares.items())
        if say:
            points = ", ".join(f"{name} {100 * gap:+.1f}" for name, gap in gaps.items())
            say(f"draw {'accepted' if verdict else 'rejected'}: points from the survey {points}")
        return verdict

    return lambda drawn: computed_once(
        "acceptance", _key(scenario, settings, drawn, share), _read, lambda: accepted(drawn), _write,
        scenario.inputs, scenario.roots(area_folder(scenario.area)),
    )  # fmt: skip


def _key(scenario: Scenario, settings: CalibrationSettings, drawn: Mapping[str, float], share: float) -> str:
    return cache_key(
        scenario=scenario.hash, targets=settings.model_dump_json(), drawn=json.dumps(dict(drawn), sort_keys=True),
        share=share,
    )  # fmt: skip


def _read(folder: Path) -> bool:
    return bool(json.loads((folder / FILE).read_text(encoding="utf-8")))


def _write(accepted: bool, folder: Path) -> None:
    (folder / FILE).write_text(json.dumps(accepted), encoding="utf-8")
