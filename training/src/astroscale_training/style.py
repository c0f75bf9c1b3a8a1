"""How figures look, behind matplotlib's untyped interface: large letters, few lines, colours that everybody can tell."""

from collections.abc import Generator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#444444")
"""Okabe & Ito's palette, darkest first; markers differ too."""

MARKERS: Final = ("o", "s", "^", "D", "v", "P", "X")
BAND: Final = "#DDE6EE"
INK: Final = "#222222"

_STYLE: Final[Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 13,
    "axes.titlesize": 14,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#666666",
    "axes.labelcolor": INK,
    "axes.axisbelow": True,
    "text.color": INK,
    "legend.frameon": False,
    "legend.fontsize": 12,
    "lines.linewidth": 2.0,
    "figure.dpi": 100,
}


@contextmanager
def drawn(path: Path, width: float, height: float) -> Generator[Any]:
    """A figure of width x height inches, written to `path` as PNG at the end; equal drawings are equal bytes."""
    with rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(figure)
        yield figure
        drawing = BytesIO()
        figure.savefig(drawing, metadata={"Software": None})
    path.parent.mkdir(parents=True, exist_ok=True)
    # 256 colours are plenty, and a third of the size.
    Image.open(drawing).convert("RGB").quantize(256).save(path, optimize=True)


def nice(group: str) -> str:
    """A group's label for a figure: a table is known by its name."""
    return group.removeprefix("table ").replace("_", " ")
