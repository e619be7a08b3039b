"""``python -m benchmarks``: measure, print the table, write build/bench.json."""

import argparse
import resource
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from rich.console import Console

from benchmarks.contenders import Starter
from benchmarks.figures import CONTENDERS, VGATEWAY, Samples, matching
from benchmarks.place import make_place
from benchmarks.processes import BenchmarkError
from benchmarks.report import show, write
from benchmarks.run import Run
from benchmarks.scenarios import SCENARIOS
from vgateway.local.debian import Package, ensure_packages
from vgateway.local.errors import LocalError
from vgateway.local.progress import Progress

PACKAGES = (Package("nginx", ("nginx",), service="nginx"), Package("wrk", ("wrk",)))
TABLE_WIDTH = 150


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks; return the exit code."""
    options = _options(arguments)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _interrupted)
    try:
        _measure(options)
    except (BenchmarkError, LocalError, ValueError) as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("benchmarks: interrupted, everything that was started has been ended", file=sys.stderr)
        return 130
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", action="append", default=[], metavar="FIGURE", help="a figure, or the start of names")
    parser.add_argument("--rounds", type=int, default=5, help="rounds per figure (default 5)")
    parser.add_argument("--contender", action="append", choices=CONTENDERS, help="measure only these")
    parser.add_argument("--profile", action="store_true", help="vgateway only, and where its CPU time goes")
    parser.add_argument("--output", type=Path, default=Path("build/bench.json"), help="where the figures go")
    return parser.parse_args(arguments)


def _measure(options: argparse.Namespace) -> None:
    wanted = matching(options.only)
    progress = Progress(Console(stderr=True))
    ensure_packages(PACKAGES, progress)
    _allow_many_connections()
    with tempfile.TemporaryDirectory(prefix="vgateway-bench-") as name:
        directory = Path(name)
        profile = directory / "profile" if options.profile else None
        names = [VGATEWAY] if options.profile else options.contender or CONTENDERS
        place = make_place(directory)
        run = Run(place, Starter(place, names, profile), wanted, options.rounds, Samples(), progress)
        try:
            for scenario in SCENARIOS:
                if run.wants(*scenario.figures):
                    with progress.step(scenario.name) as step:
                        scenario.run(run, step)
                    _show_profile(scenario.name, profile)
        finally:  # what was measured before something failed took its time, too
            show(run.samples, options.rounds, Console(width=TABLE_WIDTH))
            if profile is None:
                write(run.samples, options.output)


def _show_profile(scenario: str, profile: Path | None) -> None:
    if profile is not None and profile.exists():
        print(f"\nvgateway, {scenario}: {profile.read_text()}")
        profile.unlink()


def _allow_many_connections() -> None:
    """Lift the limit of open files: every watch is two of them in a contender."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _interrupted(_number: int, _frame: FrameType | None) -> None:
    """End by an exception, so that everything that was started is ended."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
