"""How a picture looks, how it is found and how it is saved. Drawn with matplotlib (extra `plot`).

A figure is a function of a record and a file, marked with its kind; PNG, SVG or PDF by the name of the file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from kera_mobility.errors import ConfigError, MissingExtraError
from kera_mobility.file_paths import require_writable
from kera_mobility.files import replacing
from kera_mobility.results.facts import RESIDENTS, Facts, Group
from kera_mobility.results.record import RunRecord
from kera_mobility.texts import visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FigureFunction = Callable[[RunRecord, Path], Path]
F = TypeVar("F", bound=Callable[..., Path])

FORMATS = (".png", ".svg", ".pdf")
COLOURS = {
    "walk": "#009E73", "bicycle": "#56B4E9", "transit": "#0072B2", "shuttle": "#CC79A7", "on_demand": "#F0E442",
    "scooter": "#E69F00", "car": "#D55E00",
}  # fmt: skip
"""One colour for each mode in every picture. Source: Okabe and Ito 2008, a palette for every kind of colour vision."""
SPARE_COLOURS = ("#882255", "#44AA99", "#999933", "#332288")
"""For modes of other packages. Source: Paul Tol's muted scheme."""
NOT_COMPLETED_COLOUR = "#595959"
NOT_COMPLETED_LABEL = "not completed"
TITLES = {"walk": "walking", "transit": "public transport", "shuttle": "shuttle", "on_demand": "on demand"}
STACK = ("walk", "bicycle", "transit", "shuttle", "on_demand", "scooter", "car")
"""From the bottom of a stack to its top."""
HEADER_IN, LEGEND_IN, FOOTER_IN = 0.6, 0.3, 0.3
"""Heights of title, legend and source line of a page."""
LONGEST_NAME = 48
"""Letters of a name; more leave no room for the picture."""
INK, FAINT, STREET = "#222222", "#767676", "#C9C9C9"
DPI = 160
KIND = "__kera_figure__"


def figure(kind: str) -> Callable[[F], F]:
    """Mark a function as the figure of a kind, so that it is found."""

    def marked(function: F) -> F:
        setattr(function, KIND, kind)
        return function

    return marked


def new_page(
    record: RunRecord, title: str, size_in: tuple[float, float], header_in: float = HEADER_IN, footer_in: float = 0.0
) -> tuple[Figure, Axes]:
    """Return an empty page with its title and the line that says which run it shows."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.layout_engine import ConstrainedLayoutEngine
    except ImportError:
        raise MissingExtraError("figures need matplotlib; install it with: pip install 'kera-mobility[plot]'") from None
    height_in = size_in[1]
    room = ConstrainedLayoutEngine(rect=(0.0, footer_in / height_in, 1.0, 1.0 - (header_in + footer_in) / height_in))
    drawing = Figure(figsize=size_in, layout=room, facecolor="white")
    FigureCanvasAgg(drawing)
    axes = drawing.add_subplot()
    where = drawn_name(str(record.area.get("title") or record.area.get("name") or ""))
    run = [where, f"scenario {record.meta['scenario']}", f"seed {record.seed}"]
    subtitle = ", ".join(part for part in run if part)
    drawing.text(0.012, 1 - 0.1 / height_in, title, va="top", fontsize=13, fontweight="bold", color=INK)
    drawing.text(0.012, 1 - 0.36 / height_in, subtitle, va="top", fontsize=9.5, color=FAINT)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.set_axisbelow(True)
    return drawing, axes


def save(drawing: Figure, file: str | Path) -> Path:
    """Write the page; the same picture makes the same bytes."""
    import matplotlib as mpl

    target = Path(file)
    require_format(target)
    undated: dict[str, dict[str, Any]] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
    with mpl.rc_context({"svg.hashsalt": "kera", "svg.fonttype": "none"}), replacing(target) as whole:
        drawing.savefig(whole, dpi=DPI, metadata=undated.get(target.suffix.lower()))
    return target


def require_format(file: str | Path) -> None:
    """Return if a picture can be written to a file; raise ConfigError or FileError else."""
    if Path(file).suffix.lower() not in FORMATS:
        raise ConfigError(f"{file}: expected a file name that ends in {', '.join(FORMATS)}")
    require_writable(Path(file))


def drawn_name(name: str) -> str:
    """Return a name as a picture writes it: no part of it is a formula, and a long one is cut off."""
    whole = visible(name, keep="")
    short = whole if len(whole) <= LONGEST_NAME else f"{whole[: LONGEST_NAME - 1]}\u2026"
    return short.replace("$", r"\$")


def legend_beside(axes: Axes, title: str, turned: bool = False) -> None:
    """Write the legend to the right; turned, its entries stand in the order of a stack from the top."""
    handles, labels = axes.get_legend_handles_labels()
    order = slice(None, None, -1) if turned else slice(None)
    legend = axes.legend(
        handles[order], labels[order], title=title, loc="upper left", bbox_to_anchor=(1.01, 1.0), frameon=False,
        alignment="left", fontsize=9, title_fontsize=9, borderaxespad=0.0, handlelength=1.1, handleheight=1.1,
    )  # fmt: skip
    legend.get_title().set_color(FAINT)


def luminance(colour: str) -> float:
    """Return the approximate relative luminance of `#RRGGBB`, 0 to 1 (ITU-R BT.709 weights, gamma 2.2)."""
    red, green, blue = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    return float(0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2)


def group_named(facts: Facts, population: str) -> Group:
    for group in facts.groups:
        if group.name == population:
            return group
    names = ", ".join(group.name for group in facts.groups)
    raise ConfigError(f"population '{population}' has nobody in this run; expected one of {names}")


def whose(group: Group) -> str:
    return f"{group.name} aged 7 and over" if group.name == RESIDENTS else group.name


def mode_title(mode: str) -> str:
    return TITLES.get(mode, mode.replace("_", " "))


def mode_colour(mode: str, modes: Sequence[str]) -> str:
    if mode in COLOURS:
        return COLOURS[mode]
    strange = [other for other in modes if other not in COLOURS]
    return SPARE_COLOURS[strange.index(mode) % len(SPARE_COLOURS)]
