"""CoreDNS in the virtual cluster: each of its objects, kept as long as the configuration asks for it.

An object is ours by the digest of what we last made of it, which it carries. As long as that is of what we want now,
the object is left alone, so that a tenant may scale or tune it; only the settings are kept to the letter. An object
without the mark is the tenant's own and is never touched.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace

import orjson

from vgateway.config.coredns import Coredns
from vgateway.dns.corefile import IN_POD, corefile
from vgateway.dns.manifests import (
    COREDNS,
    CUSTOM,
    KUBE_DNS,
    NAMESPACE,
    OVERWRITE,
    ROLE,
    SELECTED,
    endpoints,
    key_of,
    manifests_of,
    objects,
)
from vgateway.dns.nodehosts import node_hosts
from vgateway.errors import ConfigError
from vgateway.kube.objects import Obj, Resource, VirtualKey, annotations, get_path, labels
from vgateway.kube.ownership import PREFIX
from vgateway.syncer.kind import DerivedKind, Hint, Side, Source, Wake
from vgateway.syncer.resources import (
    CLUSTERROLEBINDINGS,
    CLUSTERROLES,
    CONFIGMAPS,
    DEPLOYMENTS,
    ENDPOINTSLICES,
    NAMESPACES,
    NODES,
    PODS,
    SERVICEACCOUNTS,
    SERVICES,
)
from vgateway.syncer.view import BY_NAMESPACE, View

APPLIED = f"{PREFIX}/applied-manifest"
SETTINGS = f"{PREFIX}/dns-settings"


class DnsKind(DerivedKind):
    """One of the objects that run CoreDNS."""

    def __init__(self, resource: Resource, *keys: VirtualKey) -> None:
        self.resource = resource
        self.keys = keys

    @property
    def name(self) -> str:
        """Apart from the tenant's own objects of the resource."""
        return f"dns-{self.resource.plural}"

    @property
    def wakes(self) -> tuple[Wake, ...]:
        """The objects, and the namespace of the system: while nothing is there of them, that is what comes first."""
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
        """Return the object as we make it; nothing but that it should stay if it was made so."""
        want = self.wanted(key, view)
        if want is None:
            return None
        have, digest = self.existing(key, view), _digest(want)
        if have is not None and annotations(have).get(APPLIED) == digest:
            return self.kept(want)
        want["metadata"].setdefault("annotations", {})[APPLIED] = digest
        return want

    def wanted(self, key: VirtualKey, view: View) -> Obj | None:
        """Return the object of the present configuration, None if it asks for none."""
        dns = view.settings.dns()
        around = IN_POD if view.on_virtual(CONFIGMAPS, CUSTOM) else replace(IN_POD, custom="")
        found = objects(dns, corefile(dns, around), node_hosts(view.virtual[NODES], view.names, view.front_address()))
        return next((obj for obj in found if obj["kind"] == self.resource.kind and key_of(obj) == key), None)

    def kept(self, want: Obj) -> Obj:
        """Return the fields that are kept to the letter while the object is as it was made."""
        return {}

    def managed(self, obj: Obj, view: View) -> bool:
        """Say whether we made the object."""
        return APPLIED in annotations(obj)

    def host_words(self, key: VirtualKey, view: View) -> Mapping[str, str]:
        """Nothing of it is made on the host by this kind."""
        return {}


class DnsServiceKind(DnsKind):
    """The Service that pods ask."""

    def desired(self, key: VirtualKey, view: View) -> Obj | None:
        """Made anew, the Service gets the address that its host copy still has, since pods know that one."""
        want, address = super().desired(key, view), view.twin_address(key)
        if want is not None and address and not view.on_virtual(SERVICES, key):
            want["spec"]["clusterIP"] = address
        return want


class DnsSettingsKind(DnsKind):
    """The Corefile and the names of nodes."""

    @property
    def wakes(self) -> tuple[Wake, ...]:
        """The nodes too, and the tenant's own server blocks: they are looked for only if there are any."""
        nodes = Wake(Side.VIRTUAL, NODES, lambda _hint, _view: self.keys)
        return (*super().wakes, nodes, Wake(Side.VIRTUAL, CONFIGMAPS, self._custom))

    def _custom(self, hint: Hint, _view: View) -> Iterable[VirtualKey]:
        return self.keys if hint.key == CUSTOM and (hint.came or hint.went) else ()

    def kept(self, want: Obj) -> Obj:
        """All of it: what was changed by hand is changed back."""
        return {"data": want["data"]}


class DnsEndpointsKind(DnsKind):
    """Where the Service leads when CoreDNS runs beside the gateway."""

    def wanted(self, key: VirtualKey, view: View) -> Obj | None:
        """Return the gateway's own address."""
        coredns = view.settings.dns().coredns
        return endpoints(view.settings.address) if coredns.enabled and coredns.embedded else None


class DnsPodKind(DerivedKind):
    """CoreDNS pods are told when their settings have arrived on the host: that makes their kubelet look at once.

    A kubelet brings a changed ConfigMap to a pod within a minute or so, but at once when the pod itself has changed.
    """

    resource = PODS

    @property
    def name(self) -> str:
        """Apart from the tenant's pods."""
        return "dns-pods"

    @property
    def wakes(self) -> tuple[Wake, ...]:
        """The settings on the host, and pods that come."""
        return (Wake(Side.HOST, CONFIGMAPS, _dns_pods), Wake(Side.VIRTUAL, PODS, _new_dns_pod))

    def desired(self, key: VirtualKey, view: View) -> Obj | None:
        """Return the mark of the settings that are on the host."""
        if self.existing(key, view) is None:
            return None
        copies = [view.host_obj(CONFIGMAPS, view.names.host_key(one)) for one in (COREDNS, CUSTOM)]
        if copies[0] is None:
            return {}
        content = _digest([copy.get("data") if copy else None for copy in copies])
        return {"metadata": {"annotations": {SETTINGS: content}}}

    def managed(self, obj: Obj, view: View) -> bool:
        """Say whether the pod is one that our settings are for."""
        return _is_ours(obj) and view.settings.dns().in_pods

    def host_words(self, key: VirtualKey, view: View) -> Mapping[str, str]:
        """Nothing of it is made on the host by this kind."""
        return {}


def _dns_pods(hint: Hint, view: View) -> Iterable[VirtualKey]:
    if hint.key.name not in [view.names.host_key(one).name for one in (COREDNS, CUSTOM)]:
        return ()
    return [VirtualKey(NAMESPACE, pod["metadata"]["name"]) for pod in _pods_of_namespace(view) if _is_ours(pod)]


def _pods_of_namespace(view: View) -> Iterable[Obj]:
    for key in view.virtual_keys(PODS, BY_NAMESPACE, NAMESPACE):
        if (pod := view.virtual_obj(PODS, key)) is not None:
            yield pod


def _new_dns_pod(hint: Hint, _view: View) -> Iterable[VirtualKey]:
    return (hint.key,) if hint.came and hint.key.namespace == NAMESPACE and _is_ours(hint.some) else ()


def _is_ours(pod: Obj) -> bool:
    return labels(pod).items() >= SELECTED.items() and get_path(pod, "metadata.namespace") == NAMESPACE


def _digest(content: object) -> str:
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


ROLE_KEY = VirtualKey("", ROLE)
# The resources that the DNS is made of, and what each kind keeps of it.
KIND_OF: Mapping[Resource, type[DnsKind]] = {
    SERVICEACCOUNTS: DnsKind,
    CLUSTERROLES: DnsKind,
    CLUSTERROLEBINDINGS: DnsKind,
    CONFIGMAPS: DnsSettingsKind,
    DEPLOYMENTS: DnsKind,
    SERVICES: DnsServiceKind,
}
OURS: Mapping[Resource, VirtualKey] = {
    SERVICEACCOUNTS: COREDNS,
    CLUSTERROLES: ROLE_KEY,
    CLUSTERROLEBINDINGS: ROLE_KEY,
    CONFIGMAPS: COREDNS,
    DEPLOYMENTS: COREDNS,
    SERVICES: KUBE_DNS,
}


def dns_kinds(coredns: Coredns) -> tuple[DerivedKind, ...]:
    """Return the kinds that make what is asked for and remove what is not.

    Raises ConfigError for manifests of kinds that a DNS is not made of.
    """
    keys = {resource: [key] for resource, key in OURS.items()}
    for manifest in manifests_of(coredns):
        resource = next((one for one in KIND_OF if one.kind == manifest["kind"]), None)
        if resource is None:
            kinds = ", ".join(one.kind for one in KIND_OF)
            raise ConfigError(f"{OVERWRITE}: {manifest['kind']} is none of {kinds}")
        keys[resource].append(key_of(manifest))
    made = [KIND_OF[resource](resource, *dict.fromkeys(found)) for resource, found in keys.items()]
    return (*made, DnsEndpointsKind(ENDPOINTSLICES, KUBE_DNS), DnsPodKind())
