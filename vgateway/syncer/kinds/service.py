"""Services: tenants own the intent, the host owns addresses.

The ClusterIP must agree on both sides, because the host's proxy rules route it. A new host Service asks for the
tenant's addresses; where the host has given them away it takes others, and the tenant's Service is made anew with
those. The host copy outlives that moment, and carries the tenant's Service with it, so that a crash in between loses
nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

import orjson

from vgateway.dns.manifests import KUBE_DNS
from vgateway.kube.objects import (
    HostObj,
    Obj,
    VirtualKey,
    VirtualObj,
    annotations,
    get_path,
    host_key,
    uid,
    virtual_key,
)
from vgateway.kube.ownership import OBJECT_UID, PREFIX
from vgateway.syncer.kind import SyncedKind, delete_host
from vgateway.syncer.kinds.kubernetes import KUBERNETES
from vgateway.syncer.kinds.metricsapi import SERVICE as METRICS_SERVICE
from vgateway.syncer.metadata import host_selector
from vgateway.syncer.patch import cover
from vgateway.syncer.resources import SERVICES
from vgateway.syncer.rules import mirror, pull, push
from vgateway.syncer.steps import CreateHost, CreateVirtual, DeleteVirtual, PatchHost, PatchVirtual, Requeue, Step
from vgateway.syncer.view import View

# The tenant's Service while it is made anew, on its host copy.
REMADE = f"{PREFIX}/remade-service"
# Set by whoever makes the host copy first; the tenant's object follows within moments.
BLOCK_DELETION = f"{PREFIX}/block-deletion"
BLOCKED_SECONDS = 120.0
RECHECK_SECONDS = 10.0
# On the host copy, the node ports that the tenant asked for last: so a wish is told from what the host gave instead.
ASKED_PORTS = f"{PREFIX}/asked-node-ports"

ADDRESSES = ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy")
ALLOCATED = (*ADDRESSES, "healthCheckNodePort")
PUSHED = (
    "externalName",
    "sessionAffinity",
    "sessionAffinityConfig",
    "publishNotReadyAddresses",
    "externalTrafficPolicy",
    "internalTrafficPolicy",
    "trafficDistribution",
    "loadBalancerSourceRanges",
    "loadBalancerClass",
    "allocateLoadBalancerNodePorts",
)


def _selector(virtual: VirtualObj, _host: HostObj, view: View) -> Any:
    return host_selector(view.names, get_path(virtual, "spec.selector"), virtual["metadata"]["namespace"])


def _load_balancer(host: HostObj, _virtual: VirtualObj, _view: View) -> Any:
    if get_path(host, "spec.type") != "LoadBalancer":
        return {}
    return get_path(host, "status.loadBalancer") or {}


class ServiceKind(SyncedKind):
    """All Services but those that stand for the gateway itself."""

    resource = SERVICES
    adopts = True
    owners: ClassVar[Mapping[str, str]] = {
        "spec.clusterIP": "the host; the tenant's object follows",
        "spec.ports": "the tenant; a node port that the host has given away is another one on both sides",
        "spec.type": "the tenant",
    }
    rules = (
        push("spec.selector", via=_selector),
        *(push(f"spec.{name}") for name in PUSHED),
        mirror("spec.externalIPs"),
        mirror("spec.loadBalancerIP"),
        pull("spec.healthCheckNodePort"),
        pull("status.loadBalancer", via=_load_balancer),
    )

    def wanted(self, virtual: VirtualObj, view: View) -> bool:
        """All but the tenant's API itself, and what only its API server looks at."""
        return virtual_key(virtual) not in {KUBERNETES, METRICS_SERVICE}

    def annotations(self, virtual: VirtualObj, view: View) -> dict[str, str]:
        """Note the node ports that the tenant asks for."""
        asked = asked_ports(virtual["spec"].get("ports") or ())
        return super().annotations(virtual, view) | ({ASKED_PORTS: asked} if asked else {})

    def to_host(self, virtual: VirtualObj, view: View) -> Obj:
        """Copy the spec, whatever is in it, and translate its selector."""
        spec = dict(virtual["spec"])
        if spec.get("selector"):
            spec["selector"] = host_selector(view.names, spec["selector"], virtual["metadata"]["namespace"])
        return {"spec": spec}

    def introduce(self, virtual: VirtualObj, view: View) -> Iterator[Step]:
        """Ask the host for the tenant's addresses and ports, and be content with others."""
        body = self.body(virtual, view)
        yield CreateHost(SERVICES, body, body | {"spec": without_addresses(body["spec"])})

    def retire(self, key: VirtualKey, host: HostObj, view: View) -> Iterator[Step]:
        """Remove the copy, unless the tenant's Service is only about to come."""
        if remade := annotations(host).get(REMADE):
            yield _made_again(orjson.loads(remade))
        elif annotations(host).get(BLOCK_DELETION) == "true" and view.now() - _made_at(host) < BLOCKED_SECONDS:
            yield Requeue(RECHECK_SECONDS)
        elif not _is_made_again(key, view):
            yield delete_host(SERVICES, host, "the tenant's service is gone")

    def dismiss(self, virtual: VirtualObj, host: HostObj, view: View) -> Iterator[Step]:
        """Remove the copy, unless it is we who are deleting the tenant's Service, to make it anew."""
        if REMADE not in annotations(host) and not _is_made_again(virtual_key(virtual), view):
            yield from super().dismiss(virtual, host, view)

    def agree(self, virtual: VirtualObj, host: HostObj, view: View) -> Iterator[Step]:
        """Bring types, ports and addresses together."""
        if is_headless(virtual) != is_headless(host) and "ExternalName" not in (_type(virtual), _type(host)):
            yield delete_host(SERVICES, host, "an address cannot become none, nor none an address")
        elif _type(virtual) != _type(host):
            yield _change_type(virtual, host)
        elif _addresses_differ(virtual, host) and _was_made_again(virtual, host):
            yield delete_host(SERVICES, host, "the tenant's cluster has given its address to another")
        elif _addresses_differ(virtual, host):
            yield from _remake(virtual, host)
        else:
            yield from _agree_on_ports(virtual, host)
            if REMADE in annotations(host):
                yield PatchHost(SERVICES, host_key(host), {"metadata": {"annotations": {REMADE: None}}})


def _is_made_again(key: VirtualKey, view: View) -> bool:
    """Say whether we make the Service ourselves: pods on the host know the address of their DNS, so that one stays."""
    return key == KUBE_DNS and view.settings.dns().coredns.enabled


def _type(service: Mapping[str, Any]) -> str:
    return str(get_path(service, "spec.type") or "ClusterIP")


def is_headless(service: Mapping[str, Any]) -> bool:
    """Say whether a Service asks for no address."""
    return bool(get_path(service, "spec.clusterIP") == "None")


def _made_at(host: HostObj) -> float:
    return datetime.fromisoformat(host["metadata"]["creationTimestamp"]).timestamp()


def without_addresses(spec: Obj) -> Obj:
    """Leave out what the host allocates; a headless Service stays headless."""
    left = {name: value for name, value in spec.items() if name not in ALLOCATED}
    if spec.get("clusterIP") == "None":
        left["clusterIP"] = "None"
    if "ports" in spec:
        left["ports"] = [{name: value for name, value in port.items() if name != "nodePort"} for port in spec["ports"]]
    return left


def _change_type(virtual: VirtualObj, host: HostObj) -> PatchHost:
    """Push the type with everything that hangs on it; what the host cannot give it chooses itself."""
    spec = virtual["spec"]
    fields = (*ALLOCATED, *PUSHED, "ports")
    gone = {name: None for name in fields if name in host["spec"] and name not in spec}
    wanted = {name: spec[name] for name in (*fields, "type") if name in spec}
    modest = without_addresses(wanted)
    return PatchHost(SERVICES, host_key(host), {"spec": wanted | gone}, otherwise={"spec": modest | gone})


def _addresses_differ(virtual: VirtualObj, host: HostObj) -> bool:
    return bool(get_path(virtual, "spec.clusterIP") != get_path(host, "spec.clusterIP"))


def _was_made_again(virtual: VirtualObj, host: HostObj) -> bool:
    """Say whether this is not the Service any more that was to be made anew with the host's address."""
    return REMADE in annotations(host) and annotations(host).get(OBJECT_UID) != uid(virtual)


def _remake(virtual: VirtualObj, host: HostObj) -> Iterator[Step]:
    """Make the tenant's Service anew with the host's address; keep it on the host copy meanwhile."""
    body = _remade(virtual, host)
    keep = {"metadata": {"annotations": {REMADE: orjson.dumps(body).decode()}}}
    yield PatchHost(SERVICES, host_key(host), keep)
    yield DeleteVirtual(SERVICES, virtual_key(virtual), uid(virtual), "the host gave it another address")
    yield _made_again(body)


def _made_again(body: Obj) -> CreateVirtual:
    """Make the tenant's Service; where another one there has the address and keeps it, with one of that cluster's."""
    return CreateVirtual(SERVICES, body, body | {"spec": without_addresses(body["spec"])})


def _remade(virtual: VirtualObj, host: HostObj) -> Obj:
    meta = virtual["metadata"]
    kept = ("name", "namespace", "labels", "annotations", "ownerReferences", "finalizers")
    spec = {name: value for name, value in virtual["spec"].items() if name not in ALLOCATED}
    spec |= {name: host["spec"][name] for name in ADDRESSES if name in host["spec"]}
    if "ports" in spec:
        spec["ports"] = with_node_ports(spec["ports"], host["spec"].get("ports") or ())
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {name: meta[name] for name in kept if name in meta},
        "spec": spec,
    }


def _agree_on_ports(virtual: VirtualObj, host: HostObj) -> Iterator[Step]:
    """The tenant's ports on both sides, with the host's node ports unless the tenant now asks for others."""
    ours, theirs = virtual["spec"].get("ports") or [], host["spec"].get("ports") or []
    asked = annotations(host).get(ASKED_PORTS)
    agreed = with_node_ports(ours, theirs, only_missing=asked is not None and asked != asked_ports(ours))
    if agreed != theirs:
        modest = without_addresses({"ports": agreed})["ports"]
        patch, otherwise = {"spec": {"ports": agreed}}, {"spec": {"ports": modest}}
        yield PatchHost(SERVICES, host_key(host), patch, otherwise=otherwise)
    elif cover({"ports": ours}, {"ports": agreed}):
        yield PatchVirtual(SERVICES, virtual_key(virtual), {"spec": {"ports": agreed}})


def asked_ports(ports: Sequence[Mapping[str, Any]]) -> str:
    """Return the node ports of a Service in one line, "" if it has none: ``TCP/80=30080,UDP/53=30053``."""
    return ",".join(
        f"{port.get('protocol')}/{port['port']}={port['nodePort']}" for port in ports if port.get("nodePort")
    )


def with_node_ports(ours: Any, theirs: Any, *, only_missing: bool = False) -> list[Obj]:
    """Return the tenant's ports, each with the node port that the host has for it; a new one keeps the tenant's."""
    known = {(port.get("protocol"), port["port"]): port["nodePort"] for port in theirs if port.get("nodePort")}
    found = [(port, known.get((port.get("protocol"), port["port"]))) for port in ours]
    return [port | ({"nodePort": n} if n and not (only_missing and port.get("nodePort")) else {}) for port, n in found]
