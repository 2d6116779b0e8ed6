"""The small faults that a mutation run plants in a module, one at a time.

Numbers off by one, comparisons with the neighbouring limit, `and` for `or`, a statement left out, and the like. What is
no behaviour is left alone: annotations, bounds and defaults of Settings fields, messages, `assert` (a law that the code
states about itself), and `zip(strict=True)`.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

COMPARED = {
    ast.Lt: ("<", "<="), ast.LtE: ("<=", "<"), ast.Gt: (">", ">="), ast.GtE: (">=", ">"), ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="), ast.Is: ("is", "is not"), ast.IsNot: (r"is\s+not", "is"), ast.In: ("in", "not in"),
    ast.NotIn: (r"not\s+in", "in"),
}  # fmt: skip
COMPUTED = {
    ast.Add: ("+", "-"), ast.Sub: ("-", "+"), ast.Mult: ("*", "/"), ast.Div: ("/", "*"), ast.FloorDiv: ("//", "/"),
    ast.Mod: ("%", "*"), ast.Pow: ("**", "*"), ast.BitAnd: ("&", "|"), ast.BitOr: ("|", "&"),
}  # fmt: skip
CALLED = {
    "min": "max", "max": "min", "any": "all", "all": "any", "minimum": "maximum", "maximum": "minimum",
    "floor": "ceil", "ceil": "floor",
}  # fmt: skip
LEFT_OUT = (ast.AugAssign, ast.Raise, ast.Delete, ast.Continue, ast.Break)
"""Statements that are replaced by `pass`, besides calls, returns of nothing and assignments to a part of something."""

Change = tuple[int, int, str]
"""Offsets in a source, and what stands between them instead."""


@dataclass(frozen=True)
class Mutant:
    """A module with one fault."""

    path: str
    """Of the module, from the root of the repository."""
    place: str
    """Name of the function or class in which the fault is."""
    line: int
    last_line: int
    """Lines that the fault may touch."""
    swaps: str
    """Name of the outermost function around the fault, whose code may be swapped; empty if it is outside of bodies."""
    source: str
    """The whole mutated module."""
    before: str
    after: str
    """The lines that differ, without indentation."""

    @cached_property
    def key(self) -> str:
        """Hash of what was changed into what, and where; it survives changes of other lines."""
        content = "\0".join((self.path, self.place, self.before, self.after))
        return hashlib.sha256(content.encode()).hexdigest()[:10]


def mutants(path: str, source: str) -> list[Mutant]:
    """Return every mutant of a module, in the order of its lines, no two alike."""
    made = {mutant.key: mutant for mutant in _Module(path, source).mutants() if mutant.before != mutant.after}
    return list(made.values())


class _Module:
    def __init__(self, path: str, source: str) -> None:
        self._path, self._source = path, source
        self._lines = source.splitlines(keepends=True)
        self._starts = [0]
        for text in self._lines:
            self._starts.append(self._starts[-1] + len(text))

    def mutants(self) -> Iterator[Mutant]:
        tree = ast.parse(self._source)
        for statement in tree.body:
            yield from self._within(statement, (), "")

    def _within(self, node: ast.AST, names: tuple[str, ...], swaps: str) -> Iterator[Mutant]:
        """Yield the mutants of a node and of what is below it."""
        if isinstance(node, (ast.Assert, ast.JoinedStr)) or _is_field(node):
            return
        for change in self._changes(node):
            yield self._mutant(node, change, names, swaps)
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            inside = (*names, node.name)
            if isinstance(node, ast.FunctionDef):
                for default in (*node.args.defaults, *(entry for entry in node.args.kw_defaults if entry)):
                    yield from self._within(default, inside, swaps)
                swaps = swaps or ".".join(inside)
            for statement in node.body:
                yield from self._within(statement, inside, swaps)
            return
        for name, value in ast.iter_fields(node):
            if name == "annotation" or isinstance(node, ast.Raise) or (isinstance(node, ast.keyword) and _is_law(node)):
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield from self._within(child, names, swaps)

    def _mutant(self, node: ast.AST, change: Change, names: tuple[str, ...], swaps: str) -> Mutant:
        begin, end, text = change
        source = self._source[:begin] + text + self._source[end:]
        first = next(row for row, start in enumerate(self._starts) if start > begin) - 1
        last = next(row for row, start in enumerate(self._starts) if start >= end) - 1
        mutated_end = end + len(source) - len(self._source)
        line_end = source.find("\n", mutated_end)
        before = "".join(self._lines[first : last + 1])
        after = source[self._starts[first] : len(source) if line_end < 0 else line_end]
        before, after = (" ".join(lines.split()) for lines in (before, after))
        statement_lines = getattr(node, "lineno", first + 1), getattr(node, "end_lineno", last + 1)
        return Mutant(
            self._path, ".".join(names), first + 1, max(last + 1, statement_lines[1]), swaps, source, before, after
        )

    # What is changed into what.

    def _changes(self, node: ast.AST) -> Iterator[Change]:
        match node:
            case ast.Compare():
                for operator, left, right in zip(
                    node.ops, [node.left, *node.comparators], node.comparators, strict=False
                ):
                    yield self._operator(left, right, *COMPARED[type(operator)])
            case ast.BinOp(op=operator) if type(operator) in COMPUTED and not _is_text_or_type(node):
                sign, other = COMPUTED[type(operator)]
                yield self._operator(node.left, node.right, re.escape(sign), other)
            case ast.AugAssign(op=operator) if type(operator) in COMPUTED:
                sign, other = COMPUTED[type(operator)]
                yield self._operator(node.target, node.value, re.escape(sign), other)
            case ast.BoolOp(op=operator):
                names = ("and", "or") if isinstance(operator, ast.And) else ("or", "and")
                for left, right in zip(node.values, node.values[1:], strict=False):
                    yield self._operator(left, right, *names)
            case ast.UnaryOp(op=ast.Not() | ast.Invert() | ast.USub()) if not isinstance(node.operand, ast.Constant):
                yield self._replaced(node, f"({self._text(node.operand)})")
            case ast.Constant(value=bool() | int() | float() as value):
                yield self._replaced(node, repr(not value if isinstance(value, bool) else value + 1))
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in CALLED:
                end = self._span(node.func)[1]
                yield end - len(name), end, CALLED[name]
            case ast.If() | ast.IfExp() if not _is_typing(node.test):
                yield self._replaced(node.test, f"not ({self._text(node.test)})")
            case ast.comprehension():
                for test in node.ifs:
                    yield self._replaced(test, f"not ({self._text(test)})")
            case ast.Return(value=ast.expr() as value) if not (isinstance(value, ast.Constant) and value.value is None):
                yield self._replaced(node, "return None")
        if isinstance(node, ast.stmt) and _may_go(node):
            yield self._replaced(node, "pass")

    def _span(self, node: ast.AST) -> tuple[int, int]:
        assert isinstance(node, (ast.expr, ast.stmt))
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self._offset(node.lineno, node.col_offset), self._offset(node.end_lineno, node.end_col_offset)

    def _offset(self, line: int, column: int) -> int:
        """Return the offset of a place that the parser gives in bytes of a line."""
        return self._starts[line - 1] + len(self._lines[line - 1].encode()[:column].decode())

    def _text(self, node: ast.expr) -> str:
        begin, end = self._span(node)
        return self._source[begin:end]

    def _replaced(self, node: ast.AST, text: str) -> Change:
        return *self._span(node), text

    def _operator(self, left: ast.AST, right: ast.AST, pattern: str, other: str) -> Change:
        begin, end = self._span(left)[1], self._span(right)[0]
        match = re.search(pattern, self._source[begin:end])
        assert match, (pattern, self._source[begin:end])
        return begin + match.start(), begin + match.end(), other


def _may_go(node: ast.stmt) -> bool:
    match node:
        case ast.Expr(value=ast.Constant()):
            return False
        case ast.Expr() | ast.Return(value=None):
            return True
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript(), *_]):
            return True
    return isinstance(node, LEFT_OUT)


def _is_field(node: ast.AST) -> bool:
    """Return whether a node is the value of a Settings field: a default and bounds with their source are data."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Field"


def _is_law(node: ast.keyword) -> bool:
    return node.arg == "strict"


def _is_typing(test: ast.expr) -> bool:
    return isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"


def _is_text_or_type(node: ast.BinOp) -> bool:
    sides = (node.left, node.right)
    return any(
        isinstance(side, ast.JoinedStr)
        or (isinstance(side, ast.Constant) and (side.value is None or isinstance(side.value, str)))
        for side in sides
    )
