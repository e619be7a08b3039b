"""CoreDNS in the virtual cluster: each of its objects, kept as long as the configuration asks for it.

A tenant may scale or tune what is made (``applied``); only the settings are kept to the letter.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

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
from vgateway.kube.objects import Obj, Resource, VirtualKey, get_path, labels
from vgateway.kube.ownership import PREFIX
from vgateway.syncer.kind import DerivedKind, Hint, Side, Wake
from vgateway.syncer.kinds.applied import AppliedKind, digest
from vgateway.syncer.resources import (
    CLUSTERROLEBINDINGS,
    CLUSTERROLES,
    CONFIGMAPS,
    DEPLOYMENTS,
    ENDPOINTSLICES,
    NODES,
    PODS,
    SERVICEACCOUNTS,
    SERVICES,
)
from vgateway.syncer.view import BY_NAMESPACE, View

SETTINGS = f"{PREFIX}/dns-settings"


class DnsKind(AppliedKind):
    """One of the objects that run CoreDNS."""

    part = "dns"

    def wanted(self, key: VirtualKey, view: View) -> Obj | None:
        """Return the object of the present configuration, None if it asks for none."""
        dns = view.settings.dns()
        around = IN_POD if view.on_virtual(CONFIGMAPS, CUSTOM) else replace(IN_POD, custom="")
        found = objects(dns, corefile(dns, around), node_hosts(view.virtual[NODES], view.names, view.front_address()))
        return next((obj for obj in found if obj["kind"] == self.resource.kind and key_of(obj) == key), None)


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
        content = digest([copy.get("data") if copy else None for copy in copies])
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
