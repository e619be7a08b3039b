"""Objects that the gateway puts into the virtual cluster for the whole of it, as long as the configuration wants them.

An object is ours by the digest of what we last made of it, which it carries. As long as that is of what we want now,
the object is left alone but for what is kept to the letter, so that a tenant may tune it. An object without the mark
is the tenant's own and is never touched.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import ClassVar

import orjson

from vgateway.kube.objects import Obj, Resource, VirtualKey, annotations
from vgateway.kube.ownership import PREFIX
from vgateway.syncer.kind import DerivedKind, Hint, Side, Source, Wake
from vgateway.syncer.resources import NAMESPACES
from vgateway.syncer.view import View

APPLIED = f"{PREFIX}/applied-manifest"
NAMESPACE = "kube-system"
"""The namespace of the system; while nothing is there of the objects, that is what comes first."""


class AppliedKind(DerivedKind):
    """Objects of one resource, under keys that are known beforehand."""

    part: ClassVar[str]

    def __init__(self, resource: Resource, *keys: VirtualKey) -> None:
        self.resource = resource
        self.keys = keys

    @property
    def name(self) -> str:
        """Apart from the tenant's own objects of the resource."""
        return f"{self.part}-{self.resource.plural}"

    @property
    def wakes(self) -> tuple[Wake, ...]:
        """The objects, and the namespace of the system."""
        return (Wake(Side.VIRTUAL, self.resource, self._own), Wake(Side.VIRTUAL, NAMESPACES, self._first))

    def _own(self, hint: Hint, _view: View) -> Iterable[VirtualKey]:
        return (hint.key,) if hint.key in self.keys else ()

    def _first(self, hint: Hint, _view: View) -> Iterable[VirtualKey]:
        return self.keys if hint.key.name == NAMESPACE and hint.came else ()

    @property
    def reads(self) -> tuple[Source, ...]:
        """Of the resource only what may be ours."""
        return (Source(Side.VIRTUAL, self.resource, only=self.keys[0] if len(self.keys) == 1 else None),)

    def desired(self, key: VirtualKey, view: View) -> Obj | None:
        """Return the object as we make it; only what is kept to the letter if it was made so."""
        want = self.wanted(key, view)
        if want is None:
            return None
        have, made = self.existing(key, view), digest(want)
        if have is not None and annotations(have).get(APPLIED) == made:
            return self.kept(want)
        want["metadata"].setdefault("annotations", {})[APPLIED] = made
        return want

    def wanted(self, key: VirtualKey, view: View) -> Obj | None:
        """Return a new object of the present configuration, None if it asks for none."""
        raise NotImplementedError

    def kept(self, want: Obj) -> Obj:
        """Return the fields that are kept to the letter while the object is as it was made."""
        return {}

    def managed(self, obj: Obj, view: View) -> bool:
        """Say whether we made the object."""
        return APPLIED in annotations(obj)

    def host_words(self, key: VirtualKey, view: View) -> Mapping[str, str]:
        """Nothing of it is made on the host by this kind."""
        return {}


def digest(content: object) -> str:
    """Return what tells two contents apart."""
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]
