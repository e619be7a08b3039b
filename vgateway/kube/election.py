"""Which of several processes leads, decided over a Lease the way every Kubernetes client decides it. Pure.

The clocks of two machines are never compared: a lease has run out when its record has not changed for as long as it
says itself, by the clock of whoever looks. Every claim is conditional, so that of two that claim at once one is told.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from vgateway.kube.objects import Obj, Resource

LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease")


@dataclass(frozen=True, slots=True)
class Terms:
    """In seconds: how long a claim holds, after how long without renewal its holder gives up, how often to try.

    The holder gives up before others may claim, so that no two ever lead at once.
    """

    lease: float
    renew: float
    retry: float


@dataclass(frozen=True, slots=True)
class Claim:
    """The Lease to write: over the one that was looked at, or ``new`` where there was none."""

    body: Obj
    new: bool


@dataclass(slots=True)
class Election:
    """What one process, the ``identity``, makes of the Lease ``name`` in ``namespace``."""

    namespace: str
    name: str
    identity: str
    terms: Terms
    _record: Mapping[str, Any] = field(default_factory=dict)
    _since: float = 0.0

    def look(self, lease: Obj | None, now: float, date: datetime) -> Claim | None:
        """Return the claim to make, None while another's holds. ``now`` is of a clock that only goes forward."""
        if lease is None:
            meta = {"name": self.name, "namespace": self.namespace}
            return Claim({**_head(), "metadata": meta, "spec": self._spec({}, date)}, new=True)
        spec = lease.get("spec") or {}
        if spec != self._record:
            self._record, self._since = spec, now
        if self._is_held(spec) and now < self._since + float(spec.get("leaseDurationSeconds") or 0):
            return None
        return Claim({**lease, "spec": self._spec(spec, date)}, new=False)

    def release(self, lease: Obj, date: datetime) -> Claim | None:
        """Return the claim that lets the next one lead at once; None if it is not ours to give."""
        spec = lease.get("spec") or {}
        if spec.get("holderIdentity") != self.identity:
            return None
        given = {**spec, "holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": _micro(date)}
        return Claim({**lease, "spec": given}, new=False)

    def _is_held(self, spec: Mapping[str, Any]) -> bool:
        return spec.get("holderIdentity") not in (None, "", self.identity)

    def _spec(self, before: Mapping[str, Any], date: datetime) -> Obj:
        if before.get("holderIdentity") == self.identity:
            taken = {}
        else:
            changes = int(before.get("leaseTransitions") or 0) + 1 if before else 0
            taken = {"acquireTime": _micro(date), "leaseTransitions": changes}
        ours = {"holderIdentity": self.identity, "leaseDurationSeconds": int(self.terms.lease)}
        return {**before, **ours, **taken, "renewTime": _micro(date)}


def _head() -> Obj:
    return {"apiVersion": LEASES.api_version, "kind": LEASES.kind}


def _micro(date: datetime) -> str:
    """Write a time as a MicroTime: a Lease takes no other form."""
    return date.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
