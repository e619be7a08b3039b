"""Owns every long-running part of the process: starts them in order, notices a death, stops them together.

A runnable that returns or raises uninvited ends the process: the orchestrator restarts better than we can.
"""

import asyncio
from collections.abc import Sequence
from typing import Protocol

import structlog

log = structlog.get_logger(__name__)


class Runnable(Protocol):
    """Something that runs until it is cancelled.

    ``run`` ends its own work in ``finally`` when cancelled. ``ready`` is set once others may rely on it.
    ``name`` is what ``/readyz`` and the logs call it.
    """

    name: str
    ready: asyncio.Event

    async def run(self) -> None:
        """Run until cancelled."""
        ...


class RunnableEnded(RuntimeError):
    """A runnable returned although nobody asked it to stop."""


class Supervisor:
    """Runs groups of runnables: a group starts when the one before it is ready, and all stop together.

    The ``foundation`` starts first and outlives the groups: it answers probes while they drain.
    """

    def __init__(self, groups: Sequence[Sequence[Runnable]], foundation: Sequence[Runnable] = ()) -> None:
        self.groups = groups
        self.foundation = foundation
        self.draining = False

    def not_ready(self) -> list[str]:
        """Name what is not ready; empty means that the process may be sent traffic."""
        waiting = [part.name for group in (self.foundation, *self.groups) for part in group if not part.ready.is_set()]
        return ["draining", *waiting] if self.draining else waiting

    async def run(self, stop: asyncio.Event) -> None:
        """Run everything until ``stop`` is set, also when that is before everything has started.

        Raises the failure of a runnable (in an ``ExceptionGroup``) when one dies uninvited.
        """
        async with asyncio.TaskGroup() as lasting:
            foundation = _start(lasting, self.foundation)
            async with asyncio.TaskGroup() as tasks:
                started: list[asyncio.Task[None]] = []
                started.append(tasks.create_task(self._start_in_order(tasks, started), name="start"))
                await stop.wait()
                self.draining = True
                log.info("stopping")
                _cancel(started)
            _cancel(foundation)

    async def _start_in_order(self, tasks: asyncio.TaskGroup, started: list[asyncio.Task[None]]) -> None:
        for group in self.groups:
            started += _start(tasks, group)
            for part in group:
                await part.ready.wait()
        log.info("ready")


def _start(tasks: asyncio.TaskGroup, group: Sequence[Runnable]) -> list[asyncio.Task[None]]:
    return [tasks.create_task(_watched(part), name=part.name) for part in group]


def _cancel(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()


async def _watched(part: Runnable) -> None:
    await part.run()
    raise RunnableEnded(f"{part.name} ended by itself")
