"""Starts the programs of a benchmark, ends them whatever happens, and reads what they used from /proc."""

import contextlib
import os
import resource
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

READY_WITHIN = 60.0
ENDS_WITHIN = 10.0
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


class BenchmarkError(Exception):
    """The benchmark cannot go on; the message is one line for its user, a log's last lines may follow."""


@contextlib.contextmanager
def running(command: Sequence[str | Path], log: Path, port: int) -> Iterator[int]:
    """Run a program around the body, which starts once ``port`` on loopback accepts; give its process id.

    Raises BenchmarkError with the last lines of ``log`` when the program does not get that far.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        _wait_for(Path(command[0]).name, process, port, log)
        yield process.pid
    finally:
        _end(process)


def _wait_for(name: str, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + READY_WITHIN
    while not _accepts(port):
        if process.poll() is not None or time.monotonic() > end:
            lines = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
            raise BenchmarkError(f"{name} did not start:\n{lines}")
        time.sleep(0.02)


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask the program to end, then insist; its own children (nginx' worker) end with it."""
    family = _family(process.pid)
    process.terminate()
    try:
        process.wait(ENDS_WITHIN)
    except subprocess.TimeoutExpired:
        for pid in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, 9)
        process.wait()


def cpu_seconds(pid: int) -> float:
    """Return the CPU time, user and system, that a process and its children (which still run) have used so far."""
    return sum(int(ticks) for one in _family(pid) for ticks in _stat(one)[11:13]) / TICKS_PER_SECOND


def all_cpu_seconds() -> float:
    """Return the CPU time of everything that this process started: of what still runs, and of what has ended."""
    _, *children = _family(os.getpid())
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime + sum(map(cpu_seconds, children))


def own_cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process alone has used so far."""
    return sum(map(int, _stat(pid)[11:13])) / TICKS_PER_SECOND


def started_at(pid: int) -> float:
    """Return when a process was started, in seconds since the machine booted."""
    return int(_stat(pid)[19]) / TICKS_PER_SECOND


def resident_kib(pid: int) -> float:
    """Return the resident memory of a process and its children."""
    return sum(_resident(one) for one in _family(pid))


def _resident(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


def _family(pid: int) -> list[int]:
    """Return a process and its direct children."""
    numbers = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid, *(number for number in numbers if _parent(number) == pid)]


def _parent(pid: int) -> int | None:
    try:
        return int(_stat(pid)[1])
    except (FileNotFoundError, ProcessLookupError):
        return None


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the state on; the name before it may hold anything."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
