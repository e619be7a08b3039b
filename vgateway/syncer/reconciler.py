"""One round of one key: gather what the stores show, plan, apply, remember.

Invariant: nothing is planned while a store still lacks a write of this key's own, so that no write is repeated.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from vgateway.kube.objects import HostObj, Obj, Resource, VirtualKey, VirtualObj
from vgateway.kube.ownership import is_labelled
from vgateway.syncer.apply import Applier, Write
from vgateway.syncer.events import Teller
from vgateway.syncer.futile import Futile
from vgateway.syncer.journal import Journal
from vgateway.syncer.kind import Kind, Side
from vgateway.syncer.memory import PATIENCE_SECONDS, Awaited, Memory, Work
from vgateway.syncer.outcome import Verdict
from vgateway.syncer.plan import plan
from vgateway.syncer.steps import (
    CreateHost,
    IssueTokens,
    PatchHost,
    PatchVirtual,
    Remember,
    Requeue,
    Step,
    Tell,
)
from vgateway.syncer.view import View
from vgateway.syncer.words import host_refusal, in_virtual_words

log = structlog.get_logger(__name__)

MAKES = (CreateHost, PatchHost, IssueTokens)
# Somebody who deleted the Service by mistake makes it again, and then everything is.
ORPHANED_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a round: seconds after which to look again, None to wait for news; how many steps wrote."""

    again: float | None = None
    writes: int = 0


class Reconciler:
    """Knows the kinds by name; holds what they remember."""

    def __init__(
        self,
        kinds: Sequence[Kind],
        view: View,
        applier: Applier,
        teller: Teller,
        is_listed: Callable[[Kind, VirtualKey], bool] = lambda _kind, _key: True,
    ) -> None:
        self.kinds: Mapping[str, Kind] = {}
        self.memory = Memory()
        self.journal = Journal()
        self._futile = Futile()
        self._view = view
        self._applier = applier
        self._teller = teller
        self._is_listed = is_listed
        self._owned = False
        self.take(kinds)

    def take(self, kinds: Sequence[Kind]) -> None:
        """Know these kinds from now on; what was remembered for others is forgotten."""
        self.kinds = {kind.name: kind for kind in kinds}
        self.memory.keep(self.kinds)

    async def reconcile(self, work: Work) -> Done:
        """Bring one key's twins together."""
        name, key = work
        kind, now = self.kinds.get(name), self._view.now()
        if kind is None or not self._is_listed(kind, key):
            return Done()  # nobody asks any more; or every key is looked at when the resource comes
        awaited = self.memory.waits(work, self._look)
        if awaited and not (self.memory.overdue(work, now) and await self._are_lost(awaited)):
            return Done(PATIENCE_SECONDS)
        self.memory.stop_waiting(work)
        again: float | None = None
        writes = 0
        for step in self._steps(kind, work):
            if not isinstance(step, Requeue | Remember):
                self.journal.takes(work, now, step)
            match step:
                case Requeue(after):
                    again = after if again is None else min(again, after)
                case Remember(seen):
                    self.memory.remember(work, seen)
                case Tell(reason, message, warning):
                    await self.tell(kind, key, reason, message, warning=warning)
                case PatchHost() | PatchVirtual() if self._futile.is_known(work, step, now):
                    continue
                case _:
                    log.debug(
                        "step", kind=name, virtual=str(key), step=type(step).__name__, why=getattr(step, "why", "")
                    )
                    written = await self._write(work, step)
                    writes += 1
                    if written is not None:
                        self.memory.wrote(work, self._view.now(), written)
        return Done(again, writes)

    def _steps(self, kind: Kind, work: Work) -> list[Step]:
        """Plan; but while the host Service is gone that owned everything there, nothing is made that would outlive us.

        It goes first when an installation is removed, and what it owned is collected while we still run.
        """
        steps = list(plan(kind, work[1], self._view, self.memory.seen(work)))
        if self._view.front_service() is not None:
            self._owned = True
        elif self._owned:
            return [Requeue(ORPHANED_SECONDS) if isinstance(step, MAKES) else step for step in steps]
        return steps

    async def _write(self, work: Work, step: Write) -> Awaited | None:
        """Apply a step; note whether a patch changed anything."""
        if not isinstance(step, PatchHost | PatchVirtual):
            return await self._applier.apply(step)
        before = self._version_of(step)
        written = await self._applier.apply(step)
        in_vain = written is not None and before != "" and written.version == before
        self._futile.note(work, step, self._view.now(), in_vain=in_vain)
        return written

    def _version_of(self, step: PatchHost | PatchVirtual) -> str:
        store = (self._view.host if isinstance(step, PatchHost) else self._view.virtual).get(step.resource)
        found = None if store is None else store.get(step.key.namespace, step.key.name)
        return "" if found is None else str(found["metadata"].get("resourceVersion", ""))

    async def tell(self, kind: Kind, key: VirtualKey, reason: str, message: str, *, warning: bool = True) -> None:
        """Write an Event on the tenant's object, if it is there."""
        virtual = self._view.tenants(kind.resource, key)
        if virtual is not None:
            await self._teller.tell(kind.resource, VirtualObj(virtual), reason, message, warning=warning)
        elif warning:
            log.warning("no object to tell it on", kind=kind.name, virtual=str(key), reason=reason, message=message)

    async def explain(self, work: Work, verdict: Verdict, error: Exception) -> None:
        """Tell the tenant of a failure, in the tenant's words."""
        name, key = work
        kind = self.kinds.get(name)
        if kind is None:
            return
        known = kind.host_words(key, self._view)
        words = str(error)
        say = host_refusal if verdict.tell == "HostRefused" else in_virtual_words
        await self.tell(kind, key, verdict.tell, say(words, self._view.names, known))

    def forget(self, work: Work) -> None:
        """Drop the memory of a key of which nothing is left."""
        name, key = work
        kind = self.kinds.get(name)
        if kind is None or self._view.tenants(kind.resource, key) is None:
            self.memory.forget(work)

    async def _are_lost(self, awaited: Sequence[Awaited]) -> bool:
        """Ask the API servers about writes that the stores do not show: a store may just be late."""
        for one in awaited:
            now = await self._applier.read(one)
            lost_label = one.side is Side.HOST and now is not None and not is_labelled(self._view.names, HostObj(now))
            if one.shown(now) and not lost_label:
                return False
        return True

    def relisted(self, side: Side, resource: Resource) -> list[Work]:
        """Return the keys with a write that the new list does not show."""
        return self.memory.relisted(side, resource, self._look)

    def _look(self, awaited: Awaited) -> Obj | None:
        stores = self._view.virtual if awaited.side is Side.VIRTUAL else self._view.host
        store = stores.get(awaited.resource)
        return None if store is None else store.get(awaited.namespace, awaited.name)
