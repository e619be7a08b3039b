"""Shows the figures: a table for people with the targets beside, and build/bench.json for scripts."""

import os
import platform
import subprocess
from pathlib import Path

import orjson
from rich.console import Console
from rich.table import Table

from benchmarks.figures import CONTENDERS, NGINX, VGATEWAY, Figure, Samples, Spread, verdict
from vgateway import __version__

VERDICTS = {None: "", True: "[green]reached[/]", False: "[red]missed[/]"}


def show(samples: Samples, rounds: int, console: Console) -> None:
    """Print the machine and the table."""
    console.print(f"\n{machine()}", markup=False, highlight=False)
    console.print(_table(samples, rounds))


def write(samples: Samples, path: Path) -> None:
    """Write figure to contender to median; contenders without a value are null."""
    path.parent.mkdir(parents=True, exist_ok=True)
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    path.write_bytes(orjson.dumps(samples.document(), option=options))


def machine() -> str:
    """Say what the figures were measured on and with."""
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    processor = models[0].partition(":")[2].strip() if models else platform.machine()
    load = os.getloadavg()[0]
    versions = (
        f"vgateway {__version__}",
        f"Python {platform.python_version()}",
        _version("nginx", "-v"),
        _version("wrk", "-v"),
    )
    return f"{os.cpu_count()} x {processor}, Linux {platform.release()}, load {load:.1f}\n{', '.join(versions)}"


def _version(program: str, flag: str) -> str:
    path = f"{os.environ.get('PATH', '')}:/usr/sbin"
    ran = subprocess.run([program, flag], capture_output=True, text=True, check=False, env=os.environ | {"PATH": path})
    words = (ran.stderr + ran.stdout).replace("nginx version: nginx/", "nginx ").split()
    return " ".join(words[:2])


def _table(samples: Samples, rounds: int) -> Table:
    table = Table(
        title=f"TLS on both legs; median (lowest to highest) of up to {rounds} interleaved rounds", title_justify="left"
    )
    for heading in ("figure", "what", "unit"):
        table.add_column(heading, no_wrap=heading != "what")
    for heading in (*CONTENDERS, "x nginx"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("to reach")
    table.add_column("")
    for figure in samples.measured():
        table.add_row(*_row(figure, samples))
    return table


def _row(figure: Figure, samples: Samples) -> list[str]:
    medians = samples.medians(figure.name)
    cells = [_cell(figure, samples.spread(figure.name, name)) for name in CONTENDERS]
    ours, nginx = medians[VGATEWAY], medians[NGINX]
    ratio = f"{ours / nginx:.2f}" if ours is not None and nginx else ""
    target = figure.target.words if figure.target else ""
    return [figure.name, figure.meaning, figure.unit, *cells, ratio, target, VERDICTS[verdict(figure, medians)]]


def _cell(figure: Figure, spread: Spread | None) -> str:
    if spread is None:
        return "-"
    digits = figure.digits
    return f"{spread.median:.{digits}f}\n[dim]{spread.low:.{digits}f}-{spread.high:.{digits}f}[/]"
