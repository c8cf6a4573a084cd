"""The picture for the README: throughput and p50 by clients for each latency, and what isolation looks like."""

from collections.abc import Callable, Sequence

from .results import Cell, Comparison, Operation, Results, median
from .svg import FAINT, Chart, cross, decades, document, dot, line, linear, logarithmic, round_steps, text

OURS, THEIRS, LIMIT = "#2563eb", "#d97706", "#9ca3af"

WIDTH = 960
_LEFT, _RIGHT, _GAP = 64, 24, 56
_CHART = 170
_TOP = 132
_ROW = 258


def draw(results: Results) -> str:
    """The whole picture, as SVG."""
    elements = _header()
    latencies = sorted({cell.latency_us for cell in results.cells})
    for index, latency_us in enumerate(latencies):
        width = (WIDTH - _LEFT - _RIGHT - _GAP * (len(latencies) - 1)) / len(latencies)
        x = _LEFT + index * (width + _GAP)
        cells = [cell for cell in results.cells if cell.latency_us == latency_us]
        elements += _throughput(x, _TOP, width, cells, _latency(latency_us))
        elements += _waiting(x, _TOP + _ROW, width, cells, _latency(latency_us))
    elements += _isolation(_TOP + 2 * _ROW, results)
    bottom = _TOP + 3 * _ROW
    made_on = results.made_on
    for height, names in ((20, ("machine", "kernel", "date")), (4, ("prhelper", "C helper"))):
        words = "; ".join(f"{name}: {made_on[name]}" for name in names)
        elements.append(text(_LEFT, bottom - height, words, 11, colour=FAINT))
    return document(WIDTH, bottom + 16, elements)


def _header() -> list[str]:
    elements = [text(_LEFT, 38, "prhelper beside qemu-pr-helper", 20, bold=True)]
    x = _LEFT + 5.0
    for colour, name in ((OURS, "prhelper"), (THEIRS, "qemu-pr-helper, in C")):
        elements += [line([(x - 5, 64), (x + 17, 64)], colour, 2.25), dot(x + 6, 64, colour)]
        elements.append(text(x + 26, 68, name, 13))
        x += 120
    note = "PERSISTENT RESERVE IN, and OUT dashed; SG_IO answered by the same library; medians of rounds in turn"
    elements.append(text(WIDTH - _RIGHT, 68, note, 12, "end", FAINT))
    return elements


def _throughput(x: float, y: float, width: float, cells: Sequence[Cell], device: str) -> list[str]:
    series = _by_operation(cells, lambda cell: cell.throughput)
    ticks = round_steps(_most(*series))
    chart = Chart(x, y, width, _CHART, sorted({cell.clients for cell in cells}), linear(ticks[-1]))
    chart.draw_axes(f"Requests/s, {device}", ticks, _thousands)
    return _finish(chart, series)


def _waiting(x: float, y: float, width: float, cells: Sequence[Cell], device: str) -> list[str]:
    series = _by_operation(cells, lambda cell: cell.p50)
    ticks = decades(_least(*series), _most(*series))
    columns = sorted({cell.clients for cell in cells})
    chart = Chart(x, y, width, _CHART, columns, logarithmic(ticks[0], ticks[-1]))
    chart.draw_axes(f"p50 of a request, {device}", ticks, _time)
    return _finish(chart, series)


def _by_operation(cells: Sequence[Cell], what: Callable[[Cell], Comparison]) -> list[list[float | None]]:
    """Ours and theirs of IN, ours and theirs of OUT."""
    operations: tuple[Operation, ...] = ("IN", "OUT")
    return [
        series
        for operation in operations
        for series in _medians([what(cell) for cell in cells if cell.operation == operation])
    ]


def _finish(chart: Chart, series: Sequence[Sequence[float | None]]) -> list[str]:
    ours_in, theirs_in, ours_out, theirs_out = series
    chart.draw_series(theirs_in, THEIRS)
    chart.draw_series(theirs_out, THEIRS, dashed=True)
    chart.draw_series(ours_in, OURS)
    chart.draw_series(ours_out, OURS, dashed=True)
    middle = chart.x + chart.width / 2
    return [*chart.elements, text(middle, chart.y + chart.height + 34, "clients", 11, "middle", FAINT)]


def _isolation(y: float, results: Results) -> list[str]:
    points = results.isolation
    ours50, theirs50 = _medians([point.p50 for point in points])
    ours99, theirs99 = _medians([point.p99 for point in points])
    limit = points[0].goal.limit
    ticks = decades(_least(ours50, theirs50), max(limit * 2, _most(ours99, theirs99)))
    scale = logarithmic(ticks[0], ticks[-1])
    chart = Chart(_LEFT, y, WIDTH - _LEFT - _RIGHT, _CHART, [point.stuck for point in points], scale)
    title = "Time of a request on a healthy device while others hang: p50, and p99 dashed"
    chart.draw_axes(title, ticks, _time)
    height = chart.at(chart.columns[0], limit)[1]
    chart.elements.append(line([(chart.x, height), (chart.x + chart.width, height)], LIMIT, 1, dashed=True))
    goal = f"goal for p99: {_time(limit)}"
    chart.elements.append(text(chart.x + 4, height - 5, goal, 11, colour=FAINT))
    chart.draw_series(theirs50, THEIRS)
    chart.draw_series(theirs99, THEIRS, dashed=True)
    chart.draw_series(ours50, OURS)
    chart.draw_series(ours99, OURS, dashed=True)
    for column, value in zip(chart.columns, theirs50, strict=True):
        if value is None:
            x, top = chart.at(column, ticks[-1])
            chart.elements += [cross(x, top + 10, THEIRS), text(x + 10, top + 14, "no answer", 11, colour=THEIRS)]
    middle = chart.x + chart.width / 2
    label = "clients whose command hangs on another device"
    return [*chart.elements, text(middle, y + _CHART + 34, label, 11, "middle", FAINT)]


def _medians(comparisons: Sequence[Comparison]) -> tuple[list[float | None], list[float | None]]:
    return [median(item.ours) for item in comparisons], [median(item.theirs) for item in comparisons]


def _most(*series: Sequence[float | None]) -> float:
    return max(value for values in series for value in values if value is not None)


def _least(*series: Sequence[float | None]) -> float:
    return min(value for values in series for value in values if value is not None)


def _latency(us: int) -> str:
    return f"{_time(us)} device" if us else "instant device"


def _thousands(value: float) -> str:
    return f"{value / 1000:g} k" if value >= 1000 else f"{value:g}"


def _time(us: float) -> str:
    return f"{us / 1000:g} ms" if us >= 1000 else f"{us:g} \N{MICRO SIGN}s"
