"""Pages of the reference, made from the code itself when the documentation is built (a hook of MkDocs).

Settings come from the schema of a scenario, events and tables from their descriptions, KPIs from a run of a small
scenario, the command line from its own help. The decisions of `decisions/` become pages too.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import typer
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

import kera_mobility
import kera_mobility as km
from kera_mobility import plugins
from kera_mobility.cli import command_line
from kera_mobility.results.events import DERIVED, describe
from kera_mobility.simulation.scenario import schema
from kera_mobility.tables import Schema

ROOT = Path(__file__).parents[1]
KPI_SCENARIO = "configs/checks/all.yaml"
"""A small scenario with every kind of service."""
BOUNDS = {"exclusiveMinimum": "> {}", "minimum": ">= {}", "exclusiveMaximum": "< {}", "maximum": "<= {}"}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages, and those of `decisions/`."""
    pages = {
        "settings": settings_page(schema()),
        "events": events_page(),
        "tables": tables_page(table_schemas()),
        "kpis": kpis_page(),
        "command_line": command_line_page(),
        "python": python_page(),
    }
    for name, text in pages.items():
        files.append(File.generated(config, f"reference/{name}.md", content=text))
    for path in sorted((ROOT / "decisions").glob("*.md")):
        files.append(File.generated(config, f"decisions/{path.name}", content=path.read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let links to `decisions/` from a page in a folder of `docs/` lead to the pages made of it."""
    return markdown.replace("](../../decisions/", "](../decisions/")


def settings_page(document: Mapping[str, Any]) -> str:
    """Return a table for each class of settings: key, type and bounds, default, meaning, and where it stands."""
    classes = {"Scenario": document, **document["$defs"]}
    keys = dict(_keys_by_class(document))
    lines = [
        "# Settings",
        "Every key of a scenario, from `kera schema`. A default is named with its unit, bounds and source, or is "
        "called an assumption. [The tutorial](../tutorials/first_trial.md) shows how a scenario extends another.",
    ]
    for name, model in classes.items():
        if "properties" not in model:
            continue
        lines += [f"## {_short(name)} {{ #{_anchor(name)} }}", _cell(model.get("description", ""))]
        if keys.get(name):
            lines.append("Key: " + ", ".join(f"`{key}`" for key in sorted(keys[name])) + ".")
        rows = ["| key | type | default | meaning |", "|---|---|---|---|"]
        required = set(model.get("required", ()))
        for key, field in model["properties"].items():
            value = field.get("default", "")
            default = "required" if key in required else f"`{value}`" if value != "" else ""
            rows.append(f"| `{key}` | {_type(field)} | {_cell(default)} | {_cell(field.get('description', ''))} |")
        lines.append("\n".join(rows))
    return "\n\n".join(lines) + "\n"


def _keys_by_class(document: Mapping[str, Any]) -> dict[str, set[str]]:
    """Return the dotted keys under which each class of settings stands in a scenario."""
    keys: dict[str, set[str]] = {}
    waiting: list[tuple[str, Any]] = [("", {"properties": document["properties"]})]
    while waiting:
        prefix, node = waiting.pop()
        for key, field in node.get("properties", {}).items():
            for suffix, name in _references(field):
                dotted = f"{prefix}{key}{suffix}"
                if dotted not in keys.setdefault(name, set()) and len(keys[name]) < 6:
                    keys[name].add(dotted)
                    waiting.append((dotted + ".", document["$defs"][name]))
    return keys


def _references(node: Any) -> Iterator[tuple[str, str]]:
    """Yield the classes that a field may hold, with what follows the key: nothing, `[]` or `.<name>`."""
    if "$ref" in node:
        yield "", node["$ref"].rsplit("/", 1)[1]
    for part in ("anyOf", "oneOf", "allOf"):
        for option in node.get(part, ()):
            yield from _references(option)
    if isinstance(node.get("items"), dict):
        yield from ((f"[]{suffix}", name) for suffix, name in _references(node["items"]))
    if isinstance(node.get("additionalProperties"), dict):
        yield from ((f".<name>{suffix}", name) for suffix, name in _references(node["additionalProperties"]))


def _type(field: Mapping[str, Any]) -> str:
    names = [f"[{_short(name)}](#{_anchor(name)})" for _, name in _references(field)]
    plain = [option.get("type") for option in field.get("anyOf", (field,)) if option.get("type")]
    if isinstance(field.get("type"), list):
        plain = ["time such as 23:00, or number" if "time_of_day" in field else "duration such as 10 min, or number"]
    if "enum" in field:
        plain = [", ".join(f"`{value}`" for value in field["enum"])]
    if "const" in field:
        plain = [f"`{field['const']}`"]
    limits = [sign.format(option[key]) for option in (field, *field.get("anyOf", ()))
              for key, sign in BOUNDS.items() if key in option]  # fmt: skip
    return _cell(" or ".join([*map(str, plain), *names]) + (f", {', '.join(limits)}" if limits else ""))


def _short(name: str) -> str:
    """Return a class by its own name, with its service where two have one name."""
    parts = name.split("__")
    return parts[-1] if len(parts) < 3 else f"{parts[-1]} ({parts[-3]})"


def _anchor(name: str) -> str:
    return re.sub(r"\W+", "-", name).lower()


def _cell(text: Any) -> str:
    return re.sub(r"\s+", " ", str(text)).replace("|", "\\|").replace("<name>", "&lt;name&gt;")


def events_page() -> str:
    """Return a table for each kind of event and each table of a result folder."""
    lines = ["# Events and tables", "What the tables of a result folder hold, as `km.columns(table)` says them."]
    for table, described in describe().items():
        rows = ["| column | type | unit | meaning |", "|---|---|---|---|"]
        rows += [f"| `{name}` | {kind} | {_cell(unit)} | {_cell(meaning)} |" for name, kind, unit, meaning in described]
        rows += [
            f"| `{name}` (in `run.{table}`) | {column.type} | {_cell(column.unit)} | {_cell(column.meaning)} |"
            for name, column in DERIVED.get(table, {}).items()
        ]
        lines += [f"## {table}", "\n".join(rows)]
    return "\n\n".join(lines) + "\n"


def table_schemas() -> list[Schema]:
    """Return the tables that the package reads, by name."""
    names = [info.name for info in pkgutil.walk_packages(kera_mobility.__path__, "kera_mobility.")]
    modules = [importlib.import_module(name) for name in names if not name.endswith("__main__")]
    found = {item.name: item for module in modules for item in vars(module).values() if isinstance(item, Schema)}
    return [found[name] for name in sorted(found)]


def tables_page(schemas: Iterable[Schema]) -> str:
    """Return a table for each table that people bring: column, what a cell holds, whether it may be left out."""
    lines = [
        "# Tables",
        "Tables of an area's folder and of a scenario: CSV with a line of column names, separated by commas, by "
        "semicolons or tabs (then with decimal commas too), UTF-8. Other columns are told and left out. A "
        "fault is told with file, line and column; nothing is guessed.",
    ]
    for table in schemas:
        rows = ["| column | a cell is | may be left out | meaning |", "|---|---|---|---|"]
        for column in table.columns:
            out = "no" if column.required else "yes"
            blank = "" if column.blank is None or not column.required else "; empty: unknown"
            rows.append(f"| `{column.name}` | {_cell(column.expected() + blank)} | {out} | {_cell(column.about)} |")
        once = f" No two rows have the same {', '.join(table.unique)}." if table.unique else ""
        lines += [f"## {table.name}", table.about + once, "\n".join(rows)]
    return "\n\n".join(lines) + "\n"


def kpis_page() -> str:
    """Return the KPIs of a small run with every kind of service, with unit and definition."""
    run = km.simulate(str(ROOT / KPI_SCENARIO))
    lines = [
        "# KPIs",
        f"What `kera run {KPI_SCENARIO}` computes. What a service did begins with the service's name. What people did "
        "is for residents; the same for others ends with `@everyone`, `@in_commuters`, `@neighbours` or `@visitors`.",
    ]
    rows = ["| KPI | unit | definition |", "|---|---|---|"]
    rows += [f"| `{kpi.id}` | {kpi.unit} | {_cell(kpi.definition)} |" for kpi in run.kpis() if "@" not in kpi.id]
    lines.append("\n".join(rows))
    return "\n\n".join(lines) + "\n"


def command_line_page() -> str:
    """Return the help of each verb."""
    lines = ["# Command line"]
    helps = _helps(typer.main.get_command(command_line()), "kera")
    lines += [f"## {title}\n\n```text\n{text}\n```" for title, text in helps]
    return "\n\n".join(lines) + "\n"


def _helps(command: Any, title: str) -> Iterator[tuple[str, str]]:
    context = typer.Context(command, info_name=title, max_content_width=100, terminal_width=100)
    yield title, command.get_help(context)
    for name, verb in sorted(getattr(command, "commands", {}).items()):
        yield from _helps(verb, f"{title} {name}")


def python_page() -> str:
    """Return the front door of the package and what extensions import, for mkdocstrings to fill in."""
    lines = ["# Python", "```python\nimport kera_mobility as km\n```"]
    lines += _members(km)
    lines += ["# For extensions", "`kera_mobility.plugins` is all that another package imports.", *_members(plugins)]
    return "\n\n".join(lines) + "\n"


def _members(module: Any) -> list[str]:
    items = [(name, getattr(module, name)) for name in sorted(module.__all__)]
    return [f"::: {item.__module__}.{item.__qualname__}" for _, item in items
            if getattr(item, "__module__", "").startswith("kera_mobility")]  # fmt: skip
