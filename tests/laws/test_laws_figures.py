"""The page and the command say the same: figures of the report are those of `kera compare`."""

from __future__ import annotations

from pathlib import Path

from kera_mobility.results.compare import compare
from kera_mobility.results.report.content import report_content
from kera_mobility.simulation.run import live
from tests.kit.hamlet import MILL, SCHOOL, STATION, hamlet_town, scenario, trip

HEADLINE = ("sustainable_share", "mode_share.walk", "door_to_door_s.mean")


def test_the_headline_figures_of_the_report_are_those_of_compare(tmp_path: Path) -> None:
    trips = [trip(number, MILL, (STATION, SCHOOL)[number % 2], 25_200.0 + 97.0 * number) for number in range(40)]
    town = hamlet_town(tmp_path / "town", trips=trips, trains=())
    likes = {"constants": {"scooter": 1.0}}
    with_it = scenario({"walk": {}, "scooter": {"fleet": 3}}, choice=likes).model_copy(update={"name": "with"})
    without = scenario({"walk": {}}, choice=likes)
    for seed in (1, 2, 3):
        live(without, town, seed).save(tmp_path / "a" / f"seed-{seed:04d}")
        live(with_it, town, seed).save(tmp_path / "b" / f"seed-{seed:04d}")
    told = {(row.id, row.population): row for row in compare(tmp_path / "a", tmp_path / "b").differences}
    (pair,) = report_content([tmp_path / "a", tmp_path / "b"])["differences"]
    by_id = {row.id: row for row in told.values()}
    assert set(HEADLINE) <= set(pair["rows"])
    for name, (difference, low, high, count, *_) in pair["rows"].items():
        row = by_id[name]
        assert (difference, low, high, count) == (row.difference, row.low, row.high, row.n), name
    for one in pair["more"]:
        row = by_id[one["id"]]
        assert (one["difference"], one["low"], one["high"]) == (row.difference, row.low, row.high), one["id"]
    assert any(row[0] for row in pair["rows"].values()), "scooters change something"
