"""Which keys are due at a given time, and whose turn it is. Pure: the time and the chance in a back-off are arguments.

Guarantees: a key waits once, however often it is added; a key that was taken is not handed out again until it is
done, and then at once if it was added meanwhile. Of several due times the earliest counts, of several ranks the most
urgent. More urgent ranks come more often, but each has its share. Within a rank groups, such as namespaces, take
turns: however many keys of one are due, the next key of another waits for one turn of each. A group may be held to a
number of keys that are worked on at once, so that one whose work hangs does not hold up all others.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from heapq import heapify, heappop, heappush
from typing import Generic, TypeVar

from vgateway.kube.backoff import Backoff

# How many outdated entries the heap may hold before it is cleared of them.
SLACK = 256

K = TypeVar("K", bound=Hashable)

# No group; groups may be anything else, None and the empty string too.
NOBODY = object()


class Rank(IntEnum):
    """How urgent a key is: what somebody asked for, what was reported of it, what is only told."""

    ASKED = 0
    REPORTED = 1
    TOLD = 2


# Whose turn it is; where the rank has nothing due, that of the most urgent key there is.
SHARES = (Rank.ASKED, Rank.ASKED, Rank.REPORTED, Rank.ASKED, Rank.ASKED, Rank.REPORTED, Rank.TOLD)


class Waiting:
    """A key that waits: when it is due and how urgent it is."""

    __slots__ = ("due", "rank", "ready")

    def __init__(self, due: float, rank: Rank) -> None:
        self.due = due
        self.rank = rank
        self.ready = False  # it is among those that take turns, not in the heap


class Turns(Generic[K]):
    """Keys that are due, in groups that take turns; within a group in the order in which they came due."""

    __slots__ = ("_groups",)

    def __init__(self) -> None:
        self._groups: OrderedDict[Hashable, OrderedDict[K, None]] = OrderedDict()

    def put(self, group: Hashable, key: K) -> None:
        """Append a key to its group, and a new group to the others."""
        self._groups.setdefault(group, OrderedDict())[key] = None

    def drop(self, group: Hashable, key: K) -> None:
        """Take a key out wherever it stands."""
        keys = self._groups[group]
        del keys[key]
        if not keys:
            del self._groups[group]

    def next_group(self, may: Callable[[Hashable], bool]) -> Hashable:
        """Return the first group in turn that may have one, NOBODY if there is none."""
        return next(filter(may, self._groups), NOBODY)

    def first(self, group: Hashable) -> K:
        """Return the key of a group whose turn it is, without taking it."""
        return next(iter(self._groups[group]))

    def take(self, group: Hashable) -> K:
        """Take the next key of a group; the group's next turn comes after all others'."""
        keys = self._groups.pop(group)
        key, _ = keys.popitem(last=False)
        if keys:
            self._groups[group] = keys
        return key


@dataclass(slots=True)
class WorkQueue(Generic[K]):
    """Keys with due times, in seconds of whatever clock the caller uses; ``group_of`` says which take turns."""

    backoff: Backoff = field(default_factory=Backoff)
    group_of: Callable[[K], Hashable] = lambda _key: None
    _waiting: dict[K, Waiting] = field(default_factory=dict)
    _heap: list[tuple[float, int, K]] = field(default_factory=list)
    _ready: tuple[Turns[K], ...] = field(default_factory=lambda: tuple(Turns() for _ in Rank))
    _shares: int = 0
    _pushed: int = 0
    _taken: set[K] = field(default_factory=set)
    _under_way: Counter[Hashable] = field(default_factory=Counter)
    _failures: dict[K, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def taken(self) -> int:
        """How many keys are being worked on."""
        return len(self._taken)

    def add(self, key: K, now: float, delay: float = 0.0, rank: Rank = Rank.ASKED) -> None:
        """Have the key handed out after the delay, or earlier if it waits for less already."""
        due, before = now + delay, self._waiting.get(key)
        if before is None:
            self._wait(key, Waiting(due, rank), now)
            return
        if rank < before.rank:
            self._promote(key, before, rank)
        if due < before.due and not before.ready:
            self._wait(key, Waiting(due, before.rank), now)

    def take(self, now: float, most: int | None = None) -> K | None:
        """Hand out a key that is due, of the group whose turn it is; None if none is due.

        A group that has ``most`` keys worked on is passed over.
        """
        self._ripen(now)
        found = self._next_turn((self._ready[SHARES[self._shares]], *self._ready), most)
        if found is None:
            return None
        self._shares = (self._shares + 1) % len(SHARES)
        turns, group = found
        key = turns.take(group)
        del self._waiting[key]
        self._taken.add(key)
        self._under_way[group] += 1
        return key

    def hold(self, key: K) -> bool:
        """Take a key whether or not it is due or waits at all; say no, and do nothing, if it is being worked on."""
        if key in self._taken:
            return False
        waiting = self._waiting.get(key)
        if waiting is not None and waiting.ready:
            self._ready[waiting.rank].drop(self.group_of(key), key)
            waiting.ready = False
        self._taken.add(key)
        return True

    def done(self, key: K) -> None:
        """Give a taken key back; it may be handed out again."""
        self._taken.discard(key)
        self._leave(self.group_of(key))
        waiting = self._waiting.get(key)
        if waiting is not None:
            self._push(key, waiting.due)

    def back_off(self, key: K, now: float, chance: float, rank: Rank = Rank.ASKED) -> float:
        """Have the key handed out later, after a failure; return the delay in seconds. ``chance`` is from 0 to 1."""
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        delay = self.backoff.delay(failures, chance)
        self.add(key, now, delay, rank)
        return delay

    def forget(self, key: K) -> None:
        """Forget the key's failures: it went well."""
        self._failures.pop(key, None)

    def next_due(self, most: int | None = None) -> float | None:
        """Say when a next key is due, None if none waits; those that are due and passed over do not count."""
        found = self._next_turn(self._ready, most)
        if found is not None:
            turns, group = found
            return self._waiting[turns.first(group)].due
        while self._heap:
            due, _, key = self._heap[0]
            if self._is_current(key, due):
                return due
            heappop(self._heap)
        return None

    def _next_turn(self, ranks: Iterable[Turns[K]], most: int | None) -> tuple[Turns[K], Hashable] | None:
        def may(group: Hashable) -> bool:
            return most is None or self._under_way[group] < most

        found = ((turns, turns.next_group(may)) for turns in ranks)
        return next((turn for turn in found if turn[1] is not NOBODY), None)

    def _leave(self, group: Hashable) -> None:
        self._under_way[group] -= 1
        if not self._under_way[group]:
            del self._under_way[group]

    def _wait(self, key: K, waiting: Waiting, now: float) -> None:
        self._waiting[key] = waiting
        if key in self._taken:
            return  # it is pushed when it is done
        if waiting.due <= now:
            self._make_ready(key, waiting)
        else:
            self._push(key, waiting.due)

    def _promote(self, key: K, waiting: Waiting, rank: Rank) -> None:
        if waiting.ready:
            group = self.group_of(key)
            self._ready[waiting.rank].drop(group, key)
            self._ready[rank].put(group, key)
        waiting.rank = rank

    def _ripen(self, now: float) -> None:
        """Move the keys that have come due among those that take turns."""
        while self._heap and self._heap[0][0] <= now:
            due, _, key = heappop(self._heap)
            if self._is_current(key, due):
                self._make_ready(key, self._waiting[key])

    def _make_ready(self, key: K, waiting: Waiting) -> None:
        waiting.ready = True
        self._ready[waiting.rank].put(self.group_of(key), key)

    def _is_current(self, key: K, due: float) -> bool:
        waiting = self._waiting.get(key)
        return waiting is not None and waiting.due == due and not waiting.ready and key not in self._taken

    def _push(self, key: K, due: float) -> None:
        if len(self._heap) > 2 * len(self._waiting) + SLACK:
            self._heap = [entry for entry in self._heap if self._is_current(entry[2], entry[0])]
            heapify(self._heap)
        self._pushed += 1
        heappush(self._heap, (due, self._pushed, key))
