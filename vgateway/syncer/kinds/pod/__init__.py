"""Pods: the tenant's spec runs on the host, the host's state comes back.

The parts: ``spec`` (with ``env``, ``volumes``, ``dns``, ``scheduling``, ``fields``) makes the host pod, ``updates``
and ``resize`` keep it, ``status`` (with ``messages``) reports it, ``ending`` ends it; ``refusal`` says what must not
run, and ``needs`` what must be there before.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

import orjson

from vgateway.kube.objects import (
    HostObj,
    Obj,
    Resource,
    VirtualKey,
    VirtualObj,
    get_path,
    metadata,
    uid,
    virtual_key,
)
from vgateway.kube.ownership import PREFIX
from vgateway.syncer.kind import READ, WRITE, Hint, Index, Rights, Side, Source, SyncedKind, Wake, delete_host
from vgateway.syncer.kinds.node import OWNER_SET
from vgateway.syncer.kinds.pod.ending import bereave, dismiss, leave, vanish
from vgateway.syncer.kinds.pod.fields import identity
from vgateway.syncer.kinds.pod.needs import (
    drop_tokens,
    issue_tokens,
    missing,
    needs_wakes,
    renew_tokens,
    token_name_taken,
    unmet,
    waiting_values,
)
from vgateway.syncer.kinds.pod.owners import POD_OWNERS
from vgateway.syncer.kinds.pod.refusal import refusal
from vgateway.syncer.kinds.pod.spec import host_spec
from vgateway.syncer.kinds.pod.status import gate_news, is_terminal, report, was_started
from vgateway.syncer.kinds.pod.updates import first_marks, spec_changes
from vgateway.syncer.kinds.references import PODS_REFER
from vgateway.syncer.kinds.wording import words_about
from vgateway.syncer.metadata import namespace_labels
from vgateway.syncer.resources import CONFIGMAPS, NAMESPACES, NODES, PODS, SECRETS, SERVICES
from vgateway.syncer.sources import namespace_values
from vgateway.syncer.steps import CreateHost, Requeue, Step, Tell
from vgateway.syncer.view import BY_NAMESPACE, BY_WAITING, View

OWNERS = f"{PREFIX}/owner-references"
SET_KINDS = {"DaemonSet": "apps/v1", "ReplicaSet": "apps/v1", "StatefulSet": "apps/v1", "Job": "batch/v1"}
SAFE_TO_EVICT = "cluster-autoscaler.kubernetes.io/safe-to-evict"
DAEMON_POD = "cluster-autoscaler.kubernetes.io/daemonset-pod"
# What is missing wakes the pod when it comes; this is for news that were lost.
WAIT_SECONDS = 15.0


def _pods_of_namespace(hint: Hint, view: View) -> Iterable[VirtualKey]:
    return view.virtual_keys(PODS, BY_NAMESPACE, hint.key.name)


class PodKind(SyncedKind):
    """The tenant's pods, each as one host pod."""

    resource = PODS
    owners = POD_OWNERS

    def __init__(self, *, accounts: bool = False, claims: bool = False) -> None:
        """Take note whether pods run under copies of their own ServiceAccounts, and may claim the host's devices."""
        needs = needs_wakes(accounts=accounts, claims=claims)
        self.also_wakes = (Wake(Side.VIRTUAL, NAMESPACES, _pods_of_namespace), *needs)

    @property
    def reads(self) -> tuple[Source, ...]:
        """What specs are translated by."""
        return tuple(Source(Side.VIRTUAL, resource) for resource in (SERVICES, CONFIGMAPS, SECRETS, NODES))

    @property
    def indexes(self) -> tuple[Index, ...]:
        """Pods by what they refer to and whether they wait; pods and services by namespace."""
        return (
            PODS_REFER.index,
            Index(Side.VIRTUAL, PODS, BY_NAMESPACE, namespace_values),
            Index(Side.VIRTUAL, PODS, BY_WAITING, waiting_values),
            Index(Side.VIRTUAL, SERVICES, BY_NAMESPACE, namespace_values),
        )

    @property
    def host_rights(self) -> Mapping[Resource, Rights]:
        """Pods, their subresources that we write, and the Secrets that hold their tokens."""
        own = {"": READ + WRITE, "status": ("patch",), "ephemeralcontainers": ("patch",), "resize": ("patch",)}
        return {PODS: own, SECRETS: {"": READ + WRITE}}

    def labels(self, virtual: VirtualObj, view: View) -> dict[str, str]:
        """The pod's own labels and those of its namespace."""
        namespace = view.virtual[NAMESPACES].get("", virtual["metadata"]["namespace"])
        return super().labels(virtual, view) | namespace_labels(view.names, namespace)

    def annotations(self, virtual: VirtualObj, view: View) -> dict[str, str]:
        """The pod's own annotations, and what the downward API and the host's tools read."""
        own = super().annotations(virtual, view)
        return owner_marks(virtual, own) | own | identity(virtual)

    def body(self, virtual: VirtualObj, view: View) -> Obj:
        """Return the host pod, with what it must remember of the tenant's spec."""
        body = super().body(virtual, view)
        body["metadata"]["annotations"] |= first_marks(virtual)
        return body

    def to_host(self, virtual: VirtualObj, view: View) -> Obj:
        """Return the host pod's spec."""
        return {"spec": host_spec(virtual, view)}

    def waits_for(self, virtual: VirtualObj, host: HostObj | None, view: View) -> Iterator[str]:
        """What is missing on the host, or what the host says of a pod that has not started."""
        if host is not None:
            return unmet(virtual, host, view)
        if told := refusal(virtual, view):
            return iter((told.message,))
        return missing(virtual, view)

    def introduce(self, virtual: VirtualObj, view: View) -> Iterator[Step]:
        """Start the pod, when all it needs is there; never start one a second time."""
        if is_terminal(virtual) or was_started(virtual):
            yield from drop_tokens(virtual_key(virtual), view)
            yield from vanish(virtual, _timestamp(view))
        elif told := refusal(virtual, view):
            yield from drop_tokens(virtual_key(virtual), view)
            yield told
        elif awaited := list(missing(virtual, view)):
            yield from drop_tokens(virtual_key(virtual), view, keep=uid(virtual))
            if age(virtual, view) >= WAIT_SECONDS:
                yield Tell("Waiting", f"it cannot start yet: {'; '.join(awaited)}")
            yield Requeue(WAIT_SECONDS)
        elif taken := token_name_taken(virtual, view):
            yield from (taken, Requeue(WAIT_SECONDS))
        else:
            yield from issue_tokens(virtual, view)
            yield CreateHost(PODS, self.body(virtual, view))
            if get_path(virtual, "spec.ephemeralContainers"):
                yield Requeue(0.0)  # they can only be added to a pod that is there

    def agree(self, virtual: VirtualObj, host: HostObj, view: View) -> Iterator[Step]:
        """Bring state up and the tenant's changes down."""
        ours, theirs = get_path(virtual, "spec.nodeName"), get_path(host, "spec.nodeName")
        if ours and theirs and ours != theirs:
            yield delete_host(PODS, host, "it runs on another node than the tenant's pod is bound to")
            return
        yield from spec_changes(virtual, host, view)
        yield from gate_news(virtual, host)
        yield from report(virtual, host, view)
        # Last: tokens that cannot be renewed must not keep the tenant from seeing how its pod is.
        yield from renew_tokens(virtual, view)

    def dismiss(self, virtual: VirtualObj, host: HostObj, view: View) -> Iterator[Step]:
        """End the host pod with the tenant's grace."""
        return dismiss(virtual, host, view)

    def bereave(self, virtual: VirtualObj, view: View) -> Iterator[Step]:
        """Let the tenant's pod go, and its tokens."""
        yield from self.clean(VirtualKey(virtual["metadata"]["namespace"], virtual["metadata"]["name"]), view)
        yield from bereave(virtual)

    def leave(self, virtual: VirtualObj, host: HostObj, view: View) -> Iterator[Step]:
        """Follow a deletion that the host began."""
        return leave(virtual, host, view)

    def clean(self, key: VirtualKey, view: View) -> Iterator[Step]:
        """Remove the tokens of a pod that is gone."""
        return drop_tokens(key, view)

    def host_words(self, key: VirtualKey, view: View) -> Mapping[str, str]:
        """The pod's own name, and those of what it refers to."""
        virtual = view.virtual_obj(PODS, key)
        if virtual is None:
            return super().host_words(key, view)
        return words_about(PODS, virtual, view.host_obj(PODS, view.names.host_key(key)), view)


def owner_marks(virtual: VirtualObj, own: Mapping[str, str]) -> dict[str, str]:
    """Return the annotations about who made the pod, for tools of the host."""
    owners = get_path(virtual, "metadata.ownerReferences") or []
    if not owners:
        return {}
    marks = {OWNERS: orjson.dumps(owners).decode()}
    sets = [ref["kind"] for ref in owners if SET_KINDS.get(ref["kind"]) == ref.get("apiVersion")]
    if sets:
        marks[OWNER_SET] = sets[0]
    if "DaemonSet" in sets:
        marks[DAEMON_POD] = "true"
    if any(ref.get("controller") for ref in owners) and SAFE_TO_EVICT not in own:
        marks[SAFE_TO_EVICT] = "true"
    return marks


def age(virtual: VirtualObj, view: View) -> float:
    """Return for how many seconds there has been the tenant's pod."""
    made = metadata(virtual).get("creationTimestamp")
    return view.now() - datetime.fromisoformat(made).timestamp() if made else 0.0


def _timestamp(view: View) -> str:
    return datetime.fromtimestamp(view.now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
