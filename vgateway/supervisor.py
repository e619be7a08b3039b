"""Owns every long-running part of the process: starts them in order, notices a death, stops them in reverse.

A runnable that returns or raises uninvited ends the process: the orchestrator restarts better than we can.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
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
    """Runs groups of runnables: a group starts when the one before it is ready."""

    def __init__(self, groups: Sequence[Sequence[Runnable]]) -> None:
        self.groups = groups
        self.draining = False

    def not_ready(self) -> list[str]:
        """Name what is not ready; empty means that the process may be sent traffic."""
        waiting = [part.name for group in self.groups for part in group if not part.ready.is_set()]
        return ["draining", *waiting] if self.draining else waiting

    async def run(self, stop: asyncio.Event) -> None:
        """Run everything until ``stop`` is set, then end the groups in reverse order.

        Raises the failure of a runnable (in an ``ExceptionGroup``) when one dies uninvited.
        """
        async with AsyncExitStack() as stack:
            for group in self.groups:
                await stack.enter_async_context(_running(group))
                await _all_ready(group)
            log.info("ready")
            await stop.wait()
            self.draining = True
            log.info("stopping")


@asynccontextmanager
async def _running(group: Sequence[Runnable]) -> AsyncIterator[None]:
    """Run a group around the body; leaving the body cancels the group and waits for it."""
    async with asyncio.TaskGroup() as tasks:
        started = [tasks.create_task(_watched(part), name=part.name) for part in group]
        yield
        for task in started:
            task.cancel()


async def _watched(part: Runnable) -> None:
    await part.run()
    raise RunnableEnded(f"{part.name} ended by itself")


async def _all_ready(group: Sequence[Runnable]) -> None:
    for part in group:
        await part.ready.wait()
