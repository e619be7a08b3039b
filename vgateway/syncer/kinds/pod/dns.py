"""How a pod resolves names, and what it calls itself.

Where the tenant's ``kube-system/kube-dns`` has a host copy, pods ask that. They wait for it if the virtual cluster is
to have a DNS of ours; else, until there is one, they resolve as their node does. The host's ``subdomain`` would give
them a name in the host's domain, so it is never passed on.
"""

from collections.abc import Iterable, Mapping
from itertools import accumulate
from typing import Any

from vgateway.dns.manifests import KUBE_DNS
from vgateway.kube.objects import Obj, VirtualObj
from vgateway.syncer.view import View

CLUSTER_DNS = KUBE_DNS
CLUSTER_POLICIES = ("ClusterFirst", "ClusterFirstWithHostNet")
NDOTS = {"name": "ndots", "value": "5"}
MAX_HOSTNAME = 63
# What the API server lets a pod ask for (ValidatePodDNSConfig).
MAX_NAMESERVERS, MAX_SEARCHES, MAX_SEARCH_CHARS = 3, 32, 2048


def host_dns(virtual: VirtualObj, view: View) -> Obj:
    """Return ``dnsPolicy`` and ``dnsConfig`` of the host pod."""
    if not asks_cluster_dns(virtual):
        return {}
    address = view.twin_address(CLUSTER_DNS)
    if not address:
        return {"dnsPolicy": "Default"}
    config = cluster_config(virtual["spec"].get("dnsConfig") or {}, virtual["metadata"]["namespace"], address, view)
    return {"dnsPolicy": "None", "dnsConfig": config}


def asks_cluster_dns(virtual: VirtualObj) -> bool:
    """Say whether a pod resolves names by its cluster's DNS."""
    spec = virtual["spec"]
    policy = spec.get("dnsPolicy") or "ClusterFirst"
    return policy in CLUSTER_POLICIES and not (policy == "ClusterFirst" and spec.get("hostNetwork"))


def lacks_dns(virtual: VirtualObj, view: View) -> bool:
    """Say whether a pod asks a DNS of ours that the host has no address for yet."""
    settings = view.settings
    comes = settings.dns().coredns.enabled and settings.sync.to_host.services.enabled
    return comes and asks_cluster_dns(virtual) and not view.twin_address(CLUSTER_DNS)


def cluster_config(own: Mapping[str, Any], namespace: str, address: str, view: View) -> Obj:
    """Return the configuration that a kubelet of the tenant's cluster would give; the pod's own adds to it."""
    domain = view.settings.cluster_domain
    searches = (f"{namespace}.svc.{domain}", f"svc.{domain}", domain)
    options = own.get("options") or []
    asked = {option.get("name") for option in options}
    return {
        "nameservers": _once((address, *(own.get("nameservers") or ())))[:MAX_NAMESERVERS],
        "searches": _within_limits(_once((*searches, *(own.get("searches") or ())))),
        "options": [*options, *(() if "ndots" in asked else (NDOTS,))],
    }


def _within_limits(searches: list[str]) -> list[str]:
    """Leave out the last ones where there are too many, as a kubelet does; the host would refuse the pod."""
    lengths = accumulate(len(search) + 1 for search in searches)
    return [search for search, length in zip(searches, lengths, strict=True) if length <= MAX_SEARCH_CHARS][
        :MAX_SEARCHES
    ]


def _once(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))


def host_names(virtual: VirtualObj, view: View) -> Obj:
    """Return ``hostname`` and ``hostAliases`` of the host pod."""
    spec, meta = virtual["spec"], virtual["metadata"]
    found: Obj = {"hostAliases": [*(spec.get("hostAliases") or ()), *_api_alias(meta["namespace"], view)]}
    if not spec.get("hostname") and not spec.get("hostNetwork") and not spec.get("hostnameOverride"):
        found["hostname"] = meta["name"][:MAX_HOSTNAME].replace(".", "-").rstrip("-")
    return found


def _api_alias(namespace: str, view: View) -> list[Obj]:
    """The tenant's API by its names, so that it is found without DNS too; the bare one only where DNS has it."""
    address = view.front_address()
    names = ["kubernetes.default", "kubernetes.default.svc", f"kubernetes.default.svc.{view.settings.cluster_domain}"]
    bare = ["kubernetes"] if namespace == "default" else []
    return [{"ip": address, "hostnames": [*names, *bare]}] if address else []
