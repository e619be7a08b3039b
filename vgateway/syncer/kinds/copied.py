"""What the tenant makes to stand behind its own objects, copied to the host under a translated name.

Deletion goes both ways as Kubernetes has it: the tenant's goes to the host, and what the host has reclaimed goes for
the tenant too. A copy that vanished otherwise is made again.
"""

from collections.abc import Iterable, Iterator

from vgateway.kube.objects import HostObj, VirtualKey, VirtualObj, is_deleting, metadata, uid, virtual_key
from vgateway.kube.ownership import owner_of
from vgateway.syncer.kind import Hint, Index, Side, Source, SyncedKind, Wake, delete_host
from vgateway.syncer.kinds.backing import Backing, is_reclaimed, is_shown
from vgateway.syncer.kinds.shown import PROTECTION
from vgateway.syncer.patch import merge_diff
from vgateway.syncer.steps import DeleteVirtual, PatchVirtual, Step
from vgateway.syncer.view import BY_HOLDER, View


class CopiedKind(SyncedKind):
    """The tenant's own objects of one resource; those that are shown are there already."""

    backing: Backing

    @property
    def name(self) -> str:
        """Apart from what the host made."""
        return f"tenant {self.resource.plural}"

    @property
    def wakes(self) -> tuple[Wake, ...]:
        """The twins, and what they stand behind."""
        of = (Wake(Side.VIRTUAL, self.backing.of, self._of_holder), Wake(Side.HOST, self.backing.of, self._of_copy))
        return (*super().wakes, *of)

    @property
    def reads(self) -> tuple[Source, ...]:
        """What is shown is followed as well."""
        return tuple(source for side in Side for source in self.backing.sources(side))

    @property
    def indexes(self) -> tuple[Index, ...]:
        """By what they stand behind."""
        return (Index(Side.VIRTUAL, self.resource, BY_HOLDER, self.backing.holder_values),)

    def wanted(self, virtual: VirtualObj, view: View) -> bool:
        """Only the tenant's own."""
        return not is_shown(virtual)

    def introduce(self, virtual: VirtualObj, view: View) -> Iterator[Step]:
        """Make the copy, unless the host has reclaimed it."""
        if is_reclaimed(self.backing, virtual, view):
            yield self._reclaim(virtual)
        else:
            yield from super().introduce(virtual, view)

    def leave(self, virtual: VirtualObj, host: HostObj, view: View) -> Iterator[Step]:
        """Follow the host where it reclaims; else the copy is made again once it is gone."""
        if is_reclaimed(self.backing, virtual, view):
            yield self._reclaim(virtual)
        yield from self._state(virtual, host)

    def dismiss(self, virtual: VirtualObj, host: HostObj, view: View) -> Iterator[Step]:
        """Delete the copy; as long as something holds it, the tenant sees its state."""
        yield from self._state(virtual, host)
        if not is_deleting(host):
            yield delete_host(self.resource, host, "the tenant is deleting the object")

    def bereave(self, virtual: VirtualObj, view: View) -> Iterator[Step]:
        """Take the protection off: the host has taken it off its own."""
        finalizers = metadata(virtual).get("finalizers") or []
        if PROTECTION in finalizers:
            left = [one for one in finalizers if one != PROTECTION]
            yield PatchVirtual(self.resource, virtual_key(virtual), {"metadata": {"finalizers": left or None}})

    def _reclaim(self, virtual: VirtualObj) -> Step:
        return DeleteVirtual(self.resource, virtual_key(virtual), uid(virtual), "the host has reclaimed it")

    def _state(self, virtual: VirtualObj, host: HostObj) -> Iterator[Step]:
        have, now = virtual.get("status") or {}, host.get("status") or {}
        if have != now:
            yield PatchVirtual(self.resource, virtual_key(virtual), {"status": merge_diff(have, now)}, "status")

    def _of_holder(self, hint: Hint, view: View) -> Iterable[VirtualKey]:
        return view.virtual_keys(self.resource, BY_HOLDER, str(hint.key))

    def _of_copy(self, hint: Hint, view: View) -> Iterable[VirtualKey]:
        owner = owner_of(view.names, self.backing.of, HostObj(hint.some))
        return () if owner is None else view.virtual_keys(self.resource, BY_HOLDER, str(owner))
