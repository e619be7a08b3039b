"""The workers: hand out keys that are due, as many at once as the host answers gladly, and judge what went wrong.

Holds the only ``except Exception`` of the syncer: one bad object must not stop the others.
"""

import asyncio
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from vgateway.errors import ApiError, TooManyRequests
from vgateway.kube.backoff import Backoff
from vgateway.syncer.memory import Awaited, Work
from vgateway.syncer.metrics import SyncerMetrics
from vgateway.syncer.outcome import Verdict, judge
from vgateway.syncer.pace import Pace
from vgateway.syncer.reconciler import Done, Reconciler
from vgateway.syncer.workqueue import Rank, WorkQueue

log = structlog.get_logger(__name__)

BACKOFF = Backoff(base=0.05, cap=30.0)
# A server that is down for an hour is worth a line a minute.
SAY_AGAIN_SECONDS = 60.0


class Controller:
    """A runnable that works off the queue until it is cancelled; hints may be added before it runs."""

    name = "syncer"

    def __init__(
        self,
        reconciler: Reconciler,
        metrics: SyncerMetrics,
        *,
        pace: Pace | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.ready = asyncio.Event()
        self.queue: WorkQueue[Work] = WorkQueue(BACKOFF, namespace_of)
        self.pace = pace or Pace()
        self._reconciler = reconciler
        self._metrics = metrics
        self._chance = chance
        self._woken = asyncio.Event()
        self._since: dict[Work, float] = {}
        self._silent_until = 0.0
        self._asleep = False
        metrics.watch(lambda: len(self.queue), lambda: self.queue.taken, lambda: self.pace.limit, self.oldest)

    def sleep(self) -> None:
        """Forget what waits and take no more hints until ``awake``: another process does the work."""
        self._asleep = True
        self._since.clear()
        self.queue = WorkQueue(BACKOFF, namespace_of)

    def awake(self) -> None:
        """Take hints again; whoever calls this sees to it that every key is looked at."""
        self._asleep = False

    def wake(self, work: Work, rank: Rank = Rank.ASKED) -> None:
        """Have a key looked at."""
        if self._asleep:
            return
        now = _now()
        self._since.setdefault(work, now)
        self.queue.add(work, now, rank=rank)
        self._woken.set()

    @contextmanager
    def instead_of_round(self, work: Work) -> Iterator[bool]:
        """Keep all rounds of a key away while the body runs, and look at it then; no, if one is under way just now."""
        held = self.queue.hold(work)
        try:
            yield held
        finally:
            if held:
                self.queue.done(work)
                self.wake(work)

    def expect(self, work: Work, awaited: Awaited) -> None:
        """Let no round of a key begin before its store shows what somebody else of this process has written."""
        self._reconciler.memory.wrote(work, time.time(), awaited)

    def oldest(self) -> float:
        """Return for how many seconds the key has waited that was woken first and not served since."""
        return _now() - min(self._since.values()) if self._since else 0.0

    @property
    def idle(self) -> bool:
        """Whether no key is due or being worked on."""
        due = self.queue.next_due()
        return not self.queue.taken and (due is None or due > _now())

    async def run(self) -> None:
        """Work until cancelled; what is under way then is cancelled too, and planned again after a restart."""
        async with asyncio.TaskGroup() as tasks:
            self.ready.set()
            while True:
                self._woken.clear()
                self._start_due(tasks)
                await self._something(self._next_start())

    def _start_due(self, tasks: asyncio.TaskGroup) -> None:
        now = _now()
        while self.pace.allows(self.queue.taken, now) and (work := self.queue.take(now, self.pace.share())) is not None:
            tasks.create_task(self._round(work))

    def _next_start(self) -> float | None:
        """Return the time at which something can start by itself, None if only an event can change that."""
        due = self.queue.next_due(self.pace.share())
        if due is None or self.queue.taken >= int(self.pace.limit):
            return None
        return max(due, self.pace.opens())

    async def _something(self, until: float | None) -> None:
        """Wait for a key, for the end of a round, or for a time."""
        try:
            async with asyncio.timeout_at(until):
                await self._woken.wait()
        except TimeoutError:
            pass  # a key has come due

    async def _round(self, work: Work) -> None:
        began = _now()
        try:
            done = await self._reconciler.reconcile(work)
        except Exception as error:  # noqa: BLE001 - the boundary: one bad object must not stop the rest
            await self._failed(work, error)
        else:
            self._succeeded(work, done)
        finally:
            self._metrics.took(work[0], _now() - began)
            self.queue.done(work)
            self._woken.set()

    def _succeeded(self, work: Work, done: Done) -> None:
        now = _now()
        if done.writes:
            self.pace.went_well(now)
        self.queue.forget(work)
        self._metrics.ended(work[0], "done")
        self._reconciler.journal.went_well(work)
        since = self._since.pop(work, None)
        if since is not None:
            self._metrics.lagged(work[0], now - since)
        if done.again is not None:
            self.queue.add(work, now, done.again, Rank.REPORTED)
        else:
            self._reconciler.forget(work)

    async def _failed(self, work: Work, error: Exception) -> None:
        verdict, now = judge(error), _now()
        self._metrics.ended(work[0], verdict.name)
        if verdict.busy:
            self._slow_down(verdict, error, now)
        if verdict.after is None:
            delay = self.queue.back_off(work, now, self._chance())
        else:
            delay = verdict.after
            self.queue.add(work, now, delay)
        self._reconciler.journal.failed(work, time.time(), verdict.name, str(error), round(delay, 3))
        # Of a server's state one line is enough, whoever meets it.
        say = log.error if verdict.unexpected else log.debug if verdict.busy else log.info
        say(
            "round failed",
            kind=work[0],
            virtual=str(work[1]),
            outcome=verdict.name,
            error=str(error),
            again_in=round(delay, 3),
            exc_info=error if verdict.name == "failed" else None,
        )
        if verdict.tell:
            await self._reconciler.explain(work, verdict, error)

    def _slow_down(self, verdict: Verdict, error: Exception, now: float) -> None:
        self._metrics.throttled.labels(verdict.name).inc()
        asked = error.retry_after if isinstance(error, ApiError) else None
        too_many = isinstance(error, TooManyRequests)
        if self.pace.slow_down(now, asked, too_many=too_many) and now >= self._silent_until:
            self._silent_until = now + SAY_AGAIN_SECONDS
            log.warning(
                "slowing down",
                why=str(error),
                pause=round(self.pace.opens() - now, 3),
                limit=int(self.pace.limit),
                waiting=len(self.queue),
            )


def namespace_of(work: Work) -> str:
    """Return what keys take turns by: one namespace with thousands of them must not keep another waiting."""
    return work[1].namespace


def _now() -> float:
    return asyncio.get_running_loop().time()
