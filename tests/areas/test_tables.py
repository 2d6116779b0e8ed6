"""Tables that people bring: read as they are meant, or refused with file, line, column, found and expected."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import numpy as np
import pytest

from kera_mobility.config.resources import area_folder, find, shipped_folder
from kera_mobility.errors import DataError, MissingFileError
from kera_mobility.simulation.run import town_of
from kera_mobility.simulation.scenario import load_scenario
from kera_mobility.tables import LONGEST_TEXT, Schema, Table, TableColumn, read_table, table_of
from kera_mobility.town.population.land_use import read_zones
from kera_mobility.town.streets.streets import Streets
from tools.docs_reference import table_schemas

KERA = shipped_folder("networks") / "kera"
CASES = Path(__file__).parents[3] / "shared" / "cases"
SCHEMA = Schema(
    "shops.csv",
    "Shops of a village.",
    (
        TableColumn("shop", "Name.", "text"),
        TableColumn("floor_m2", "Its floor.", "number", "m2", 0, 5000),
        TableColumn("staff", "Who works there.", "whole", "persons", 0, 300),
        TableColumn("opens", "When it opens.", "time", required=False, blank=28_800.0),
        TableColumn("licensed", "Whether it sells wine.", "yes_no", required=False, blank=False),
        TableColumn("kind", "What it sells.", "text", allowed=("food", "books"), required=False, blank="food"),
    ),
    unique=("shop",),
)
HEADER = "shop,floor_m2,staff\n"


def read(text: str, schema: Schema = SCHEMA) -> Table:
    return table_of(Path("shops.csv"), text, schema)


def faults(text: str) -> list[str]:
    with pytest.raises(DataError) as caught:
        read(text)
    return [str(fault) for fault in caught.value.faults]


@pytest.mark.parametrize(
    "text",
    [
        HEADER + "mill,12.5,3\nold,7,0\n",
        HEADER.replace(",", ";") + "mill;12,5;3\nold;7;0\n",
        HEADER.replace(",", "\t") + "mill\t12,5\t3\nold\t7\t0\n",
        HEADER.replace(",", ";") + "mill;12.5;3\nold;7;0\n",
        (HEADER + "mill,12.5,3\nold,7,0\n").replace("\n", "\r\n"),
        HEADER + "mill,12.5,3\nold,7,0",
        HEADER + "mill,12.5,3\nold,7,0\n\n\n,,\n",
        HEADER + '"mill","12.5","3"\n"old","7","0"\n',
        "sep=;\n" + HEADER.replace(",", ";") + "mill;12,5;3\nold;7;0\n",
        "shop , floor_m2, staff\nmill, 12.5 ,3\nold,7,0\n",
        "staff,shop,floor_m2\n3,mill,1.25e1\n0,old,7.0\n",
        "shop,floor_m2,staff,,\nmill,12.5,3.0,,\nold,7,0,,\n",
        "shop,floor_m2,staff\nmill,12.5,3,\nold,7,0,\n",
    ],
)
def test_every_usual_way_of_writing_a_table_is_read_the_same(text: str) -> None:
    table = read(text)
    assert table.columns["shop"] == ["mill", "old"]
    assert table.numbers("floor_m2", "staff").tolist() == [[12.5, 3.0], [7.0, 0.0]]
    assert table.columns["opens"] == [28_800.0, 28_800.0]
    assert table.columns["kind"] == ["food", "food"]


def test_quotes_hold_commas_and_line_ends_and_lines_are_counted_through_them() -> None:
    table = read(HEADER + '"the mill, ""old""\nand new",1,2\nlast,3,4\n')
    assert table.columns["shop"] == ['the mill, "old"\nand new', "last"]
    assert table.lines == (2, 4)
    assert faults(HEADER + '"a\nb",1,2\nlast,three,4\n')[0].startswith("shops.csv:4: floor_m2: got 'three'")


def test_times_and_yes_and_no_are_read_as_seconds_and_truth() -> None:
    table = read("shop,floor_m2,staff,opens,licensed,kind\nmill,1,2,7:30,YES,books\nold,1,2,,no,\n")
    assert table.columns["opens"] == [27_000.0, 28_800.0]
    assert table.columns["licensed"] == [True, False]
    assert table.columns["kind"] == ["books", "food"]


@pytest.mark.parametrize(
    ("cells", "fault"),
    [
        ("mill,nan,3", "floor_m2: got 'nan', expected a number from 0 to 5,000 (m2); a mark of a hidden value?"),
        ("mill,-1,3", "floor_m2: got '-1', expected a number from 0 to 5,000 (m2); a mark of a hidden value?"),
        ("mill,,3", "floor_m2: is empty, expected a number from 0 to 5,000 (m2)"),
        ("mill,1e-320,3", "floor_m2: got '1e-320', expected a number"),
        ("mill,inf,3", "floor_m2: got 'inf', expected a number"),
        ("mill,1e308,3", "floor_m2: got '1e308', expected a number"),
        ("mill,1_000,3", "floor_m2: got '1_000', expected a number"),
        ("mill,=1+1,3", "floor_m2: got '=1+1', expected a number"),
        ("mill,٣,3", "floor_m2: got '٣', expected a number"),
        ("mill,1 000,3", "floor_m2: got '1 000', expected a number"),
        ("mill,12.5,2.5", "staff: got '2.5', expected a whole number from 0 to 300 (persons)"),
        ("mill,12.5,-5000", "staff: got '-5000', expected a whole number from 0 to 300 (persons)"),
        ("mill,12.5,301", "staff: got '301', expected a whole number"),
        (",12.5,3", f"shop: is empty, expected text of 1 to {LONGEST_TEXT} characters"),
        ("mi\x00ll,12.5,3", "shop: got"),
        ("mill,12.5", "got 2 cells, expected 3 as in the header"),
        ("mill,12.5,3,4", "got 4 cells, expected 3 as in the header"),
        ('"mill,12.5,3', "broken from here"),
    ],
)
def test_a_cell_that_cannot_be_meant_is_told_with_line_column_found_and_expected(cells: str, fault: str) -> None:
    (told,) = faults(HEADER + cells + "\n")
    assert told.startswith(f"shops.csv:2: {fault}")
    assert "\n" not in told


def test_a_decimal_comma_needs_another_separator_than_the_comma() -> None:
    assert faults(HEADER + "mill,12,5,3\n") == ["shops.csv:2: got 4 cells, expected 3 as in the header"]
    assert "got '1.234,5'" in faults(HEADER.replace(",", ";") + "mill;1.234,5;3\n")[0]


def test_all_faults_of_a_file_are_told_together_and_no_more_than_ten() -> None:
    told = faults(HEADER + "mill,x,y\nold,1,-1\nmill,2\n")
    assert [fault.partition(": ")[0] for fault in told] == ["shops.csv:2", "shops.csv:2", "shops.csv:3", "shops.csv:4"]
    with pytest.raises(DataError, match=r"and 10 more faults$"):
        read(HEADER + "".join(f"shop {number},x,0\n" for number in range(20)))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "shops.csv: is empty, expected the columns shop, floor_m2, staff"),
        (HEADER, "shops.csv: holds 0 rows, expected at least 1"),
        ("shop,floor_m2,staf\nmill,1,2\n", "shops.csv:1: staff: no such column"),
        ("shop,floor_m2,staff,staff\nmill,1,2,3\n", "shops.csv:1: staff: stands 2 times, expected each column once"),
        ("shop,floor_m2,staff,\nmill,1,2,3\n", "shops.csv:1: column 4 has values but no name"),
        (HEADER + "mill,1,2\nold,1,2\nmill,3,4\n", "shops.csv:4: shop: 'mill' stands in line 2 too"),
    ],
)
def test_a_broken_header_or_row_is_told(text: str, fault: str) -> None:
    (told,) = faults(text)
    assert told.startswith(fault)
    assert ("did you mean 'staf'" in told) == ("staf\n" in text)


def test_an_unknown_column_is_told_with_the_known_one_that_is_near(caplog: pytest.LogCaptureFixture) -> None:
    read("shop,floor_m2,staff,open,colour\nmill,1,2,7:00,red\n")
    assert caplog.messages == [
        "shops.csv:1: column 'open' is not read (did you mean 'opens'?)", "shops.csv:1: column 'colour' is not read",
    ]  # fmt: skip


def test_bytes_that_are_no_text_are_told_with_file_and_line(tmp_path: Path) -> None:
    file = tmp_path / "shops.csv"
    file.write_bytes(HEADER.encode() + "kyläkauppa,1,2\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"shops\.csv:2: got the byte 0xe4, which is no UTF-8; save it as UTF-8"):
        read_table(file, SCHEMA)
    file.write_bytes((HEADER + "mill,1,2\n").encode("utf-16"))
    with pytest.raises(DataError, match=r"shops\.csv:1: got the byte 0xff, which is no UTF-8"):
        read_table(file, SCHEMA)
    file.write_bytes((HEADER + "mill,1,2\n").encode("utf-8-sig"))
    assert read_table(file, SCHEMA).columns["shop"] == ["mill"]
    with pytest.raises(MissingFileError, match=r"none\.csv: no such file; here is why"):
        read_table(tmp_path / "none.csv", SCHEMA, purpose="here is why")


def test_every_number_of_every_table_has_a_unit_or_none_and_bounds() -> None:
    schemas = table_schemas()
    assert {schema.name for schema in schemas} >= {
        "cells.csv", "attractions.csv", "outside.csv", "events.csv", "background.csv", "days.csv",
        "checks/boardings.csv", "checks/travel_times.csv",
    }  # fmt: skip
    for schema in schemas:
        for column in schema.columns:
            assert column.about, (schema.name, column.name)
            if column.kind in ("number", "whole"):
                assert math.isfinite(column.least), (schema.name, column.name)
                assert math.isfinite(column.most), (schema.name, column.name)


# --- The tables of an area -------------------------------------------------------------------------------------------


@pytest.fixture
def area(tmp_path: Path) -> Path:
    """Return a copy of the shipped area to spoil."""
    for name in ("area.yaml", "cells.csv", "attractions.csv", "outside.csv", "developments.geojson"):
        shutil.copy(KERA / name, tmp_path / name)
    return tmp_path


def spoil(area: Path, old: str, new: str, file: str = "cells.csv") -> None:
    path = area / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def zones_of(area: Path) -> np.ndarray:
    zones = read_zones(area, Streets.load(KERA / "streets"))
    return np.column_stack([zones.bands, *zones.weights.values()])


ROW = "7696,24.700005,60.226752,54,7,6,8,9,7,7,5,3,2,1"


@pytest.mark.parametrize(
    ("new", "fault"),
    [
        ("7696,24.700005,60.226752,54,nan,6,8,9,7,7,5,3,2,1", r"cells\.csv:2: age_0_9: got 'nan', expected a number"),
        ("7696,24.700005,60.226752,-1,7,6,8,9,7,7,5,3,2,1", r"cells\.csv:2: residents: got '-1', expected a whole"),
        ("7696,24.700005,60.226752,54,7,,8,9,7,7,5,3,2,1", r"cells\.csv:2: age_10_19: is empty, expected a number"),
        ("7696,60.226752,24.700005,54,7,6,8,9,7,7,5,3,2,1", r"cells\.csv:2: lon, lat: .* are lon and lat swapped"),
        ("7696,25.700005,60.226752,54,7,6,8,9,7,7,5,3,2,1", r"cells\.csv:2: lon, lat: .* expected a place on the map$"),
        ("7696,24.700005,60.226752,54,99,99,8,9,7,7,5,3,2,1", r"cells\.csv:2: residents: got 54, expected the sum of"),
        ("7696,24.700005,60.226752,54,0,0,0,0,0,0,0,0,0,1", r"cells\.csv:2: residents: got 54, expected the sum of"),
    ],
)
def test_a_cell_of_people_that_cannot_be_meant_is_refused(area: Path, new: str, fault: str) -> None:
    spoil(area, ROW, new)
    with pytest.raises(DataError, match=fault):
        zones_of(area)


def test_jobs_below_zero_and_a_place_beyond_the_sea_are_refused(area: Path) -> None:
    spoil(area, "60.1719,0,0,0,0,0", "60.1719,0,0,-5000,0,0", "attractions.csv")
    with pytest.raises(DataError, match=r"attractions\.csv:2: jobs: got '-5000', expected a number from 0"):
        zones_of(area)


def test_places_beyond_the_map_in_another_order_than_the_streets_have_are_refused(area: Path) -> None:
    first, *rest = (area / "outside.csv").read_text(encoding="utf-8").splitlines()
    (area / "outside.csv").write_text("\n".join([first, *rest[::-1]]), encoding="utf-8")
    with pytest.raises(DataError, match=r"outside\.csv:2: lon, lat: the streets have another place there"):
        zones_of(area)


def test_a_table_saved_by_a_spreadsheet_is_the_same_table(area: Path) -> None:
    expected = zones_of(area)
    text = (area / "cells.csv").read_text(encoding="utf-8")
    semicolons = text.replace(",", ";").replace(".", ",").replace("\n", "\r\n")
    (area / "cells.csv").write_text(semicolons, encoding="utf-8-sig", newline="")
    np.testing.assert_array_equal(zones_of(area), expected)


@pytest.mark.skipif(not CASES.is_dir(), reason="no cases from the field here")
@pytest.mark.parametrize(
    ("case", "fault"),
    [
        ("cells-empty", r"cells\.csv:\d+: [\w, ]+: is empty, expected"),
        ("cells-negative", r"cells\.csv:\d+: \w+: got '-\d+', expected"),
        ("cells-one-nan", r"cells\.csv:\d+: age_0_9, [\w, ]+: got 'NaN', expected a number from 0 to 50,000"),
    ],
)
def test_spoilt_cells_from_the_field_are_refused(area: Path, case: str, fault: str) -> None:
    shutil.copy(CASES / case / "cells.csv", area / "cells.csv")
    with pytest.raises(DataError, match=fault):
        zones_of(area)


@pytest.mark.skipif(not CASES.is_dir(), reason="no cases from the field here")
def test_cells_from_a_spreadsheet_of_the_field_are_read(area: Path) -> None:
    expected = zones_of(area)
    shutil.copy(CASES / "cells-excel-bom" / "cells.csv", area / "cells.csv")
    np.testing.assert_array_equal(zones_of(area), expected)


# --- Which area -------------------------------------------------------------------------------------------------------


def test_a_folder_here_does_not_hide_an_area_of_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kera").mkdir()
    assert area_folder("kera") == find("networks/kera", "networks") != Path("kera")
    assert area_folder("./kera") == area_folder("kera/") == Path("kera")
    assert area_folder(str(tmp_path / "kera")) == tmp_path / "kera"
    (tmp_path / "own").mkdir()
    assert area_folder("own") == Path("own")
    with pytest.raises(MissingFileError, match=r"area 'kerra': .* \(did you mean 'kera'\?\)"):
        area_folder("kerra")
    (tmp_path / "networks" / "own").mkdir(parents=True)
    assert area_folder("own") == Path("networks/own")
    with pytest.raises(MissingFileError, match="did you mean 'own'"):
        area_folder("owm")


def test_a_run_beside_a_folder_of_the_name_of_its_area_uses_the_area(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kera").mkdir()
    assert town_of(load_scenario("configs/checks/today.yaml")).area["name"] == "kera"
