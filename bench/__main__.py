"""`make bench`: measures, prints the tables, and writes results.json and results.svg."""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from . import machine, report
from .bench import Bench
from .everyday import measure_everyday
from .grid import measure_cells
from .isolation import measure_isolation, measure_sometimes_slow
from .listening import NoStartError
from .load import LoadError
from .plan import FULL, QUICK, Plan
from .plot import draw
from .programs import MissingProgramError, build
from .results import Results

_HERE = Path(__file__).parent
_MOST_FILES = 8192


def main() -> int:
    """The exit status. A goal that is missed is no failure; an answer that is wrong is one."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="only prove that it runs; the figures mean nothing")
    parser.add_argument("--output", type=Path, default=None, metavar="DIRECTORY", help="default .cache/bench[-quick]")
    parser.add_argument("--publish", action="store_true", help=f"write to {_HERE}, for the README")
    options = parser.parse_args()
    if options.publish and options.quick:
        parser.error("--publish: figures of --quick mean nothing")
    try:
        results = run(QUICK if options.quick else FULL)
    except (MissingProgramError, LoadError, NoStartError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"bench: {error.cmd[0]} failed, status {error.returncode}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    default = Path(".cache/bench-quick" if options.quick else ".cache/bench")
    write(results, _HERE if options.publish else options.output or default)
    return 0


def run(plan: Plan) -> Results:
    """Measure everything, and show it meanwhile."""
    began = time.monotonic()
    allow_many_files()
    progress = report.Progress()
    with tempfile.TemporaryDirectory(prefix="prhelper-bench-") as name:
        programs = build(Path(name))
        bench = Bench(programs, plan, progress)
        results = Results(machine.describe(programs))
        report.show_made_on(results.made_on)

        report.show_title("Clients in a closed loop, on a device of that latency", *report.CELL_COLUMNS)
        for cell in measure_cells(bench):
            progress.clear()
            report.show_cell(cell)
            results.cells.append(cell)

        report.show_title("Every day", *report.FIGURE_COLUMNS)
        for measure in (measure_everyday, measure_sometimes_slow):
            for figure in measure(bench):
                progress.clear()
                report.show_figure(figure)
                results.figures.append(figure)

        report.show_title("One client on a healthy device, while others hang on another", *report.STUCK_COLUMNS)
        for point in measure_isolation(bench):
            progress.clear()
            report.show_stuck_point(point)
            results.isolation.append(point)
    print(f"\nIt took {time.monotonic() - began:.0f} s.")
    return results


def allow_many_files() -> None:
    """A thousand clients need a descriptor each, or more, in every process from here on."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < _MOST_FILES:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(_MOST_FILES, hard), hard))


def write(results: Results, directory: Path) -> None:
    """Write results.json and results.svg."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "results.json").write_text(json.dumps(results.to_json(), indent=1) + "\n")
    (directory / "results.svg").write_text(draw(results))
    print(f"Written: {directory}/results.json and results.svg")


if __name__ == "__main__":
    sys.exit(main())
