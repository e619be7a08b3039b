"""The objects of one kind on one side, as compact bytes that are decoded on use.

One writer (the informer), many readers, all on one loop: a reader never sees half a change. What a reader gets is
its own copy. Versions of the two sides never meet, because each side's informer has a store of its own.
"""

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import orjson

from vgateway.kube.objects import Obj, Resource

Key = tuple[str, str]
IndexBy = Callable[[Obj], Iterable[str]]
Transform = Callable[[Obj], Obj]


class Change:
    """A hint that an object came, changed or went; ``old`` and ``new`` are decoded when somebody asks.

    Each is decoded once, and all who ask share it: copy before changing.
    """

    __slots__ = ("_new", "_new_raw", "_old", "_old_raw", "name", "namespace")

    def __init__(self, key: Key, old: bytes | None, new: bytes | None, *, decoded: Obj | None = None) -> None:
        """``decoded`` is the new object, where the writer has it at hand."""
        self.namespace, self.name = key
        self._old_raw = old
        self._old: Obj | None = None
        self._new_raw = new
        self._new = decoded

    @property
    def old(self) -> Obj | None:
        """The object before, None if there was none."""
        if self._old is None and self._old_raw is not None:
            self._old = orjson.loads(self._old_raw)
        return self._old

    @property
    def new(self) -> Obj | None:
        """The object now, None if it is gone."""
        if self._new is None and self._new_raw is not None:
            self._new = orjson.loads(self._new_raw)
        return self._new

    @property
    def came(self) -> bool:
        """Whether there was none before."""
        return self._old_raw is None

    @property
    def went(self) -> bool:
        """Whether there is none any more."""
        return self._new_raw is None

    def __repr__(self) -> str:
        verb = "added" if self.came else "removed" if self.went else "changed"
        return f"Change({verb} {self.namespace}/{self.name})"


def drop_managed_fields(obj: Obj) -> Obj:
    """Leave out the bookkeeping of server-side apply: half of a small object's size, and no use to us."""
    obj.get("metadata", {}).pop("managedFields", None)
    return obj


def key_of(obj: Obj) -> Key:
    """Return (namespace, name)."""
    meta = obj["metadata"]
    return sys.intern(meta.get("namespace") or ""), meta["name"]


class Index:
    """Which keys have a derived value; keeps the values of each key so that a change finds the old ones."""

    def __init__(self, by: IndexBy) -> None:
        self._by = by
        self._keys: dict[str, set[Key]] = {}
        self._values: dict[Key, tuple[str, ...]] = {}

    def put(self, key: Key, obj: Obj) -> None:
        """Take over an object's present values."""
        values = tuple(set(self._by(obj)))
        if values == self._values.get(key, ()):
            return
        self.remove(key)
        for value in values:
            self._keys.setdefault(value, set()).add(key)
        if values:
            self._values[key] = values

    def remove(self, key: Key) -> None:
        """Forget an object."""
        for value in self._values.pop(key, ()):
            keys = self._keys[value]
            keys.discard(key)
            if not keys:
                del self._keys[value]

    def keys(self, value: str) -> Iterable[Key]:
        """Return the keys that have the value, in order."""
        return sorted(self._keys.get(value, ()))

    def values(self) -> list[str]:
        """Return every value that some object has, in order."""
        return sorted(self._keys)


class Store:
    """Objects by (namespace, name), and by declared indexes."""

    def __init__(self, resource: Resource, transform: Transform = drop_managed_fields) -> None:
        self.resource = resource
        self._transform = transform
        self._raw: dict[Key, bytes] = {}
        self._indexes: dict[str, Index] = {}
        self._staged: dict[Key, bytes] = {}

    def get(self, namespace: str, name: str) -> Obj | None:
        """Return a copy of the object, None if there is none."""
        raw = self._raw.get((namespace, name))
        return None if raw is None else orjson.loads(raw)

    def raw(self, key: Key) -> bytes | None:
        """Return the object's JSON, the very same bytes until it changes; None if there is none."""
        return self._raw.get(key)

    def keys(self) -> Iterable[Key]:
        """Return every (namespace, name), as they are now."""
        return list(self._raw)

    def __len__(self) -> int:
        return len(self._raw)

    def __contains__(self, key: object) -> bool:
        return key in self._raw

    def __iter__(self) -> Iterator[Obj]:
        for raw in list(self._raw.values()):
            yield orjson.loads(raw)

    def as_news(self) -> Iterator[Change]:
        """Yield what is here as if it had just come."""
        for key, raw in list(self._raw.items()):
            yield Change(key, None, raw)

    def add_index(self, name: str, by: IndexBy) -> None:
        """Declare a look-up by derived values; objects that are here already are taken in."""
        index = self._indexes[name] = Index(by)
        for key, raw in self._raw.items():
            index.put(key, orjson.loads(raw))

    def by_index(self, name: str, value: str) -> list[Obj]:
        """Return copies of the objects with this value, in the order of their keys."""
        return [orjson.loads(self._raw[key]) for key in self._indexes[name].keys(value)]

    def keys_by_index(self, name: str, value: str) -> list[Key]:
        """Return the keys of the objects with this value without decoding any."""
        return list(self._indexes[name].keys(value))

    def index_values(self, name: str) -> list[str]:
        """Return every value that an index has, in order."""
        return self._indexes[name].values()

    @property
    def size_bytes(self) -> int:
        """What the objects take, without Python's overhead."""
        return sum(map(len, self._raw.values()))

    # The writer's part.

    def put(self, obj: Obj) -> Change | None:
        """Take an object over; None if it is what we had."""
        key, obj, raw = self._compact(obj)
        return self._replace(key, obj, raw)

    def remove(self, key: Key) -> Change | None:
        """Forget an object; None if there was none."""
        old = self._raw.pop(key, None)
        if old is None:
            return None
        for index in self._indexes.values():
            index.remove(key)
        return Change(key, old, None)

    def stage(self, objs: Iterable[Obj]) -> None:
        """Collect a part of a new list; readers see nothing of it yet."""
        for obj in objs:
            key, _, raw = self._compact(obj)
            self._staged[key] = raw

    def unstage(self) -> None:
        """Drop what was collected: the list broke off."""
        self._staged = {}

    def swap(self) -> list[Change]:
        """Make the collected list the content, all at once, and say what that changed.

        An object that was made anew under its name went and came, as a watch would have told.
        """
        staged, self._staged = self._staged, {}
        gone = [self.remove(key) for key in self.keys() if key not in staged or self._is_another(key, staged[key])]
        moved = [self._replace(key, None, raw) for key, raw in staged.items()]
        return [change for change in (*gone, *moved) if change is not None]

    def _is_another(self, key: Key, raw: bytes) -> bool:
        """Say whether a new list has another object under a name that we know."""
        old = self._raw[key]
        return old != raw and _uid(old) != _uid(raw)

    def _replace(self, key: Key, obj: Obj | None, raw: bytes) -> Change | None:
        old = self._raw.get(key)
        if old == raw:
            return None
        self._raw[key] = raw
        if self._indexes:
            decoded = orjson.loads(raw) if obj is None else obj
            for index in self._indexes.values():
                index.put(key, decoded)
        return Change(key, old, raw, decoded=obj)

    def _compact(self, obj: Obj) -> tuple[Key, Obj, bytes]:
        # Items of a list lack what a watch's objects have; both must give the same bytes.
        named: dict[str, Any] = {"apiVersion": self.resource.api_version, "kind": self.resource.kind, **obj}
        trimmed = self._transform(named)
        # A copy, because orjson's result keeps the room that it was written in: twice what it holds.
        return key_of(trimmed), trimmed, bytes(memoryview(orjson.dumps(trimmed)))


def _uid(raw: bytes) -> Any:
    return orjson.loads(raw)["metadata"].get("uid")
