"""Keeps decoded forms of a store's objects until they change: a round asks for the same few objects again and again.

What it hands out is shared: readers copy before they change anything, as with every object that decisions see.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator

import orjson

from vgateway.kube.objects import Obj
from vgateway.kube.store import Change, Key, Store


class Decoded:
    """A look-up over a store.

    ``kept`` bounds how many decoded objects it holds, each several times as large as in the store; those asked for
    longest ago go first.
    """

    def __init__(self, store: Store, kept: int) -> None:
        self._store = store
        self._kept = kept
        self._known: OrderedDict[Key, tuple[bytes, Obj]] = OrderedDict()

    def get(self, namespace: str, name: str) -> Obj | None:
        """Return the shared object, None if there is none."""
        key = (namespace, name)
        raw = self._store.raw(key)
        if raw is None:
            self._known.pop(key, None)
            return None
        known = self._known.get(key)
        # The store keeps the very bytes for as long as the object does not change.
        if known is None or known[0] is not raw:
            known = self._known[key] = (raw, orjson.loads(raw))
        self._known.move_to_end(key)
        if len(self._known) > self._kept:
            self._known.popitem(last=False)
        return known[1]

    def keys_by_index(self, name: str, value: str) -> list[tuple[str, str]]:
        """Return the keys of the objects with this value."""
        return self._store.keys_by_index(name, value)

    def keys(self) -> Iterable[tuple[str, str]]:
        """Return every (namespace, name)."""
        return self._store.keys()

    def as_news(self) -> Iterator[Change]:
        """Yield what is there as if it had just come."""
        return self._store.as_news()

    def __iter__(self) -> Iterator[Obj]:
        return iter(self._store)

    def __contains__(self, key: object) -> bool:
        return key in self._store
