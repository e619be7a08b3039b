"""The endpoints of ``default/kubernetes``: the gateway's own address, as Endpoints and as an EndpointSlice.

The tenant's API server leaves them to us (it runs with ``--endpoint-reconciler-type=none``). It refuses loopback
addresses here, so a gateway that listens on one has no endpoints.
"""

from ipaddress import ip_address

from vgateway.kube.objects import Obj, VirtualKey
from vgateway.syncer.kind import DerivedKind, Side, Source, Wake
from vgateway.syncer.kinds.kubernetes import KUBERNETES, kubernetes_key
from vgateway.syncer.resources import ENDPOINTS, ENDPOINTSLICES, SERVICES
from vgateway.syncer.view import View


class KubernetesEndpointsKind(DerivedKind):
    """Endpoints ``kubernetes``; marked so that no controller mirrors them into a second slice."""

    resource = ENDPOINTS

    @property
    def name(self) -> str:
        """Apart from the Endpoints of the tenant."""
        return "kubernetes-endpoints"

    @property
    def wakes(self) -> tuple[Wake, ...]:
        """Themselves, and the Service: its deletion takes the Endpoints along."""
        return (Wake(Side.VIRTUAL, ENDPOINTS, kubernetes_key), Wake(Side.VIRTUAL, SERVICES, kubernetes_key))

    @property
    def reads(self) -> tuple[Source, ...]:
        """Of all Endpoints only these."""
        return (Source(Side.VIRTUAL, ENDPOINTS, only=KUBERNETES),)

    def desired(self, key: VirtualKey, view: View) -> Obj | None:
        """Return the one address."""
        if ip_address(view.settings.address).is_loopback:
            return None
        return {
            "apiVersion": "v1",
            "kind": "Endpoints",
            "metadata": {
                "name": KUBERNETES.name,
                "namespace": KUBERNETES.namespace,
                "labels": {"endpointslice.kubernetes.io/skip-mirror": "true"},
            },
            "subsets": [{"addresses": [{"ip": view.settings.address}], "ports": [_port(view)]}],
        }

    def managed(self, obj: Obj, view: View) -> bool:
        """They are Kubernetes' own, never a tenant's."""
        return True


class KubernetesSliceKind(DerivedKind):
    """EndpointSlice ``kubernetes``."""

    resource = ENDPOINTSLICES

    @property
    def name(self) -> str:
        """Apart from the slices of the tenant."""
        return "kubernetes-endpointslice"

    @property
    def wakes(self) -> tuple[Wake, ...]:
        """Itself, and the Service."""
        return (Wake(Side.VIRTUAL, ENDPOINTSLICES, kubernetes_key), Wake(Side.VIRTUAL, SERVICES, kubernetes_key))

    @property
    def reads(self) -> tuple[Source, ...]:
        """Of all slices only this."""
        return (Source(Side.VIRTUAL, ENDPOINTSLICES, only=KUBERNETES),)

    def desired(self, key: VirtualKey, view: View) -> Obj | None:
        """Return the one address."""
        address = view.settings.address
        if ip_address(address).is_loopback:
            return None
        return {
            "apiVersion": ENDPOINTSLICES.api_version,
            "kind": "EndpointSlice",
            "metadata": {
                "name": KUBERNETES.name,
                "namespace": KUBERNETES.namespace,
                "labels": {"kubernetes.io/service-name": KUBERNETES.name},
            },
            "addressType": "IPv6" if ":" in address else "IPv4",
            "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
            "ports": [_port(view)],
        }

    def managed(self, obj: Obj, view: View) -> bool:
        """It is Kubernetes' own, never a tenant's."""
        return True


def _port(view: View) -> Obj:
    return {"name": "https", "port": view.settings.front_port, "protocol": "TCP"}
