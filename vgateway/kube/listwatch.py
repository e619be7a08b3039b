"""Following a collection: the decisions of list, watch, recover, as a machine fed with what happened.

``on(input)`` returns actions: changes of the store first, then at most one thing to do next (``List``, ``Watch``,
``BackOff``). No loop, clock or chance in here.

Guarantees: readers keep the old content until a new list is whole; after a gap the list makes up for what was
missed; a lost watch goes on from the last version seen; every failure waits before the next call. A resource that was
there and is denied for long enough is gone with all its objects, as when its definition was deleted.
Assumption: versions are opaque; the only ones used are those this server gave.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from vgateway.kube.objects import Obj

PAGE = 500
# A version can itself be the trouble (a store restored from a backup): after so many watches that the server failed,
# or let hang, look at everything. One that could not be reached, or has too much to do, says nothing about the version.
DOUBTS = 5
BUSY = (429, 503)
EXPIRED = 410
# A server that is starting may deny a custom resource for a moment; one that does so in so many lists in a row,
# which is for some ten seconds, means it.
DENIALS = 6
ABSENT = 404
INITIAL_EVENTS_END = "k8s.io/initial-events-end"


@dataclass(frozen=True, slots=True)
class Started:
    """Nothing is known yet."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A page came; ``more`` is the token of the next one, "" after the last."""

    items: Sequence[Obj]
    version: str
    more: str = ""


@dataclass(frozen=True, slots=True)
class ListFailed:
    """The list, or a page of it, failed; ``code`` is HTTP's."""

    code: int
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Observed:
    """The watch delivered an event that is no ERROR."""

    type: str
    obj: Obj


@dataclass(frozen=True, slots=True)
class WatchEnded:
    """The server ended the watch cleanly; ``brief`` says that it was sooner than anybody asked for."""

    brief: bool = True


@dataclass(frozen=True, slots=True)
class WatchFailed:
    """The watch was refused, broke off, hung or delivered an ERROR event."""

    code: int
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Waited:
    """The time to back off is over."""


Input = Started | Listed | ListFailed | Observed | WatchEnded | WatchFailed | Waited


@dataclass(frozen=True, slots=True)
class Stage:
    """Collect objects of a list that is not whole yet."""

    items: Sequence[Obj]


@dataclass(frozen=True, slots=True)
class Unstage:
    """Drop the collected objects."""


@dataclass(frozen=True, slots=True)
class Swap:
    """Make the collected objects the content."""


@dataclass(frozen=True, slots=True)
class Vanish:
    """The resource itself is gone: make nothing the content."""


@dataclass(frozen=True, slots=True)
class Put:
    """Add or replace one object."""

    obj: Obj


@dataclass(frozen=True, slots=True)
class Remove:
    """Take one object out."""

    obj: Obj


@dataclass(frozen=True, slots=True)
class List:
    """Read a page; ``limit`` 0 reads all at once."""

    limit: int = PAGE
    token: str = ""


@dataclass(frozen=True, slots=True)
class Watch:
    """Watch from a version; with ``initial`` the server first streams what there is, in place of a list."""

    since: str
    initial: bool = False


@dataclass(frozen=True, slots=True)
class BackOff:
    """Wait as long as so many failures in a row ask for, and not less than ``at_least`` seconds."""

    failures: int
    at_least: float = 0.0


Call = List | Watch | BackOff
Action = Stage | Unstage | Swap | Vanish | Put | Remove | Call


class ListWatch:
    """The state of following one collection.

    ``streaming`` starts with a streamed list (``sendInitialEvents``) and falls back to pages where the server
    refuses that.
    """

    def __init__(self, *, page: int = PAGE, streaming: bool = False) -> None:
        self._page = page
        self._streaming = streaming
        self._version = ""  # "" = nothing to go on from: list
        self._failures = 0
        self._doubts = 0
        self._denials = 0
        self._known = False  # the resource has been listed
        self._unpaged = False  # a page's token expired: the next list comes in one piece
        self._filling = False  # a streamed list is under way
        self._fruitful = False  # the present watch has delivered something

    def on(self, event: Input) -> list[Action]:
        """Take in what happened and say what to do."""
        match event:
            case Started() | Waited():
                return [self._next_call()]
            case Listed():
                return self._listed(event)
            case ListFailed():
                return self._list_failed(event)
            case Observed():
                return self._observed(event)
            case WatchEnded():
                return self._watch_ended(event)
            case WatchFailed():
                return self._watch_failed(event)

    def _next_call(self) -> Call:
        self._fruitful = False
        if self._version:
            return Watch(self._version)
        if self._streaming:
            self._filling = True
            return Watch("", initial=True)
        return List(0 if self._unpaged else self._page)

    def _listed(self, page: Listed) -> list[Action]:
        staged = Stage(page.items)
        if page.more:
            return [staged, List(self._page, page.more)]
        return [staged, Swap(), self._go_on_from(page.version)]

    def _go_on_from(self, version: str) -> Call:
        self._version = version
        self._unpaged = False
        self._all_is_well()
        return self._next_call()

    def _all_is_well(self) -> None:
        self._failures = self._doubts = self._denials = 0
        self._known = True

    def _list_failed(self, failed: ListFailed) -> list[Action]:
        # Only a token can expire in a list: what had come by then belongs to another time than what is to come.
        self._unpaged = failed.code == EXPIRED
        self._denials = self._denials + 1 if failed.code == ABSENT else 0
        gone: list[Action] = [Vanish()] if self._known and self._denials == DENIALS else []
        return [Unstage(), *gone, self._back_off(failed.retry_after)]

    def _observed(self, event: Observed) -> list[Action]:
        version = event.obj.get("metadata", {}).get("resourceVersion", "")
        self._fruitful = True
        if self._filling:
            return self._filled(event, version)
        self._version = version or self._version
        self._all_is_well()
        match event.type:
            case "ADDED" | "MODIFIED":
                return [Put(event.obj)]
            case "DELETED":
                return [Remove(event.obj)]
            case _:  # BOOKMARK, and whatever a later server may add: the version is all we take from it
                return []

    def _filled(self, event: Observed, version: str) -> list[Action]:
        if event.type == "ADDED":
            return [Stage((event.obj,))]
        marks = event.obj.get("metadata", {}).get("annotations") or {}
        if event.type == "BOOKMARK" and marks.get(INITIAL_EVENTS_END) == "true":
            self._filling = False
            self._version = version
            self._all_is_well()
            return [Swap()]
        return []

    def _watch_ended(self, ended: WatchEnded) -> list[Action]:
        if self._filling or (ended.brief and not self._fruitful):
            # Ended at once and without a word: a server that does so each time must not be asked in a loop.
            return self._watch_failed(WatchFailed(0))
        return [self._next_call()]

    def _watch_failed(self, failed: WatchFailed) -> list[Action]:
        undo: list[Action] = [Unstage()] if self._filling else []
        if self._filling and failed.code in (400, 422):
            self._streaming = self._filling = False
            return [*undo, self._next_call()]
        self._filling = False
        self._doubts += failed.code not in BUSY
        if failed.code == EXPIRED or self._doubts >= DOUBTS:
            self._version = ""
        return [*undo, self._back_off(failed.retry_after)]

    def _back_off(self, retry_after: float | None) -> BackOff:
        self._failures += 1
        return BackOff(self._failures, retry_after or 0.0)
