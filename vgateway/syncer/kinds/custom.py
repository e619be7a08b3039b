"""Kinds that a configuration declares at run time: custom resources, and the definitions that they need.

A resource may come and go on either side. While one side lacks it, nothing is decided about its objects.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from vgateway.kube.names import Names
from vgateway.kube.objects import HostKey, HostObj, Obj, Resource, VirtualKey, VirtualObj, get_path, labels
from vgateway.syncer.kind import READ, DerivedKind, Rights, Side, Source, SyncedKind, Wake, same_key
from vgateway.syncer.kinds.event import FROM_HOST
from vgateway.syncer.kinds.imported import imported
from vgateway.syncer.resources import DEFINITIONS
from vgateway.syncer.rules import Push, Rule, pull, push
from vgateway.syncer.view import View

SPEC_AND_STATUS: tuple[Rule, ...] = (push("spec"), pull("status"))


def with_host_names(value: Any, path: Sequence[str], namespace: str, names: Names) -> Any:
    """Return a value with the names at a path translated; a step ``[]`` goes through a list."""
    if not path:
        return names.host_name(value, namespace) if isinstance(value, str) and value else value
    first, rest = path[0], path[1:]
    if first == "[]":
        return [with_host_names(one, rest, namespace, names) for one in value] if isinstance(value, list) else value
    if not isinstance(value, Mapping) or first not in value:
        return value
    return {**value, first: with_host_names(value[first], rest, namespace, names)}


def steps_of(path: str) -> tuple[str, ...]:
    """Return the steps of a path such as ``spec.tls[].secretName``."""
    return tuple(path.replace("[]", ".[]").split("."))


def push_naming(path: str, references: Sequence[str]) -> Push:
    """Declare a field that the tenant owns, in which ``references`` (whole paths) name objects beside it."""
    within = [steps_of(reference) for reference in references if reference.startswith(path)]

    def via(virtual: VirtualObj, _host: HostObj, view: View) -> Any:
        whole: Any = virtual
        for steps in within:
            whole = with_host_names(whole, steps, virtual["metadata"]["namespace"], view.names)
        return get_path(whole, path)

    return push(path, via=via)


class CustomResourceKind(SyncedKind):
    """The tenant's objects of one namespaced resource, by the rules that are declared for it."""

    def __init__(self, resource: Resource, rules: tuple[Rule, ...] = SPEC_AND_STATUS) -> None:
        self.resource = resource
        self.rules = rules

    @property
    def name(self) -> str:
        """With its group: plurals of groups may be alike."""
        return f"{self.resource.plural}.{self.resource.group}"

    @property
    def reads(self) -> tuple[Source, ...]:
        """Both sides, as soon as they have it."""
        return tuple(Source(side, self.resource, may_lack=True) for side in Side)


class DefinitionKind(DerivedKind):
    """The host's definition of one custom resource, in the tenant's cluster.

    When the host drops it the tenant's stays: with a definition goes every object of it.
    """

    resource = DEFINITIONS

    def __init__(self, custom: Resource) -> None:
        self._key = VirtualKey("", f"{custom.plural}.{custom.group}")

    @property
    def name(self) -> str:
        """Each definition by itself: only the declared ones are read."""
        return f"definition of {self._key.name}"

    @property
    def wakes(self) -> tuple[Wake, ...]:
        """The definition on either side."""
        return (Wake(Side.HOST, DEFINITIONS, same_key), Wake(Side.VIRTUAL, DEFINITIONS, same_key))

    @property
    def reads(self) -> tuple[Source, ...]:
        """One object of each side."""
        return tuple(Source(side, DEFINITIONS, everything=True, only=self._key) for side in Side)

    @property
    def host_rights(self) -> Mapping[Resource, Rights]:
        """Reading definitions."""
        return {DEFINITIONS: {"": READ}}

    def desired(self, key: VirtualKey, view: View) -> Obj | None:
        """Return the copy; conversion is left out, because its webhook is not in the tenant's cluster."""
        if key != self._key:
            return self.existing(key, view)
        host = view.host_obj(DEFINITIONS, HostKey("", key.name))
        if host is None:
            return self.existing(key, view)
        copy = imported(host)
        spec = {name: value for name, value in copy["spec"].items() if name != "conversion"}
        return copy | {"spec": spec | {"conversion": {"strategy": "None"}}}

    def managed(self, obj: Obj, view: View) -> bool:
        """Only what came from the host."""
        return labels(obj).get(FROM_HOST) == "true"
