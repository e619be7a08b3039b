"""Follows places of the host beside the virtual cluster's own namespace; which ones may change while the process runs.

Nobody waits for a place: it may not be there, and the right to read it may be missing. That is told once each time.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping

from vgateway.errors import ApiError
from vgateway.kube.informer import Informer
from vgateway.kube.objects import Resource
from vgateway.syncer.kind import Source
from vgateway.syncer.view import Lookup, Place

At = tuple[Resource, Place]


class Places:
    """A runnable that follows the present places; what is followed no more is forgotten with its store.

    ``lookups`` is one mapping for good, so that a view may hold it; ``complain`` hears of a place that cannot be read.
    """

    name = "places of the host"

    def __init__(
        self, informer: Callable[[Source], Informer], lookup: Callable[[Informer], Lookup], complain: "Complain"
    ) -> None:
        self.ready = asyncio.Event()
        self.informers: dict[At, Informer] = {}
        self.lookups: dict[At, Lookup] = {}
        self._informer = informer
        self._lookup = lookup
        self._complain = complain
        self._sources: dict[At, Source] = {}
        self._changed = asyncio.Event()

    def follow(self, wanted: Mapping[At, Source]) -> list[At]:
        """Follow these and no others; return those that are new, or read in another part than before."""
        fresh = [at for at, source in wanted.items() if self._sources.get(at) != source]
        for at in [at for at in self._sources if at not in wanted]:
            del self.informers[at], self.lookups[at], self._sources[at]
        for at in fresh:
            self._sources[at] = wanted[at]
            made = self.informers[at] = self._informer(wanted[at])
            self.lookups[at] = self._lookup(made)
            made.on_failure(self._about(at, made))
        self._changed.set()
        return fresh

    async def run(self) -> None:
        """Follow until cancelled."""
        self.ready.set()
        running: dict[Informer, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._changed.clear()
                wanted = set(self.informers.values())
                await _end(running.pop(one) for one in set(running) - wanted)
                for one in wanted - set(running):
                    running[one] = tasks.create_task(one.run(), name=one.name)
                await self._changed.wait()

    def _about(self, at: At, informer: Informer) -> Callable[[ApiError], None]:
        def failed(error: ApiError) -> None:
            if self.informers.get(at) is informer:
                self._complain(*at, error)

        return failed


Complain = Callable[[Resource, Place, ApiError], None]


def silent(_resource: Resource, _place: Place, _error: ApiError) -> None:
    """Hear of a place that cannot be read, and leave it at the informer's own line in the log."""


async def _end(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel tasks and wait for their end: who follows the same place next counts under the same name."""
    ending = list(tasks)
    for task in ending:
        task.cancel()
    if ending:
        await asyncio.wait(ending)
