"""Lets one of several replicas do what must be done by one: all serve, the leader syncs.

A leader that cannot renew in time stops before another may begin; one that is stopped gives the lease back, so that
the next begins at once. A replica that does not lead keeps its caches warm and writes nothing.
"""

import asyncio
from datetime import UTC, datetime
from typing import Protocol

import structlog
from prometheus_client import CollectorRegistry, Gauge

from vgateway.errors import ApiError, NotFound
from vgateway.kube.client import ApiClient
from vgateway.kube.election import LEASES, Claim, Election

log = structlog.get_logger(__name__)

# How long a replica that stops may take over giving the lease back.
RELEASE_SECONDS = 2.0


class Work(Protocol):
    """What only a leader does."""

    async def run(self) -> None:
        """Work until cancelled; may be run again afterwards."""
        ...


class Leader:
    """Runs ``work`` while this process holds the lease."""

    name = "leader election"

    def __init__(self, election: Election, host: ApiClient, work: Work, registry: CollectorRegistry) -> None:
        self.ready = asyncio.Event()
        self.leads = False
        self._election = election
        self._host = host
        self._work = work
        self._held_since = 0.0
        self._trouble = ""
        gauge = Gauge("vgateway_leader", "1 while this replica syncs, 0 while another does.", registry=registry)
        gauge.set_function(lambda: float(self.leads))

    async def run(self) -> None:
        """Stand for election until cancelled."""
        self.ready.set()
        while True:
            if await self._claimed():
                try:
                    await self._lead()
                finally:
                    await self._release()
            await asyncio.sleep(self._election.terms.retry)

    async def _lead(self) -> None:
        log.info("leads", identity=self._election.identity, lease=self._election.name)
        self.leads = True
        try:
            async with asyncio.TaskGroup() as tasks:
                working = tasks.create_task(self._work.run(), name="led")
                await self._renewed_too_late()
                working.cancel()
        finally:
            self.leads = False
        log.warning("does not lead any more: the lease could not be renewed in time", lease=self._election.name)

    async def _renewed_too_late(self) -> None:
        """Return once the lease has not been renewed for so long that another may soon claim it."""
        terms = self._election.terms
        try:
            while True:
                async with asyncio.timeout_at(self._held_since + terms.renew):
                    await asyncio.sleep(terms.retry)
                    await self._claimed()
        except TimeoutError:
            pass

    async def _claimed(self) -> bool:
        """Try to hold the lease; say whether we do."""
        began = _now()
        try:
            lease = await self._read()
            claim = self._election.look(lease, began, datetime.now(UTC))
            if claim is not None:
                await self._write(claim)
        except ApiError as error:
            self._say(str(error))
            return False
        self._trouble = ""
        if claim is None:
            self._held_since = float("-inf")
            return False
        # What was asked for began to hold when it was asked for at the earliest.
        self._held_since = began
        return True

    async def _release(self) -> None:
        """Give the lease back if it is ours still; whoever comes next waits for it to run out otherwise."""
        try:
            async with asyncio.timeout(RELEASE_SECONDS):
                lease = await self._read()
                claim = None if lease is None else self._election.release(lease, datetime.now(UTC))
                if claim is not None:
                    await self._write(claim)
        except (ApiError, TimeoutError) as error:
            log.info("the lease could not be given back", lease=self._election.name, error=str(error))

    async def _read(self) -> dict[str, object] | None:
        try:
            return await self._host.get(LEASES, self._election.namespace, self._election.name)
        except NotFound:
            return None

    async def _write(self, claim: Claim) -> None:
        send = self._host.create if claim.new else self._host.update
        await send(LEASES, self._election.namespace, claim.body)

    def _say(self, trouble: str) -> None:
        """Log what keeps us from the lease, once and not with every try."""
        if trouble != self._trouble:
            self._trouble = trouble
            log.warning("cannot stand for election", lease=self._election.name, error=trouble)


def _now() -> float:
    return asyncio.get_running_loop().time()
