"""The tenant's ``default/kubernetes`` Service: its ClusterIP is the one that reaches the gateway on the host.

The tenant's API server makes the Service at its own first address and makes it again when it is missing, but never
changes one that exists. So it is made anew once, with the address of the host Service in front of the gateway.
"""

from collections.abc import Iterable, Mapping

from vgateway.kube.objects import Obj, Resource, VirtualKey, get_path
from vgateway.syncer.kind import READ, DerivedKind, Hint, Rights, Side, Wake
from vgateway.syncer.resources import SERVICES
from vgateway.syncer.view import View

KUBERNETES = VirtualKey("default", "kubernetes")


def kubernetes_key(hint: Hint, _view: View) -> Iterable[VirtualKey]:
    """Wake for the Service and for what carries its name."""
    return (KUBERNETES,) if hint.key == KUBERNETES else ()


def front_key(hint: Hint, view: View) -> Iterable[VirtualKey]:
    """Wake when the host Service in front of the gateway changes."""
    return (KUBERNETES,) if hint.key.name == view.settings.service else ()


class KubernetesServiceKind(DerivedKind):
    """Follows the host Service; while that has no address, the tenant's stays as it is."""

    resource = SERVICES

    @property
    def name(self) -> str:
        """Apart from the Services of the tenant."""
        return "kubernetes-service"

    @property
    def wakes(self) -> tuple[Wake, ...]:
        """The Service on either side."""
        return (Wake(Side.VIRTUAL, SERVICES, kubernetes_key), Wake(Side.HOST, SERVICES, front_key))

    @property
    def host_rights(self) -> Mapping[Resource, Rights]:
        """Reading the host Service in front of the gateway."""
        return {SERVICES: {"": READ}}

    def desired(self, key: VirtualKey, view: View) -> Obj | None:
        """Return the Service with the host's address."""
        address = view.front_address()
        if not address:
            return None if self.existing(key, view) is None else {}
        return {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {
                "name": KUBERNETES.name,
                "namespace": KUBERNETES.namespace,
                "labels": {"component": "apiserver", "provider": "kubernetes"},
            },
            "spec": {
                "type": "ClusterIP",
                "clusterIP": address,
                "ports": [{"name": "https", "protocol": "TCP", "port": 443, "targetPort": view.settings.front_port}],
            },
        }

    def managed(self, obj: Obj, view: View) -> bool:
        """The Service is Kubernetes' own, never a tenant's."""
        return True

    def replaces(self, have: Obj, want: Obj) -> bool:
        """The address of a Service cannot be changed."""
        wanted = get_path(want, "spec.clusterIP")
        return wanted is not None and get_path(have, "spec.clusterIP") != wanted

    def host_words(self, key: VirtualKey, view: View) -> Mapping[str, str]:
        """The host Service is the tenant's API."""
        return {view.settings.service: KUBERNETES.name}
