"""Builds one program from its pinned module; the result appears whole or not at all.

Only ``go build`` runs here. Where the result is kept, and whether it is needed, is ``toolchain``'s to say.
"""

import shutil
import subprocess
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from vgateway.local.errors import LocalError
from vgateway.local.golang import Go, environment
from vgateway.local.locks import exclusive
from vgateway.local.programs import Program
from vgateway.local.progress import Progress, Step

LAST_LINES = 12
"""How much of the compiler's output an error carries."""

NO_NETWORK = ("dial tcp", "no such host", "i/o timeout", "connection refused", "TLS handshake timeout", "proxyconnect")


def build(program: Program, go: Go, into: Path, progress: Progress) -> Path:
    """Build ``program`` into the directory ``into``, unless somebody else does so meanwhile; return its path.

    Raises LocalError when it cannot be built: no network, or the compiler's last words.
    """
    finished = into / program.name
    with exclusive(into.with_name(f"{into.name}.lock"), f"another build of {program.name}", progress) as lock:
        if not finished.exists():
            with _scratch(into / ".building") as scratch, progress.step(f"building {program.name}") as step:
                _compile(program, go, scratch, lock, step)
                (scratch / program.name).rename(finished)
    return finished


@contextmanager
def _scratch(directory: Path) -> Iterator[Path]:
    """Make an empty directory for half-made things; what a killed build left there goes first."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _compile(program: Program, go: Go, scratch: Path, lock: int, step: Step) -> None:
    """Run the compiler; it inherits the lock, so that one which outlives us keeps others away until it ends."""
    command = [str(go.command), "build", "-v", *program.flags, "-o", str(scratch / program.name), program.package]
    with subprocess.Popen(
        command,
        cwd=program.module,
        env=environment() | {"GOTMPDIR": str(scratch)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        pass_fds=(lock,),
    ) as compiler:
        assert compiler.stderr is not None
        try:
            last = _follow(compiler.stderr, step)
        except BaseException:
            compiler.terminate()
            raise
    if compiler.returncode != 0:
        raise LocalError(build_failure(program.name, last))


def _follow(lines: Iterable[str], step: Step) -> list[str]:
    """Show how far the compiler is by the packages that it names, one in a line; return its last words beside those."""
    last: deque[str] = deque(maxlen=LAST_LINES)
    compiled = 0
    for line in map(str.rstrip, lines):
        if line.startswith("go: downloading "):
            step.note(line.removeprefix("go: "))
        elif " " in line:
            last.append(line)
        else:
            compiled += 1
            step.note(f"{compiled} packages compiled")
    return list(last)


def build_failure(name: str, output: list[str]) -> str:
    """Say why a build failed: one line if the network is at fault, else with the compiler's last lines."""
    lines = [line for line in output if line.strip()]
    for line in lines:
        if any(sign in line for sign in NO_NETWORK):
            return f"cannot build {name}: its Go modules cannot be downloaded: {line.strip()}"
    return "\n    ".join([f"cannot build {name}: go build failed", *lines])
