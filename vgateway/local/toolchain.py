"""Gives the programs of a cluster: installed ones if they fit, else built from the pinned modules and kept.

A kept program is named by everything it was made from (go.mod, go.sum, flags, Go version), so changing a pin builds
anew and going back finds the old one.
"""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from vgateway.local.errors import LocalError
from vgateway.local.gobuild import build
from vgateway.local.golang import Go, Release, ensure_go, release
from vgateway.local.programs import PROGRAMS, Program, fits
from vgateway.local.progress import Progress

ASKING_TAKES = 20.0
"""Seconds after which an installed program that does not say its version counts as unfit."""


def ensure_programs(names: Collection[str], cache: Path, progress: Progress) -> dict[str, Path]:
    """Return the path of every program in ``names``, building under ``cache`` what is not installed.

    A directory in ``KUBEBUILDER_ASSETS`` comes first, then PATH, each only where the program's minor version is the
    pinned one. Raises LocalError when a program cannot be built; KeyError for a name that is not in ``PROGRAMS``.
    """
    wanted = [PROGRAMS[name] for name in dict.fromkeys(names)]
    found = {program.name: installed(program) for program in wanted}
    missing = [program for program in wanted if found[program.name] is None]
    built = _build_all(missing, cache, progress) if missing else {}
    return {name: path or built[name] for name, path in found.items()}


def ensure_built(program: Program, cache: Path, progress: Progress) -> Path:
    """Return the path of a program that is not of a cluster's, building it under ``cache`` unless it is there.

    Raises LocalError when it cannot be built.
    """
    return _build_all([program], cache, progress)[program.name]


def installed(program: Program) -> Path | None:
    """Return an installed program of the right version, or None."""
    for path, chosen in _candidates(program.name):
        output = _version_output(path, program.version_arguments)
        if output is not None and fits(program, output, chosen=chosen):
            return path
    return None


def _candidates(name: str) -> Iterator[tuple[Path, bool]]:
    """Yield (path, whether the user pointed at it) in the order of preference."""
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    if assets and (path := shutil.which(name, path=assets)):
        yield Path(path).absolute(), True
    if path := shutil.which(name):
        yield Path(path).absolute(), False


def _version_output(path: Path, arguments: tuple[str, ...]) -> str | None:
    """Return what a program says about its version, or None if it does not run here."""
    try:
        asked = subprocess.run(
            [path, *arguments], capture_output=True, text=True, errors="replace", timeout=ASKING_TAKES, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return asked.stdout if asked.returncode == 0 else None


def _build_all(programs: list[Program], cache: Path, progress: Progress) -> dict[str, Path]:
    go = ensure_go(go_line(programs), cache, progress)
    kept = {program.name: _directory(program, go, cache) / program.name for program in programs}
    missing = [program for program in programs if not kept[program.name].exists()]
    if missing:
        progress.say(f"to be built from source, once (minutes each, if new): {' '.join(p.name for p in missing)}")
    return kept | {program.name: build(program, go, _directory(program, go, cache), progress) for program in missing}


def _directory(program: Program, go: Go, cache: Path) -> Path:
    return cache / "programs" / fingerprint(program, go.version)


def go_line(programs: Iterable[Program]) -> Release:
    """Return the newest Go that the modules of ``programs`` ask for in their go.mod."""
    asked = [release(line) for module in {p.module for p in programs} for line in _go_lines(module)]
    return max((found for found in asked if found), default=(1, 0, 0))


def _go_lines(module: Path) -> list[str]:
    path = module / "go.mod"
    try:
        return [line for line in path.read_text().splitlines() if line.startswith("go ")]
    except FileNotFoundError:
        raise LocalError(f"{path} is missing: vgateway is not installed whole") from None


def fingerprint(program: Program, go_version: str) -> str:
    """Return a name for everything that a built program depends on."""
    digest = hashlib.sha256()
    files = [(program.module / name).read_bytes() for name in ("go.mod", "go.sum")]
    for part in (*files, " ".join(program.flags).encode(), go_version.encode()):
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()[:16]
