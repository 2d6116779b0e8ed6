"""Runs a notebook cell by cell, as Jupyter does but without it: the last expression of a cell is what is shown."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any


def cells_of(file: Path) -> list[dict[str, Any]]:
    """Return the cells of a notebook."""
    notebook = json.loads(file.read_text(encoding="utf-8"))
    assert notebook["nbformat"] == 4
    return list(notebook["cells"])


def run_notebook(file: Path) -> list[Any]:
    """Return what each cell of code shows, in order; None where it shows nothing."""
    names: dict[str, Any] = {"__name__": "__main__"}
    shown = []
    for number, cell in enumerate(cells_of(file)):
        if cell["cell_type"] != "code":
            continue
        tree = ast.parse("".join(cell["source"]))
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, f"{file.name}:{number}", "exec"), names)
        shown.append(last and eval(compile(ast.Expression(last.value), f"{file.name}:{number}", "eval"), names))
    return shown
