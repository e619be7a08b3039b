"""Control groups: everything that a node starts stays in its group, containers too, so that nothing can be lost.

Works with version 1, version 2 and both at once. A group is the same relative path in every hierarchy.
"""

import os
import signal
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from vgateway.local.waiting import wait_until

ENDING_TAKES = 20.0
"""Seconds that killed processes may take to be gone."""


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """A mounted hierarchy of control groups; ``cpus`` says that a new group must be given CPUs and memory nodes."""

    root: Path
    cpus: bool = False


def hierarchies(mounts: str) -> list[Hierarchy]:
    """Read the hierarchies from the text of ``/proc/self/mounts``."""
    found = []
    for line in mounts.splitlines():
        _, root, kind, options, *_ = line.split()
        if kind in {"cgroup", "cgroup2"}:
            found.append(Hierarchy(Path(root), "cpuset" in options.split(",")))
    return found


def mounted() -> str:
    """Return what is mounted, as the kernel tells it."""
    return Path("/proc/self/mounts").read_text()


def make_groups(path: str) -> list[Path]:
    """Make the group ``path`` (relative) in every hierarchy; return its directories."""
    return [_make(hierarchy, path) for hierarchy in hierarchies(mounted())]


def end_group(path: str) -> bool:
    """Kill everything in the group and below, then remove it; say whether all went."""
    roots = [hierarchy.root / path for hierarchy in hierarchies(mounted())]
    ended = wait_until(lambda: not _kill(roots), ENDING_TAKES)
    return wait_until(lambda: not _remove(roots), ENDING_TAKES) and ended


def _make(hierarchy: Hierarchy, path: str) -> Path:
    group = hierarchy.root
    for step in Path(path).parts:
        parent, group = group, group / step
        group.mkdir(exist_ok=True)
        if hierarchy.cpus:
            # A version 1 cpuset refuses processes until it has both.
            for setting in ("cpuset.cpus", "cpuset.mems"):
                if (parent / setting).exists():
                    (group / setting).write_text((parent / setting).read_text())
    return group


def _kill(roots: Iterable[Path]) -> bool:
    """Kill what is there once; say whether anything was."""
    found = {pid for root in roots for pid in members(root)} - {os.getpid()}
    for pid in found:
        _signal(pid)
    return bool(found)


def members(root: Path) -> Iterator[int]:
    """Yield the processes of a group and those below it."""
    for listing in root.rglob("cgroup.procs") if root.exists() else ():
        try:
            yield from map(int, listing.read_text().split())
        except OSError:
            # The group went away meanwhile, or is a threaded one whose processes are listed above it.
            continue


def _signal(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _remove(roots: Iterable[Path]) -> bool:
    """Remove the empty groups; say whether any is left."""
    left = False
    for root in roots:
        below = sorted((path for path in root.rglob("*") if path.is_dir()), reverse=True) if root.exists() else []
        for group in [*below, root]:
            try:
                group.rmdir()
            except FileNotFoundError:
                continue
            except OSError:
                left = True
    return left
