"""Programs that outlive the command that started them: each with a log, a record and an identity of its own.

A program writes its own record (the kernel's line about it: pid and start time) before it becomes itself, so there is
no moment in which it runs and is not known. A number that was given to another process since is never signalled.
"""

import hashlib
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vgateway.local.debian import PROGRAM_DIRECTORIES
from vgateway.local.errors import LocalError
from vgateway.local.waiting import wait_until

LOG_LINES = 12
"""How many last lines of a log explain a failed start."""

LAUNCH = """
for group in $2; do echo $$ > "$group/cgroup.procs" || exit 1; done
cat "/proc/$$/stat" > "$1.new" && mv "$1.new" "$1" || exit 1
shift 2
exec "$@"
"""
"""What becomes the program: it joins its groups and writes the record first."""

RECORDING_TAKES = 20.0
"""Seconds in which a program that was started must have written its record."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a program runs: a command that enters namespaces, and control groups to join."""

    enter: tuple[str, ...] = ()
    groups: tuple[Path, ...] = ()


HERE = Place()


@dataclass(frozen=True, slots=True)
class Program:
    """A program to run; ``name`` is ``scope/program`` and names its record and its log.

    It is started anew when its arguments or the contents of ``files`` have changed. ``listens`` are the (address,
    port) pairs that must be free.
    """

    name: str
    arguments: tuple[str, ...]
    place: Place = HERE
    files: tuple[Path, ...] = ()
    listens: tuple[tuple[str, int], ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    def fingerprint(self) -> str:
        """Return a name for all that decides how it runs."""
        digest = hashlib.sha256(repr((self.arguments, self.place.enter, sorted(self.environment.items()))).encode())
        for file in self.files:
            digest.update(hashlib.sha256(file.read_bytes()).digest())
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Process:
    """A process as the kernel tells it apart from any other before or after it."""

    pid: int
    started: int


class Processes:
    """The programs of one instance: their records in ``records``, their logs in ``logs``."""

    def __init__(self, records: Path, logs: Path) -> None:
        self._records = records
        self._logs = logs

    def ensure(self, program: Program) -> bool:
        """Start the program unless it runs as wanted; say whether it had to be started.

        Raises LocalError when a port that it listens on is taken, or it cannot even begin.
        """
        fingerprint = program.fingerprint()
        wanted = self._wanted(program.name)
        if self.running(program.name):
            if wanted.exists() and wanted.read_text() == fingerprint:
                return False
            self.stop([program.name])
        _refuse_taken_ports(program)
        wanted.parent.mkdir(parents=True, exist_ok=True)
        self.log(program.name).parent.mkdir(parents=True, exist_ok=True)
        wanted.write_text(fingerprint)
        self._launch(program)
        return True

    def running(self, name: str) -> Process | None:
        """Return the program's process if it is alive."""
        recorded = read_stat(self._record(name))
        return recorded if recorded and is_alive(recorded) else None

    def names(self, scope: str = "") -> list[str]:
        """Return every program with a record, or those of one scope."""
        found = sorted(str(path.relative_to(self._records).with_suffix("")) for path in self._records.rglob("*.stat"))
        return [name for name in found if not scope or name.startswith(f"{scope}/")]

    def log(self, name: str) -> Path:
        """Return the program's log file."""
        return self._logs / f"{name}.log"

    def stop(self, names: Iterable[str], *, grace: float = 0.0) -> None:
        """End programs, after ``grace`` seconds by force, and forget them; itself is left alone."""
        targets = {name: process for name in names if (process := self.running(name)) and process.pid != os.getpid()}
        if grace:
            _signal(targets.values(), signal.SIGTERM)
            wait_until(lambda: not any(map(is_alive, targets.values())), grace)
        _signal(targets.values(), signal.SIGKILL)
        wait_until(lambda: not any(map(is_alive, targets.values())), RECORDING_TAKES)
        for name in names:
            self._record(name).unlink(missing_ok=True)
            self._wanted(name).unlink(missing_ok=True)

    def await_ready(self, name: str, ready: Callable[[], bool], seconds: float) -> None:
        """Wait until ``ready``; raises LocalError with the log's last lines if the program ends or takes too long."""
        ended = False

        def settled() -> bool:
            nonlocal ended
            if ready():
                return True
            ended = self.running(name) is None
            return ended

        if not wait_until(settled, seconds):
            raise LocalError(self._failure(name, f"was not ready within {seconds:.0f} s"))
        if ended:
            raise LocalError(self._failure(name, "ended"))

    def refuse_dead(self, names: Iterable[str]) -> None:
        """Raise LocalError with the last lines of its log for the first program that does not run any more."""
        for name in names:
            if self.running(name) is None:
                raise LocalError(self._failure(name, "ended"))

    def _failure(self, name: str, what: str) -> str:
        return f"{name} {what}; the end of {self.log(name)}:\n{last_lines(self.log(name), LOG_LINES)}"

    def _launch(self, program: Program) -> None:
        record = self._record(program.name)
        record.unlink(missing_ok=True)
        groups = " ".join(map(str, program.place.groups))
        # setsid forks: the program's parent is init, and no signal of our terminal reaches it.
        launch = ["setsid", "--fork", "sh", "-c", LAUNCH, "sh", str(record), groups]
        with self.log(program.name).open("ab") as log:
            subprocess.run(
                [*launch, *program.place.enter, *program.arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment() | dict(program.environment),
                check=True,
            )
        if not wait_until(record.exists, RECORDING_TAKES):
            raise LocalError(self._failure(program.name, "could not be started"))

    def _record(self, name: str) -> Path:
        return self._records / f"{name}.stat"

    def _wanted(self, name: str) -> Path:
        return self._records / f"{name}.wanted"


def environment() -> dict[str, str]:
    """Return our environment with the system's own directories at the end of PATH, where users often lack them."""
    return dict(os.environ) | {"PATH": os.pathsep.join((os.environ.get("PATH", ""), *PROGRAM_DIRECTORIES))}


def run(arguments: Sequence[str], *, stdin: bytes = b"", variables: Mapping[str, str] | None = None) -> str:
    """Run a command to its end and return what it printed. Raises LocalError with its own words when it fails."""
    try:
        done = subprocess.run(
            arguments, input=stdin, capture_output=True, env=environment() | dict(variables or {}), check=False
        )
    except FileNotFoundError:
        raise LocalError(f"{arguments[0]} is not installed") from None
    if done.returncode != 0:
        words = (done.stderr.strip() or done.stdout.strip() or b"it said nothing").decode(errors="replace")
        raise LocalError(f"{' '.join(arguments)} failed: {words}")
    return done.stdout.decode(errors="replace")


def find_program(name: str) -> str:
    """Return a system program's path. Raises LocalError when it is not installed."""
    path = shutil.which(name, path=environment()["PATH"])
    if path is None:
        raise LocalError(f"{name} is not installed")
    return path


def read_stat(path: Path) -> Process | None:
    """Read the kernel's line about a process; None when there is none."""
    try:
        return parse_stat(path.read_text())
    except (FileNotFoundError, ProcessLookupError, ValueError, IndexError):
        return None


def parse_stat(line: str) -> Process:
    """Read pid and start time from a line of ``/proc/PID/stat``; the name in it may hold anything."""
    return Process(int(line.split(maxsplit=1)[0]), int(line.rpartition(")")[2].split()[19]))


def is_alive(process: Process) -> bool:
    """Say whether this very process runs; one that ended and waits for its parent does not."""
    try:
        line = Path(f"/proc/{process.pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return parse_stat(line) == process and line.rpartition(")")[2].split()[0] not in {"Z", "X"}


def last_lines(path: Path, count: int) -> str:
    """Return the end of a log; empty when there is none."""
    if not path.exists():
        return ""
    return "\n".join(path.read_text(errors="replace").splitlines()[-count:])


def _signal(processes: Iterable[Process], number: signal.Signals) -> None:
    for process in processes:
        if is_alive(process):
            try:
                os.kill(process.pid, number)
            except ProcessLookupError:
                continue


def _refuse_taken_ports(program: Program) -> None:
    """Raise LocalError naming the first port that somebody else listens on."""
    for address, port in program.listens:
        if not can_listen(address, port):
            raise LocalError(f"{program.name}: port {port} of {address} is taken by another program")


def can_listen(address: str, port: int) -> bool:
    """Say whether nobody listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
            probe.listen(1)
        except OSError:
            return False
    return True
