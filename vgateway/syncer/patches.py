"""Patches of the configuration: fields that have another value on the other side. Once for every kind. Pure.

A kind never learns of them. It is shown the host as it would be without them, and what it wants to write is patched
on its way: so whatever compares or changes the twins does so in the kind's own terms, and at rest nothing differs.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from vgateway.config.paths import EVERY, Path
from vgateway.kube.objects import Obj, VirtualKey, annotations, labels
from vgateway.kube.ownership import PREFIX
from vgateway.syncer.view import View

Where = tuple[str | int, ...]


class PatchFailed(Exception):
    """A patch that cannot be applied to an object; the text names the patch and says why."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What a change may look at beside its value: the objects as they are, and which of them is being made."""

    view: View
    virtual: Mapping[str, Any] | None
    host: Mapping[str, Any] | None
    whole: Mapping[str, Any]


Names = Callable[[Any, Mapping[str, Any]], tuple[str, VirtualKey] | None]
"""From a value and the object that it is in to the kind and key of another object that it names, if it names one."""
Change = Callable[[Any, Where, Scene], Any]
"""From a value, where it is and the scene to what it becomes; None takes it away. Raises PatchFailed."""


@dataclass(frozen=True, slots=True)
class Patch:
    """One patch, ready to be applied; ``name`` is its path in the configuration.

    ``names`` says what the tenant's value refers to.
    """

    name: str
    text: str
    path: Path
    forward: Change | None = None
    backward: Change | None = None
    names: Names | None = None


@dataclass(frozen=True, slots=True)
class Patches:
    """The patches of one kind, in their order."""

    each: tuple[Patch, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.each)

    def referred(self, obj: Mapping[str, Any]) -> Iterator[tuple[str, VirtualKey]]:
        """Yield kind and key of everything that a tenant's object refers to at a patched place."""
        for patch in self.each:
            if patch.names is not None:
                for at in places(obj, patch.path):
                    if (named := patch.names(at_place(obj, at), obj)) is not None:
                        yield named

    def forward(self, plain: Obj, view: View, virtual: Mapping[str, Any] | None, host: Mapping[str, Any] | None) -> Obj:
        """Return an object as it should be on the other side. Raises PatchFailed."""
        found: Any = plain
        for patch in self.each:
            if patch.forward is not None:
                found = _changed(found, patch.path, patch.forward, Scene(view, virtual, host, plain))
        return protected(plain, found)

    def backward(self, host: Mapping[str, Any], plain: Obj, patched: Obj, view: View, virtual: Obj) -> Any:
        """Return a host object as it would be without the patches: what they made of ``plain`` is ``patched``."""
        found: Any = shown(host, patched, plain)
        for patch in self.each:
            if patch.backward is not None:
                scene = Scene(view, virtual, host, host)
                for at in places(found, patch.path):
                    value = at_place(found, at)
                    if value == at_place(host, at) != at_place(patched, at):
                        found = with_value(found, at, patch.backward(value, at, scene))
        return found


NO_PATCHES = Patches()
MISSING: Any = object()


def _changed(obj: Any, path: Path, change: Change, scene: Scene) -> Any:
    # Backwards, because an element that is taken away moves those after it.
    for at in reversed(list(places(obj, path))):
        value = at_place(obj, at)
        new = change(value, at, scene)
        if new != value:
            obj = with_value(obj, at, new)
    return obj


def places(obj: Any, path: Path, before: Where = ()) -> Iterator[Where]:
    """Yield where a path leads in an object; nowhere, if it lacks a step."""
    if not path:
        yield before
        return
    step, rest = path[0], path[1:]
    if step is EVERY:
        steps: Any = sorted(obj) if isinstance(obj, Mapping) else range(len(obj)) if isinstance(obj, list) else ()
        for one in steps:
            yield from places(obj[one], rest, (*before, one))
    elif _has(obj, step):
        yield from places(obj[step], rest, (*before, step))


def _has(obj: Any, step: Any) -> bool:
    if isinstance(obj, Mapping):
        return step in obj
    return isinstance(obj, list) and isinstance(step, int) and step < len(obj)


def at_place(obj: Any, at: Where) -> Any:
    """Return the value at a place, None where there is none."""
    for step in at:
        if not _has(obj, step):
            return None
        obj = obj[step]
    return obj


def with_value(obj: Any, at: Where, value: Any) -> Any:
    """Return an object with another value at a place that it has; None takes the place away."""
    if not at:
        return value
    inner = with_value(obj[at[0]], at[1:], value)
    keys = obj if isinstance(obj, Mapping) else range(len(obj))
    items = [(key, inner if key == at[0] else obj[key]) for key in keys]
    kept = [(key, one) for key, one in items if not (one is None and key == at[0])]
    return dict(kept) if isinstance(obj, Mapping) else [one for _, one in kept]


def protected(plain: Obj, patched: Any) -> Obj:
    """Put back the marks by which the engine knows an object, whatever a patch made of them. Raises PatchFailed."""
    meta = patched["metadata"]
    for name, own in (("labels", labels(plain)), ("annotations", annotations(plain))):
        found = meta.get(name) or {}
        if not isinstance(found, Mapping):
            raise PatchFailed(f"metadata.{name} must stay a map")
        others = {key: value for key, value in found.items() if not key.startswith(f"{PREFIX}/")}
        marks = {key: value for key, value in own.items() if key.startswith(f"{PREFIX}/")}
        meta = {**meta, **({name: {**others, **marks}} if name in meta else {})}
    return {**patched, "metadata": meta}


def shown(host: Any, patched: Any, plain: Any) -> Any:
    """Return what the host holds with plain and patched values in each other's place.

    So a patched value looks as the kind would have it, and one that is not patched, as one that is not as it should be.
    """
    if patched == plain:
        return host
    if host in (patched, plain):
        return plain if host == patched else patched
    if isinstance(host, Mapping) and isinstance(patched, Mapping) and isinstance(plain, Mapping):
        keys = {**host, **patched, **plain}
        found = {key: shown(host.get(key, MISSING), patched.get(key, MISSING), plain.get(key, MISSING)) for key in keys}
        return {key: one for key, one in found.items() if one is not MISSING}
    if isinstance(host, list) and isinstance(patched, list) and isinstance(plain, list):
        return [shown(*one) for one in aligned(host, patched, plain)]
    return host


def through(patch: Any, plain: Any, patched: Any, *, whole: bool = False) -> Any:
    """Return a merge patch that a kind wants to send, with patched values for plain ones, and the other way round.

    ``whole`` says that it is no patch but an object, in which null would not mean removal.
    """
    if plain == patched:
        return patch
    if patch in (plain, patched):
        return patched if patch == plain else plain
    if isinstance(patch, Mapping) and isinstance(plain, Mapping) and isinstance(patched, Mapping):
        found = {key: _key_through(key, patch, plain, patched, whole=whole) for key in {**patch, **patched}}
        return {key: one for key, one in found.items() if one is not MISSING}
    if isinstance(patch, list) and isinstance(plain, list) and isinstance(patched, list):
        return [through(*one, whole=True) for one in aligned(patch, plain, patched)]
    return patch


def _key_through(
    key: str, patch: Mapping[str, Any], plain: Mapping[str, Any], patched: Mapping[str, Any], *, whole: bool
) -> Any:
    value = patch.get(key, MISSING)
    if key in plain and key in patched:
        return value if value is MISSING else through(value, plain[key], patched[key], whole=whole)
    if key in patched and value in (MISSING, None):
        return patched[key]
    if key in plain and value == plain[key]:
        return MISSING if whole else None
    return value


def aligned(have: list[Any], one: list[Any], other: list[Any]) -> Iterator[tuple[Any, Any, Any]]:
    """Yield the elements with those of two other lists: by their names if all have some, else by their place.

    What neither list knows comes with nothing beside it.
    """
    names, others, own = _by_name(one), _by_name(other), _by_name(have)
    if own is not None and names is not None and others is not None and names.keys() == others.keys():
        for name, element in own.items():
            yield (element, names[name], others[name]) if name in names else (element, None, None)
    else:
        known = list(zip(one, other, strict=True)) if len(one) == len(other) else []
        for at, element in enumerate(have):
            yield (element, *known[at]) if at < len(known) else (element, None, None)


def _by_name(elements: list[Any]) -> dict[str, Any] | None:
    named = {one["name"]: one for one in elements if isinstance(one, Mapping) and "name" in one}
    return named if len(named) == len(elements) else None
