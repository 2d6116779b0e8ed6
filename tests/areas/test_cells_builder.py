"""From the raw population grid to the cells of an area: hidden ages imputed, totals kept."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from kera_mobility.config.resources import shipped_folder
from kera_mobility.errors import MissingFileError, NetworkError
from kera_mobility.town.area_tables import AGE_COLUMNS
from tools.population_cells import RAW_BANDS, build_cells

KERA = shipped_folder("networks") / "kera"
RAW_GRID = Path(__file__).parents[3] / "shared" / "data" / "kera" / "hsy_population_grid_250m_2015.csv"
MAP = (24.70, 60.200, 24.83, 60.235)


def write_rows(path: Path, rows: list[dict[str, object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def raw_row(index: int, total: int, bands: tuple[int, ...], lon: float) -> dict[str, object]:
    return {"INDEX": index, "ASUKKAITA": total, **dict(zip(RAW_BANDS, bands, strict=True)), "lon": lon, "lat": 60.21}


def test_hidden_ages_are_imputed_and_keep_the_total_of_their_cell(tmp_path: Path) -> None:
    shown, hidden = (20, 10, 10, 20, 10, 10, 10, 5, 5), (99,) * 9
    raw, out = tmp_path / "raw.csv", tmp_path / "cells.csv"
    inside = [raw_row(2, 100, shown, 24.71), raw_row(1, 10, hidden, 24.72)]
    write_rows(raw, [*inside, raw_row(3, 100, shown, 25.5)])
    assert build_cells(raw, MAP, out) == 110
    rows = list(csv.DictReader(out.open()))
    assert [row["cell"] for row in rows] == ["1", "2"]
    assert [int(rows[0][name]) for name in AGE_COLUMNS] == [2, 1, 1, 2, 1, 1, 1, 1, 0]
    assert [int(rows[1][name]) for name in AGE_COLUMNS] == list(shown)
    assert [row["imputed"] for row in rows] == ["1", "0"]


def test_a_band_that_really_holds_99_people_is_not_taken_for_hidden(tmp_path: Path) -> None:
    bands = (99, 20, 20, 20, 20, 20, 20, 10, 10)
    raw, out = tmp_path / "raw.csv", tmp_path / "cells.csv"
    write_rows(raw, [raw_row(1, sum(bands), bands, 24.71)])
    build_cells(raw, MAP, out)
    assert [int(next(csv.DictReader(out.open()))[name]) for name in AGE_COLUMNS] == list(bands)


def test_the_committed_cells_hold_every_resident_of_the_map() -> None:
    rows = list(csv.DictReader((KERA / "cells.csv").open(encoding="utf-8")))
    assert len(rows) == 342
    assert sum(int(row["residents"]) for row in rows) == 62_725
    assert all(sum(int(row[name]) for name in AGE_COLUMNS) == int(row["residents"]) for row in rows)


@pytest.mark.skipif(not RAW_GRID.exists(), reason="the raw grid is not part of the project")
def test_the_committed_cells_are_those_built_from_the_raw_grid(tmp_path: Path) -> None:
    build_cells(RAW_GRID, MAP, tmp_path / "cells.csv")
    assert (tmp_path / "cells.csv").read_text() == (KERA / "cells.csv").read_text()


def test_a_grid_that_is_absent_or_elsewhere_is_refused(tmp_path: Path) -> None:
    raw = tmp_path / "raw.csv"
    with pytest.raises(MissingFileError, match="no such population grid"):
        build_cells(raw, MAP, tmp_path / "cells.csv")
    write_rows(raw, [raw_row(1, 45, (5,) * 9, 25.5)])
    with pytest.raises(NetworkError, match="found none among 1"):
        build_cells(raw, MAP, tmp_path / "cells.csv")
    assert not (tmp_path / "cells.csv").exists()
