"""The result folder: complete, written under a temporary name and renamed when complete.

scenario.yaml  run.json  kpis.json  area.json  overnight.npz
people.parquet  vehicles.parquet  places.parquet  events/<kind>.parquet
"""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from kera_mobility.config.figure_ids import understood_ids
from kera_mobility.errors import MissingFileError, ResultError, raise_together
from kera_mobility.file_paths import require_file
from kera_mobility.files import package_version, replacing
from kera_mobility.results.events import KINDS, SCHEMA_VERSION, fingerprint
from kera_mobility.results.kpis import compute, to_json
from kera_mobility.results.manifest import ADVICE, KEY, manifest_of, require_unchanged
from kera_mobility.results.record import PEOPLE_COLUMNS, PLACE_COLUMNS, VEHICLE_COLUMNS, RunRecord

__all__ = [
    "RunRecord", "load_record", "read_kpis", "read_meta", "read_settings", "require_one_scenario",
    "require_places", "require_replaceable", "result_folders", "write_record",
]  # fmt: skip

FILES = (
    "scenario.yaml", "run.json", "kpis.json", "area.json", "overnight.npz",
    "people.parquet", "vehicles.parquet", "places.parquet", "events",
)  # fmt: skip
"""What a result folder holds, and nothing else."""

Kinds = Mapping[str, type | tuple[type, ...]]
"""What each entry of a map may be."""
_COLUMNS = {"people": PEOPLE_COLUMNS, "vehicles": VEHICLE_COLUMNS, "places": PLACE_COLUMNS}
_META: Kinds = {"scenario": str, "seed": int, "services": dict}
_META_OF_MOST: Kinds = {
    "day": int, "input_hashes": dict, "inputs": dict, "reasons": dict, "people": dict, "weather": dict,
    "assumptions": list,
}  # fmt: skip
_KPI: Kinds = {"id": str, "value": (int, float, type(None)), "unit": str, "population": str, "definition": str}
_WORDS_BEFORE = {"refusals": "denied requests", "workers": "in_commuters"}
"""Units and populations of an earlier version."""
_AREA: Kinds = {"streets": list, "rail": list, "zones": list, "sources": list}
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
"""The moment stamped on every array of `overnight.npz`, so that equal arrays make equal bytes."""


def write_record(record: RunRecord, folder: str | Path) -> Path:
    """Write a run, its KPIs computed, as a result folder and return where it stands.

    The folder appears complete or not at all; an older result of the same name is replaced. `run.json` is `record.meta`
    with `schema_version`, `version` and `fingerprint` added, and the CPU time of this writing added to `cpu_s.write`
    unless the record was read from a folder. A service without overnight arrays is not kept in `overnight.npz`.

    Raises
    ------
    ResultError
        If something else than a result stands there, or a table lacks columns.
    """
    target = Path(folder)
    require_replaceable(target)
    _require_columns(record)
    with replacing(target) as partial:
        _write_files(record, partial)
    return target


def load_record(folder: str | Path, *, lacking: Collection[str] = ()) -> RunRecord:
    """Return the run that a result folder holds; kinds of event that it may lack, being older, are then empty.

    Raises
    ------
    ResultError
        If the folder is no result, is torn, or has an unknown `schema_version`; one line.
    """
    place = Path(folder)
    meta = read_meta(place)
    entities = {name: _read_table(place / f"{name}.parquet") for name in _COLUMNS}
    record = RunRecord(
        tables={
            kind: KINDS[kind].schema.empty_table()
            if kind in lacking
            else _read_table(place / "events" / f"{kind}.parquet")
            for kind in KINDS
        },
        overnight=_read_arrays(place / "overnight.npz"),
        meta=meta,
        scenario_yaml=read_settings(place),
        area=_read_area(place / "area.json"),
        **entities,
    )
    try:
        _require_columns(record)
    except ResultError as error:
        raise ResultError(f"{place}: {error}") from None
    return record


def read_meta(folder: str | Path) -> dict[str, Any]:
    """Return `run.json` of a result folder, once the folder is seen to be as it was written.

    Raises
    ------
    ResultError
        If it is missing, torn, of an unknown schema, or if any file of the folder is not that of its manifest.
    """
    meta = read_unchecked_meta(folder)
    require_unchanged(Path(folder), meta)
    return meta


def read_unchecked_meta(folder: str | Path) -> dict[str, Any]:
    """Return `run.json` of a result folder, its schema version checked and nothing else."""
    place = Path(folder)
    if not place.is_dir():
        raise ResultError(f"{place}: no such result folder")
    meta: dict[str, Any] = _read_json(place / "run.json", dict)
    version = meta.get("schema_version")
    if version != SCHEMA_VERSION:
        raise ResultError(f"{place / 'run.json'}: schema_version is {version!r}, this version reads {SCHEMA_VERSION}")
    _require_entries(place / "run.json", meta, _META, _META_OF_MOST)
    return meta


def read_kpis(folder: str | Path) -> list[dict[str, Any]]:
    """Return `kpis.json` of an unchanged folder: id, value (None where there is none), unit, population, definition."""
    read_meta(folder)
    file = Path(folder) / "kpis.json"
    kpis: list[dict[str, Any]] = _read_json(file, list)
    for kpi in kpis:
        _require_entries(file, kpi, _KPI)
    ids = understood_ids((kpi["id"] for kpi in kpis), str(Path(folder).absolute().parent))
    return [{**kpi, "id": ids[kpi["id"]], **_in_words_of_now(kpi)} for kpi in kpis]


def _in_words_of_now(kpi: Mapping[str, Any]) -> dict[str, str]:
    """Return unit and population of a figure, in the words of this version."""
    return {name: _WORDS_BEFORE.get(kpi[name], kpi[name]) for name in ("unit", "population")}


def read_settings(folder: str | Path) -> str:
    """Return `scenario.yaml` of an unchanged result folder: the resolved scenario as text."""
    read_meta(folder)
    return _read_text(Path(folder) / "scenario.yaml")


def result_folders(place: str | Path, *, torn: bool = False) -> list[Path]:
    """Return the result folders at or below a folder, sorted; unfinished ones (hidden) are passed over.

    Parameters
    ----------
    torn
        Return also what lacks its `run.json`; else it is a fault.

    Raises
    ------
    MissingFileError
        If the folder does not exist.
    ResultError
        If no result is found there, or one without its `run.json`.
    """
    top = Path(place)
    if not top.is_dir():
        raise MissingFileError(f"{top}: no such folder of results")
    folders = _with_file(top, "run.json")
    headless = _with_file(top, "kpis.json") - folders
    if headless and not torn:
        raise ResultError(f"{min(headless) / 'run.json'}: is missing; {ADVICE}")
    folders |= headless
    if not folders:
        raise ResultError(f"{top}: no result here or below (expected a folder with run.json)")
    return sorted(folders)


def _with_file(top: Path, name: str) -> set[Path]:
    folders = {file.parent for file in top.rglob(name)}
    return {run for run in folders if not any(part.startswith(".") for part in run.relative_to(top).parts)}


def require_places(places: Iterable[str | Path]) -> None:
    """Return if there is a result at or below each place; raise MissingFileError, ResultError with all without one."""
    raise_together(partial(result_folders, place) for place in places)


def require_one_scenario(folders: Sequence[Path]) -> None:
    """Return if runs that stand together have the same settings; those of other draws of the inputs may differ.

    Raises
    ------
    ResultError
        If two have not, with the first setting that differs; their mean would be that of no scenario.
    """
    first: dict[Any, tuple[Path, Any]] = {}
    for folder in folders:
        meta = read_meta(folder)
        settings = meta.get("input_hashes", {}).get("scenario")
        before, expected = first.setdefault((meta["scenario"], meta.get("input_draw")), (folder, settings))
        if settings != expected:
            raise ResultError(
                f"{folder}: other settings than {before}{_first_difference(folder, before)}; "
                "expected one scenario: run all seeds with the same settings, and others with another --out"
            )


def _first_difference(folder: Path, before: Path) -> str:
    """Return the first line in which the settings of two runs differ, in words."""
    texts = [read_settings(run).splitlines() for run in (folder, before)]
    for line, expected in zip(*texts, strict=False):
        if line != expected:
            return f" ('{line.strip()}' there, '{expected.strip()}' before)"
    return ""


def require_replaceable(folder: str | Path) -> None:
    """Return if a result may be written here: nothing stands there, or an older result that holds only our files.

    Raises
    ------
    ResultError
        If a file, or a folder with anything else in it, stands there.
    """
    place = Path(folder)
    if place.is_symlink() or (place.exists() and not place.is_dir()):
        raise ResultError(f"{place}: is not a folder; expected a new name or an older result")
    if not place.exists() or not any(place.iterdir()):
        return
    foreign = sorted(item.name for item in place.iterdir() if item.name not in FILES)
    if foreign:
        raise ResultError(f"{place}: holds '{foreign[0]}', which is not part of a result; it is not replaced")
    try:
        is_result = isinstance(_read_json(place / "run.json", dict).get("schema_version"), int)
    except ResultError:
        is_result = False
    if not is_result:
        raise ResultError(f"{place}: is not a result (no readable run.json); it is not replaced")


def _require_columns(record: RunRecord) -> None:
    for name, columns in _COLUMNS.items():
        lacking = [column for column in columns if column not in record.table(name).column_names]
        if lacking:
            raise ResultError(f"table '{name}' lacks the column '{lacking[0]}'")
    for kind, expected in KINDS.items():
        if kind not in record.tables:
            raise ResultError(f"table '{kind}' is missing")
        if not record.tables[kind].schema.equals(expected.schema):
            raise ResultError(f"table '{kind}' has other columns than its schema")


def _write_files(record: RunRecord, folder: Path) -> None:
    began_s = time.process_time()
    (folder / "events").mkdir(parents=True)
    for kind in KINDS:
        _write_table(record.tables[kind], folder / "events" / f"{kind}.parquet")
    for name in _COLUMNS:
        _write_table(record.table(name), folder / f"{name}.parquet")
    _write_arrays(record.overnight, folder / "overnight.npz")
    _write_json([to_json(kpi) for kpi in compute(record)], folder / "kpis.json")
    _write_json(record.area, folder / "area.json", indent=None)
    (folder / "scenario.yaml").write_text(record.scenario_yaml, encoding="utf-8", newline="\n")
    meta = {key: value for key, value in record.meta.items() if key != KEY} | {"schema_version": SCHEMA_VERSION}
    if "fingerprint" not in meta:
        meta["fingerprint"] = fingerprint(record.tables)
    if "version" not in meta:
        meta["version"] = package_version()
        cpu_s = meta.get("cpu_s", {})
        meta["cpu_s"] = {**cpu_s, "write": round(cpu_s.get("write", 0.0) + time.process_time() - began_s, 4)}
    meta = json.loads(_json(meta))  # as it will be read
    _write_json({**meta, KEY: manifest_of(folder, meta)}, folder / "run.json")


def _write_table(table: pa.Table, file: Path) -> None:
    pq.write_table(table.replace_schema_metadata(None), file, compression="zstd")


def _read_table(file: Path) -> pa.Table:
    try:
        require_file(file)
        with pq.ParquetFile(file) as parquet:  # `read_table` would import pandas
            return parquet.read()
    except FileNotFoundError:
        raise ResultError(f"{file}: is missing; the result is torn") from None
    except (pa.ArrowException, OSError) as error:
        raise ResultError(f"{file}: cannot be read; the result is torn ({_first_line(error)})") from None


def _write_arrays(overnight: Mapping[str, Mapping[str, NDArray[Any]]], file: Path) -> None:
    """Write arrays like `numpy.savez`, but without the time of writing."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for service in sorted(overnight):
            for name in sorted(overnight[service]):
                buffer = io.BytesIO()
                np.lib.format.write_array(buffer, np.asarray(overnight[service][name]), allow_pickle=False)
                archive.writestr(zipfile.ZipInfo(f"{service}/{name}.npy", _ZIP_TIME), buffer.getvalue())


def _read_arrays(file: Path) -> dict[str, dict[str, NDArray[Any]]]:
    arrays: dict[str, dict[str, NDArray[Any]]] = {}
    try:
        require_file(file)
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as archive:
            for key in archive.files:
                service, _, name = key.partition("/")
                arrays.setdefault(service, {})[name] = archive[key]
    except FileNotFoundError:
        raise ResultError(f"{file}: is missing; the result is torn") from None
    except (OSError, ValueError, AttributeError, EOFError, zipfile.BadZipFile) as error:  # text, or nothing at all
        raise ResultError(f"{file}: cannot be read; the result is torn ({_first_line(error)})") from None
    return arrays


def _read_area(file: Path) -> dict[str, Any]:
    area: dict[str, Any] = _read_json(file, dict)
    _require_entries(file, area, {}, _AREA)
    return area


def _require_entries(file: Path, content: Any, needed: Kinds, possible: Kinds = MappingProxyType({})) -> None:
    """Return if a map of a result has its entries, each of its kind: an older result has no manifest that says so."""
    if not isinstance(content, dict):
        raise ResultError(f"{file}: expected a map, found {str(content)[:60]!r}; {ADVICE}")
    for name, kind in {**possible, **needed}.items():
        if name not in content and name in needed:
            raise ResultError(f"{file}: lacks '{name}'; {ADVICE}")
        if name in content and not isinstance(content[name], kind):
            raise ResultError(f"{file}: '{name}' cannot be {str(content[name])[:60]!r}; {ADVICE}")


def _write_json(content: Mapping[str, Any] | Sequence[Any], file: Path, indent: int | None = 2) -> None:
    file.write_text(_json(content, indent) + "\n", encoding="utf-8", newline="\n")


def _json(content: Mapping[str, Any] | Sequence[Any], indent: int | None = None) -> str:
    return json.dumps(content, indent=indent, ensure_ascii=False, allow_nan=False, default=_plain)


def _plain(value: object) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"a result cannot keep a {type(value).__name__}: {value!r}")


def _read_text(file: Path) -> str:
    try:
        require_file(file)
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ResultError(f"{file}: is missing; {ADVICE}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ResultError(f"{file}: cannot be read; the result is torn ({_first_line(error)})") from None


def _read_json(file: Path, shape: type[dict[str, Any]] | type[list[Any]]) -> Any:
    try:
        content = json.loads(_read_text(file))
    except (ValueError, RecursionError) as error:  # also a number longer than any
        raise ResultError(f"{file}: is not JSON; the result is torn ({_first_line(error)})") from None
    if not isinstance(content, shape):
        raise ResultError(f"{file}: holds a {type(content).__name__}, expected a {shape.__name__}")
    return content


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
