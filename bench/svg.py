"""Just enough SVG for a plot: text, lines, and one chart with two axes."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from html import escape

INK, FAINT, GRID = "#1f2937", "#6b7280", "#e5e7eb"

Scale = Callable[[float], float]
"""From a value to 0 (bottom) to 1 (top)."""


def text(
    x: float, y: float, words: str, size: int = 12, anchor: str = "start", colour: str = INK, bold: bool = False
) -> str:
    """A line of text, its baseline at y."""
    weight = ' font-weight="600"' if bold else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{colour}"{weight}>'
        f"{escape(words)}</text>"
    )


def line(points: Iterable[tuple[float, float]], colour: str, width: float = 1, dashed: bool = False) -> str:
    """A line through points."""
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dash = ' stroke-dasharray="5 4"' if dashed else ""
    return (
        f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}" '
        f'stroke-linejoin="round" stroke-linecap="round"{dash}/>'
    )


def dot(x: float, y: float, colour: str) -> str:
    """A point that was measured."""
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>'


def cross(x: float, y: float, colour: str) -> str:
    """A point where nothing came."""
    return f'<path d="M{x - 5:.1f} {y - 5:.1f}l10 10m0 -10l-10 10" stroke="{colour}" stroke-width="2.5" fill="none"/>'


def document(width: int, height: int, elements: Iterable[str]) -> str:
    """The whole picture, on white, so that it can be read on a dark page as well."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="system-ui, -apple-system, Segoe UI, Roboto, DejaVu Sans, sans-serif">\n'
        f'<rect width="{width}" height="{height}" rx="8" fill="#ffffff"/>\n' + "\n".join(elements) + "\n</svg>\n"
    )


def linear(top: float) -> Scale:
    """From zero to `top`."""
    return lambda value: value / top


def logarithmic(bottom: float, top: float) -> Scale:
    """From `bottom` to `top`, each factor as high as the other."""
    return lambda value: math.log(value / bottom) / math.log(top / bottom)


def round_steps(most: float) -> list[float]:
    """Some four round values from zero to beyond `most`."""
    rough = most / 3.5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough)
    return [step * number for number in range(math.ceil(most / step) + 1)]


def decades(least: float, most: float) -> list[float]:
    """1, 3, 10, 30 ... from below `least` to above `most`."""
    values = [base * 10.0**power for power in range(-3, 10) for base in (1, 3)]
    first = max(index for index, value in enumerate(values) if value <= least)
    last = min(index for index, value in enumerate(values) if value >= most)
    return values[first : last + 1]


@dataclass
class Chart:
    """One chart. x, y, width, height: of the area inside the axes. Columns: the places on the x axis, evenly apart."""

    x: float
    y: float
    width: float
    height: float
    columns: Sequence[int]
    scale: Scale
    elements: list[str] = field(default_factory=list)

    def at(self, column: int, value: float) -> tuple[float, float]:
        """Where a value is in the picture."""
        inset = 0.5 / len(self.columns)
        place = inset + self.columns.index(column) / len(self.columns)
        return self.x + place * self.width, self.y + self.height * (1 - self.scale(value))

    def draw_axes(self, title: str, ticks: Sequence[float], label: Callable[[float], str]) -> None:
        """The grid, what is written at it, and the title above."""
        self.elements.append(text(self.x, self.y - 12, title, 13, bold=True))
        for tick in ticks:
            y = self.y + self.height * (1 - self.scale(tick))
            self.elements.append(line([(self.x, y), (self.x + self.width, y)], GRID))
            self.elements.append(text(self.x - 6, y + 4, label(tick), 11, "end", FAINT))
        for column in self.columns:
            x = self.at(column, ticks[-1])[0]
            self.elements.append(text(x, self.y + self.height + 16, str(column), 11, "middle", FAINT))

    def draw_series(self, values: Sequence[float | None], colour: str, dashed: bool = False) -> None:
        """One value for each column; where there is none, the line has a gap."""
        run: list[tuple[float, float]] = []
        for column, value in zip(self.columns, values, strict=True):
            if value is None:
                self._draw_run(run, colour, dashed)
                run = []
            else:
                run.append(self.at(column, value))
        self._draw_run(run, colour, dashed)

    def _draw_run(self, run: list[tuple[float, float]], colour: str, dashed: bool) -> None:
        if len(run) > 1:
            self.elements.append(line(run, colour, 2.25, dashed))
        self.elements += [dot(x, y, colour) for x, y in run]
