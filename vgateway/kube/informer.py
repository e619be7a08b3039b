"""Keeps a store equal to a collection on an API server, and tells subscribers what moved.

Runs the list-watch machine; every decision is there. Survives an API server that is down, slow or restored: readers
keep the last known content meanwhile. Subscribers get hints, not truth: what counts is what the store holds.
"""

import asyncio
import random
from collections.abc import Callable, Iterable
from contextlib import aclosing

import structlog

from vgateway.errors import ApiError
from vgateway.kube.backoff import Backoff
from vgateway.kube.client import ApiClient
from vgateway.kube.listwatch import (
    PAGE,
    Action,
    BackOff,
    Call,
    Input,
    List,
    Listed,
    ListFailed,
    ListWatch,
    Observed,
    Put,
    Remove,
    Stage,
    Started,
    Swap,
    Unstage,
    Vanish,
    Waited,
    Watch,
    WatchEnded,
    WatchFailed,
)
from vgateway.kube.objects import Resource
from vgateway.kube.store import Change, Store, Transform, drop_managed_fields, key_of

log = structlog.get_logger(__name__)

# A watch that lasted so long has done its work, though nothing happened.
BRIEF_SECONDS = 30.0

Wake = Callable[[Change], None]


class Informer:
    """Follows one collection of one side: a runnable, ready once its store holds the first list.

    ``present`` says whether the side serves the resource at all, as far as is known.
    """

    def __init__(
        self,
        client: ApiClient,
        resource: Resource,
        namespace: str = "",
        *,
        label_selector: str = "",
        field_selector: str = "",
        transform: Transform = drop_managed_fields,
        backoff: Backoff | None = None,
        chance: Callable[[], float] = random.random,
        page: int = PAGE,
        streaming: bool = False,
    ) -> None:
        self.name = f"{client.side} {resource.plural}" + (f" in {namespace}" if namespace else "")
        self.ready = asyncio.Event()
        self.store = Store(resource, transform)
        self.present = False
        self._client = client
        self._resource = resource
        self._namespace = namespace
        self._selectors = selectors(label_selector, field_selector)
        self._backoff = backoff or Backoff()
        self._chance = chance
        self._machine = ListWatch(page=page, streaming=streaming)
        self._wakes: list[Wake] = []
        self._relisted: list[Callable[[], None]] = []
        self._failed_anew: list[Callable[[ApiError], None]] = []
        self._failing = False
        self._metrics = client.metrics

    def subscribe(self, wake: Wake) -> None:
        """Have ``wake`` called, at once and in order, for every change of the store from now on."""
        self._wakes.append(wake)

    def on_list(self, relisted: Callable[[], None]) -> None:
        """Have ``relisted`` called after each list, before its changes are told: what came and went is not in it."""
        self._relisted.append(relisted)

    def on_failure(self, failed: Callable[[ApiError], None]) -> None:
        """Have ``failed`` called when the collection cannot be followed any more, once until it can again."""
        self._failed_anew.append(failed)

    async def run(self) -> None:
        """Follow the collection until cancelled."""
        self._metrics.objects.labels(self.name).set_function(lambda: len(self.store))
        self._metrics.bytes.labels(self.name).set_function(lambda: self.store.size_bytes)
        happened: Input = Started()
        try:
            while True:
                call = self._take(happened)
                assert call is not None, "only an event within a watch asks for nothing"
                happened = await self._perform(call)
        finally:
            self._metrics.objects.remove(self.name)
            self._metrics.bytes.remove(self.name)

    def _take(self, happened: Input) -> Call | None:
        """Feed the machine, change the store as it says and return what it wants done next."""
        call: Call | None = None
        for action in self._machine.on(happened):
            if isinstance(action, List | Watch | BackOff):
                call = action
            else:
                self._tell(self._change(action))
        return call

    def _change(self, action: Action) -> Iterable[Change | None]:
        match action:
            case Put(obj):
                return (self.store.put(obj),)
            case Remove(obj):
                return (self.store.remove(key_of(obj)),)
            case Stage(items):
                self.store.stage(items)
            case Unstage():
                self.store.unstage()
            case Swap():
                changes = self.store.swap()
                self._metrics.lists.labels(self.name).inc()
                log.debug("listed", informer=self.name, objects=len(self.store), changed=len(changes))
                self._recovered()
                self.present = True
                self.ready.set()
                for relisted in self._relisted:
                    relisted()
                return changes
            case Vanish():
                log.warning("the resource is gone", informer=self.name, objects=len(self.store))
                self.present = False
                return self.store.swap()
        return ()

    def _tell(self, changes: Iterable[Change | None]) -> None:
        for change in changes:
            if change is not None:
                for wake in self._wakes:
                    wake(change)

    async def _perform(self, call: Call) -> Input:
        match call:
            case List():
                return await self._list(call)
            case Watch():
                return await self._watch(call)
            case BackOff(failures, at_least):
                await asyncio.sleep(max(at_least, self._backoff.delay(failures, self._chance())))
                return Waited()

    async def _list(self, call: List) -> Input:
        try:
            found = await self._client.list(self._resource, self._namespace, **self._selectors, **list_query(call))
        except ApiError as error:
            self._failed("list failed", error)
            return ListFailed(error.code, error.retry_after)
        meta = found.get("metadata") or {}
        return Listed(found.get("items") or (), meta.get("resourceVersion", ""), meta.get("continue", ""))

    async def _watch(self, call: Watch) -> Input:
        began = asyncio.get_running_loop().time()
        events = self._client.watch(self._resource, self._namespace, **self._selectors, **watch_query(call))
        try:
            async with aclosing(events):
                async for event in events:
                    self._recovered()
                    self._take(Observed(event["type"], event["object"]))
        except ApiError as error:
            self._failed("watch failed", error)
            return WatchFailed(error.code, error.retry_after)
        return WatchEnded(brief=asyncio.get_running_loop().time() - began < BRIEF_SECONDS)

    def _failed(self, what: str, error: ApiError) -> None:
        """Say so once; a server that is down for an hour is one line, not thousands."""
        anew, self._failing = not self._failing, True
        say = log.warning if anew else log.debug
        say(what, informer=self.name, code=error.code, error=str(error))
        self._metrics.failures.labels(self.name, str(error.code)).inc()
        for failed in self._failed_anew if anew else ():
            failed(error)

    def _recovered(self) -> None:
        if self._failing:
            self._failing = False
            log.info("follows again", informer=self.name)


def selectors(label_selector: str, field_selector: str) -> dict[str, str]:
    """Return the query that narrows a collection."""
    asked = {"labelSelector": label_selector, "fieldSelector": field_selector}
    return {name: value for name, value in asked.items() if value}


def list_query(call: List) -> dict[str, str]:
    """Return the query of a page."""
    limit = {"limit": str(call.limit)} if call.limit else {}
    return limit | ({"continue": call.token} if call.token else {})


def watch_query(call: Watch) -> dict[str, str]:
    """Return the query of a watch, or of a streamed list."""
    if call.initial:
        return {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
    return {"resourceVersion": call.since}
