"""What the host made behind copies of the tenant's objects, shown under the host's names: real volumes and contents.

The tenant may delete them and say what is to become of them; all else is the host's. A finalizer keeps what is shown
until the host's is gone, so that a deletion is not lost. A look-alike without anything real behind it is replaced.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from vgateway.kube.objects import (
    HostKey,
    HostObj,
    Obj,
    Resource,
    VirtualKey,
    annotations,
    get_path,
    is_deleting,
    metadata,
    set_path,
    uid,
)
from vgateway.kube.ownership import PREFIX, owner_of
from vgateway.syncer.kind import READ, DerivedKind, Rights, Side, Source, Wake, delete_host, same_key
from vgateway.syncer.kinds.backing import CONTENT, HELD_BY, HOST_UID, VOLUME, Backing, Held, held, virtual_reference
from vgateway.syncer.kinds.imported import imported
from vgateway.syncer.kinds.volume import is_fake
from vgateway.syncer.resources import SNAPSHOTCONTENTS, VOLUMES
from vgateway.syncer.steps import PatchHost, PatchVirtual, Step
from vgateway.syncer.view import View

HOST_POLICY = f"{PREFIX}/host-policy"
"""The host's policy as it was shown: a tenant's object that differs has been changed by the tenant."""
KEEP = f"{PREFIX}/from-host"
PROTECTION = "kubernetes.io/pv-protection"
# The host's own Secrets are none of the tenant's business.
PRIVATE_FIELDS = ("SecretRef", "secretRef")
PRIVATE_KEYS = ("-secret-name", "-secret-namespace")


class ShownKind(DerivedKind):
    """Everything of one resource that the host made behind the tenant's objects."""

    backing: Backing

    @property
    def name(self) -> str:
        """The resource's own: it takes the place of a kind that only shows looks."""
        return self.resource.plural

    @property
    def wakes(self) -> tuple[Wake, ...]:
        """The object on either side, which have one name, and what it stands behind."""
        own = (Wake(Side.HOST, self.resource, same_key), Wake(Side.VIRTUAL, self.resource, same_key))
        return (*own, Wake(Side.HOST, self.backing.of, self.backing.behind))

    @property
    def reads(self) -> tuple[Source, ...]:
        """All of the host's: whose they are is known by what they refer to."""
        return tuple(source for side in Side for source in self.backing.sources(side))

    @property
    def host_rights(self) -> Mapping[Resource, Rights]:
        """Reading all of the cluster's; marking, and deleting what the tenant deletes."""
        return {self.resource: {"": (*READ, "patch", "delete")}}

    def desired(self, key: VirtualKey, view: View) -> Obj | None:
        """Return what the tenant should see; nothing of one that is on its way out, on either side."""
        host, have = self._host(key, view), self.existing(key, view)
        found = None if host is None else held(self.backing, host, view)
        if host is None or found is None or any(map(is_deleting, (host, have or {}))):
            return None
        copy = shown(self.backing, host, found, have or {})
        of, path = view.virtual_obj(self.backing.of, found.key), self.backing.class_name
        # A class of the tenant's own making has another name on the host.
        if name := get_path(of or {}, path) or get_path(have or {}, path):
            set_path(copy, path, name)
        return copy

    def managed(self, obj: Obj, view: View) -> bool:
        """What came from the host, and looks of what is there really."""
        return HOST_UID in annotations(obj) or is_fake(obj)

    def replaces(self, have: Obj, want: Obj) -> bool:
        """Another object of the host's, or only the looks of one."""
        return annotations(have).get(HOST_UID) != annotations(want)[HOST_UID]

    def prepare(self, want: Obj, view: View) -> Iterator[Step]:
        """Mark the host's object while it can be proved whose it is, and take the tenant's policy there."""
        key = VirtualKey("", want["metadata"]["name"])
        host, have = self._host(key, view), self.existing(key, view)
        found = None if host is None else held(self.backing, host, view)
        if host is None or found is None:
            return
        patch: Obj = {}
        if annotations(host).get(HELD_BY) != found.mark(view.names):
            patch["metadata"] = {"annotations": {HELD_BY: found.mark(view.names)}}
        if (policy := own_policy(self.backing, host, have or {})) != get_path(host, self.backing.policy):
            set_path(patch, self.backing.policy, policy)
        if patch:
            yield PatchHost(self.resource, HostKey("", key.name), patch, uid=uid(host))

    def let_go(self, key: VirtualKey, have: Obj, view: View) -> Iterator[Step]:
        """Delete the host's object, if it is the one that the tenant deleted; once that is gone let go of this one."""
        host = self._host(key, view)
        found = None if host is None else held(self.backing, host, view)
        same = host is not None and annotations(have).get(HOST_UID) == uid(host)
        told = get_path(have, f"{self.backing.reference}.uid")
        if host is not None and same and found is not None and found.uid == told:
            if not is_deleting(host):
                yield delete_host(self.resource, host, "the tenant is deleting it")
            elif host.get("status") != have.get("status"):
                yield PatchVirtual(self.resource, key, {"status": host.get("status")}, "status")
        elif metadata(have).get("finalizers"):
            left = [one for one in metadata(have)["finalizers"] if one not in (KEEP, PROTECTION)]
            yield PatchVirtual(self.resource, key, {"metadata": {"finalizers": left or None}})

    def host_words(self, key: VirtualKey, view: View) -> Mapping[str, str]:
        """They are called the same on both sides."""
        return {}

    def _host(self, key: VirtualKey, view: View) -> HostObj | None:
        """Return the host's object, unless it is a copy of one that the tenant made."""
        host = view.host_obj(self.resource, HostKey("", key.name))
        return None if host is None or owner_of(view.names, self.resource, host) else host


class ShownVolumeKind(ShownKind):
    """The volumes that the host bound to the tenant's claims."""

    resource = VOLUMES
    backing = VOLUME


class ShownContentKind(ShownKind):
    """The contents of snapshots that the host took for the tenant."""

    resource = SNAPSHOTCONTENTS
    backing = CONTENT


def own_policy(backing: Backing, host: Mapping[str, Any], have: Mapping[str, Any]) -> Any:
    """Return what is to become of it: what the tenant changed that to, unless the host has changed it since."""
    theirs, told = get_path(host, backing.policy), annotations(have).get(HOST_POLICY)
    return theirs if told != theirs else get_path(have, backing.policy)


def shown(backing: Backing, host: HostObj, found: Held, have: Mapping[str, Any]) -> Obj:
    """Return a host object as the tenant should see it; ``have`` is what it sees now."""
    copy = imported(host)
    meta = copy["metadata"]
    policy = own_policy(backing, host, have)
    own = {key: value for key, value in annotations(copy).items() if key != HELD_BY and not key.endswith(PRIVATE_KEYS)}
    sign = {backing.sign: meta["name"]} if backing.sign else {}
    meta["annotations"] = own | {HOST_UID: uid(host), HOST_POLICY: str(policy)} | sign
    finalizers = metadata(have).get("finalizers") or []
    meta["finalizers"] = finalizers if KEEP in finalizers else [*finalizers, KEEP]
    copy["spec"] = without_private(copy["spec"])
    set_path(copy, backing.reference, virtual_reference(backing, found))
    set_path(copy, backing.policy, policy)
    return copy | {"status": host.get("status") or {}}


def without_private(value: Any) -> Any:
    """Leave out references to the host's Secrets, at any depth."""
    if not isinstance(value, Mapping):
        return value
    return {name: without_private(one) for name, one in value.items() if not name.endswith(PRIVATE_FIELDS)}
