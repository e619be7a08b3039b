"""How a pod resolves names, and what it calls itself.

Where the tenant's ``kube-system/kube-dns`` has a host copy, pods ask that; until there is one, they resolve as their
node does. The host's ``subdomain`` would give them a name in the host's domain, so it is never passed on.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from vgateway.kube.objects import Obj, VirtualKey, VirtualObj
from vgateway.syncer.view import View

CLUSTER_DNS = VirtualKey("kube-system", "kube-dns")
CLUSTER_POLICIES = ("ClusterFirst", "ClusterFirstWithHostNet")
NDOTS = {"name": "ndots", "value": "5"}
MAX_HOSTNAME = 63


def host_dns(virtual: VirtualObj, view: View) -> Obj:
    """Return ``dnsPolicy`` and ``dnsConfig`` of the host pod."""
    spec = virtual["spec"]
    policy = spec.get("dnsPolicy") or "ClusterFirst"
    if policy not in CLUSTER_POLICIES or (policy == "ClusterFirst" and spec.get("hostNetwork")):
        return {}
    address = view.twin_address(CLUSTER_DNS)
    if not address:
        return {"dnsPolicy": "Default"}
    config = cluster_config(spec.get("dnsConfig") or {}, virtual["metadata"]["namespace"], address, view)
    return {"dnsPolicy": "None", "dnsConfig": config}


def cluster_config(own: Mapping[str, Any], namespace: str, address: str, view: View) -> Obj:
    """Return the configuration that a kubelet of the tenant's cluster would give; the pod's own adds to it."""
    domain = view.settings.cluster_domain
    searches = (f"{namespace}.svc.{domain}", f"svc.{domain}", domain)
    options = own.get("options") or []
    asked = {option.get("name") for option in options}
    return {
        "nameservers": _once((address, *(own.get("nameservers") or ()))),
        "searches": _once((*searches, *(own.get("searches") or ()))),
        "options": [*options, *(() if "ndots" in asked else (NDOTS,))],
    }


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
