"""Keeps the decoded form of a store's objects until they change: for few objects that many decisions ask for.

What it hands out is shared: readers copy before they change anything, as with every object that decisions see.
"""

from collections.abc import Iterable, Iterator

from vgateway.kube.informer import Informer
from vgateway.kube.objects import Obj
from vgateway.kube.store import Change, Store


class Decoded:
    """A look-up over a store. It must hear of changes before anybody who acts on them: make it first."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[tuple[str, str], Obj | None] = {}

    @classmethod
    def of(cls, informer: Informer) -> "Decoded":
        """Return the look-up over an informer's store, subscribed to its changes."""
        found = cls(informer.store)
        informer.subscribe(found.forget)
        return found

    def forget(self, change: Change) -> None:
        """Decode an object anew when it is asked for next."""
        self._known.pop((change.namespace, change.name), None)

    def get(self, namespace: str, name: str) -> Obj | None:
        """Return the shared object, None if there is none."""
        key = (namespace, name)
        if key not in self._store:
            return None
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._store.get(namespace, name)
        return found

    def keys_by_index(self, name: str, value: str) -> list[tuple[str, str]]:
        """Return the keys of the objects with this value."""
        return self._store.keys_by_index(name, value)

    def keys(self) -> Iterable[tuple[str, str]]:
        """Return every (namespace, name)."""
        return self._store.keys()

    def __iter__(self) -> Iterator[Obj]:
        return iter(self._store)

    def __contains__(self, key: object) -> bool:
        return key in self._store
