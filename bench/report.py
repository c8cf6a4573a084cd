"""What the terminal shows: tables of at most 80 columns, row by row as it is measured."""

import sys

from .results import Cell, Comparison, Figure, Goal, Rounds, StuckPoint, median


class Progress:
    """One line that says what is being measured, where somebody watches."""

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty()

    def __call__(self, text: str) -> None:
        self._write(f"\r\033[2K{text[:79]}")

    def clear(self) -> None:
        """Make room for a row."""
        self._write("\r\033[2K")

    def _write(self, text: str) -> None:
        if self._shown:
            sys.stderr.write(text)
            sys.stderr.flush()


def show_title(title: str, *columns: str) -> None:
    """What the table is about, and the names of its columns."""
    print(f"\n{title}\n\n{''.join(columns)}", flush=True)


def show_made_on(made_on: dict[str, str]) -> None:
    """The machine and the programs."""
    for name, value in made_on.items():
        print(f"{name + ':':<10}{value}"[:80])


CELL_COLUMNS = (
    "    device  clients    requests/s           p50, us      ratio  goal\n",
    "                 prhelper C helper  prhelper C helper",
)


def show_cell(cell: Cell) -> None:
    """The ratio is ours to the C helper's: p50 of one client, throughput of several."""
    requests = f"{_number(cell.throughput.ours):>8}{_number(cell.throughput.theirs):>9}"
    p50 = f"{_number(cell.p50.ours):>10}{_number(cell.p50.theirs):>9}"
    print(
        f"{cell.operation:<3}{f'{cell.latency_us} us':>8}{cell.clients:>6}{requests}{p50}"
        f"{_ratio(cell.compared):>7}{_verdict(cell.judged, cell.goal)}",
        flush=True,
    )


FIGURE_COLUMNS = (f"{'':<33}prhelper C helper      ratio  goal",)


def show_figure(figure: Figure) -> None:
    """Any other figure; the ratio where the goal is about it."""
    ratio = "" if figure.goal and figure.goal.of == "ours" else _ratio(figure.value)
    print(
        f"{figure.name:<33}{_number(figure.value.ours):>8}{_number(figure.value.theirs):>9} {figure.unit:<3}"
        f"{ratio:>7}{_verdict(figure.value, figure.goal)}",
        flush=True,
    )


STUCK_COLUMNS = (
    "clients stuck     p50, us              p99, us            goal, p99\n",
    "              prhelper  C helper   prhelper  C helper",
)


def show_stuck_point(point: StuckPoint) -> None:
    """A client of a healthy device."""
    columns = (point.p50.ours, point.p50.theirs, point.p99.ours, point.p99.theirs)
    widths = (8, 10, 11, 10)
    numbers = "".join(f"{_number(value, 'no answer'):>{width}}" for value, width in zip(columns, widths, strict=True))
    print(f"{point.stuck:>13} {numbers}{_verdict(point.p99, point.goal)}", flush=True)


def _number(rounds: Rounds, otherwise: str = "none") -> str:
    value = median(rounds)
    if value is None:
        return otherwise
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _ratio(comparison: Comparison) -> str:
    return "" if comparison.ratio is None else f"{comparison.ratio:.2f}"


def _verdict(comparison: Comparison, goal: Goal | None) -> str:
    if goal is None:
        return ""
    return f"  {goal!s:<9} {'reached' if goal.is_reached(comparison) else 'MISSED'}"
