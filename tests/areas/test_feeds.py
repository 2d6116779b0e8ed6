"""A feed dropped into the folder of an area works as it is."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from kera_mobility.config.resources import shipped_folder
from kera_mobility.errors import SettingError, TimetableError
from kera_mobility.ledger import warn_if_edited, write_mark
from kera_mobility.town.streets.streets import Streets
from kera_mobility.town.timetable.feeds import fates_in, timetable_of
from kera_mobility.town.timetable.timetable import Timetable

AREA = {"bbox": {"west": 24.70, "south": 60.200, "east": 24.83, "north": 60.235}}


@pytest.fixture
def area(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KERA_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "kera"
    for part in ("gtfs", "timetables"):
        shutil.copytree(shipped_folder("networks") / "kera" / part, folder / part)
    shutil.copy(shipped_folder("networks") / "kera" / "outside.csv", folder / "outside.csv")
    return folder


def test_compiled_arrays_that_fit_their_feed_are_read_without_pandas() -> None:
    code = (
        "import sys; from pathlib import Path; from kera_mobility.town.timetable.feeds import timetable_of; "
        f"timetable_of(Path({str(shipped_folder('networks') / 'kera')!r}), 'today', {{}}); "
        "assert 'pandas' not in sys.modules and 'gtfs_kit' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_dropped_in_feed_is_compiled_and_kept(area: Path, tmp_path: Path) -> None:
    shutil.copytree(area / "gtfs" / "today", area / "gtfs" / "operator")
    first = timetable_of(area, "operator", AREA)
    assert first.runs == timetable_of(area, "today", AREA).runs
    shutil.rmtree(area / "timetables")
    assert timetable_of(area, "operator", AREA).run_name == first.run_name
    assert len(list((tmp_path / "cache" / "timetables").iterdir())) == 1


def test_a_zipped_feed_works_too(area: Path) -> None:
    shutil.make_archive(str(area / "gtfs" / "zipped"), "zip", area / "gtfs" / "today")
    assert timetable_of(area, "zipped", AREA).runs == timetable_of(area, "today", AREA).runs


def test_a_changed_feed_is_never_answered_with_old_arrays(area: Path) -> None:
    before = timetable_of(area, "today", AREA)
    times = area / "gtfs" / "today" / "stop_times.txt"
    lines = times.read_text(encoding="utf-8").splitlines(keepends=True)
    last_trip = lines[-1].split(",")[0]
    times.write_text("".join(line for line in lines if not line.startswith(f"{last_trip},")), encoding="utf-8")
    assert timetable_of(area, "today", AREA).runs == before.runs - 1


def test_a_torn_timetable_of_the_cache_is_compiled_again(area: Path, tmp_path: Path) -> None:
    shutil.copytree(area / "gtfs" / "today", area / "gtfs" / "operator")
    first = timetable_of(area, "operator", AREA)
    (folder,) = (tmp_path / "cache" / "timetables").iterdir()
    for torn in sorted(folder.glob("*.npy")):
        torn.write_bytes(torn.read_bytes()[:20])
        assert timetable_of(area, "operator", AREA).run_name == first.run_name
        assert torn.stat().st_size > 20


def test_places_beyond_the_map_that_moved_compile_the_feed_anew(area: Path, tmp_path: Path) -> None:
    shutil.copytree(area / "gtfs" / "today", area / "gtfs" / "operator")
    timetable_of(area, "operator", AREA)
    outside = area / "outside.csv"
    outside.write_text("".join(outside.read_text(encoding="utf-8").splitlines(keepends=True)[:-1]), encoding="utf-8")
    timetable_of(area, "operator", AREA)
    assert len(list((tmp_path / "cache" / "timetables").iterdir())) == 2


def test_a_broken_feed_is_one_clear_error(area: Path) -> None:
    (area / "gtfs" / "today" / "stop_times.txt").unlink()
    with pytest.raises(TimetableError, match=r"stop_times\.txt: missing"):
        timetable_of(area, "today", AREA)


def test_extended_codes_in_the_shipped_feed_give_the_same_day_to_the_byte(area: Path) -> None:
    routes = area / "gtfs" / "today" / "routes.txt"
    text = routes.read_text(encoding="utf-8")
    for basic, extended in (("2", "109"), ("0", "900"), ("3", "700")):
        assert f",{basic}\n" in text
        text = text.replace(f",{basic}\n", f",{extended}\n")
    routes.write_text(text, encoding="utf-8")
    shipped, coded = Timetable.load(area / "timetables" / "today"), timetable_of(area, "today", AREA)
    for name in Timetable.__dataclass_fields__:
        assert np.array_equal(getattr(coded, name), getattr(shipped, name)), name


def test_a_date_of_the_feed_may_be_chosen(area: Path) -> None:
    assert timetable_of(area, "today", AREA, "2026-01-07").about["date_chosen"] == "by setting"
    with pytest.raises(TimetableError, match="no trips on 2026-01-10"):
        timetable_of(area, "today", AREA, "2026-01-10")  # a Saturday
    shutil.rmtree(area / "gtfs" / "today")
    with pytest.raises(SettingError, match="has no feed of other days"):
        timetable_of(area, "today", AREA, "2026-01-07")


def test_the_fates_of_all_trips_are_those_that_were_counted(area: Path) -> None:
    shutil.copytree(area / "gtfs" / "today", area / "gtfs" / "operator")
    small = {"bbox": {"west": 24.75, "south": 60.21, "east": 24.76, "north": 60.22}}
    fates = fates_in(area, "operator", small)
    counts = timetable_of(area, "operator", small).about["trips"]
    assert counts == Counter(fate.fate for fate in fates)
    trips = (area / "gtfs" / "today" / "trips.txt").read_text(encoding="utf-8").splitlines()[1:]
    assert sum(counts.values()) == len(trips)


def test_an_unknown_timetable_names_those_there_are(area: Path) -> None:
    with pytest.raises(SettingError, match="expected one of closure, today, urban_rail"):
        timetable_of(area, "yesterday", AREA)


def test_a_source_that_was_edited_since_is_told_and_has_no_effect(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source, mark = tmp_path / "lines.yaml", tmp_path / "made_of.sha256"
    source.write_text("as it was")
    write_mark(source, mark)
    warn_if_edited(source, mark, "make it again")
    assert not caplog.messages
    source.write_text("edited")
    warn_if_edited(source, mark, "make it again")
    assert [message.startswith(f"{source} was edited") for message in caplog.messages] == [True]


@pytest.mark.parametrize("edited", ["streets.graphml", "lines.yaml"])
def test_the_shipped_streets_and_timetables_are_of_their_sources(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, edited: str
) -> None:
    area = shutil.copytree(shipped_folder("networks") / "kera", tmp_path / "kera")
    for changed in (False, True):
        if changed:
            (area / edited).write_bytes((area / edited).read_bytes() + b"\n")
        caplog.clear()
        Streets.load(area / "streets")
        timetable_of(area, "today", {})
        assert [edited in message for message in caplog.messages if "was edited" in message] == [True] * changed
