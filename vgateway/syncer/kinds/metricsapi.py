"""``metrics.k8s.io`` of the virtual cluster, where it is the gateway that answers it.

An APIService sends the virtual API server to the gateway beside it, by a Service that names its address: so whoever
asks is authenticated, authorised and audited there, and clients inside the cluster, such as the autoscaler's
controller, find it like anything else of the API.
"""

from ipaddress import ip_address

from vgateway.kube.objects import Obj, Resource, VirtualKey
from vgateway.syncer.kind import DerivedKind
from vgateway.syncer.kinds.applied import NAMESPACE, AppliedKind
from vgateway.syncer.resources import SERVICES
from vgateway.syncer.settings import MetricsApi
from vgateway.syncer.view import View

APISERVICES = Resource("apiregistration.k8s.io", "v1", "apiservices", "APIService", namespaced=False)
GROUP = "metrics.k8s.io"
VERSION = "v1beta1"
APISERVICE = VirtualKey("", f"{VERSION}.{GROUP}")
SERVICE = VirtualKey(NAMESPACE, "vgateway-metrics")
"""Not a metrics-server's own name, which a tenant may want for one."""
SERVER_NAME = f"{SERVICE.name}.{SERVICE.namespace}.svc"
"""By this name the virtual API server verifies the certificate of whoever is behind the Service."""


class MetricsServiceKind(AppliedKind):
    """The Service by which the virtual API server finds the gateway; it has no copy on the host."""

    part = "metrics"

    def wanted(self, key: VirtualKey, view: View) -> Obj | None:
        """Return the Service where there is something to find."""
        api = view.settings.metrics_api
        return None if api is None else service(api)

    def kept(self, want: Obj) -> Obj:
        """Where it leads: nobody else has the certificate."""
        return {"spec": want["spec"]}


class MetricsRegistrationKind(AppliedKind):
    """The APIService; one that the tenant has made for a metrics-server of its own stays."""

    part = "metrics"

    def wanted(self, key: VirtualKey, view: View) -> Obj | None:
        """Return the APIService where the configuration wants it."""
        api = view.settings.metrics_api
        return None if api is None else registration(api)

    def kept(self, want: Obj) -> Obj:
        """Whom it sends requests to, and by which authority that is known."""
        return {"spec": want["spec"]}


def metrics_kinds() -> tuple[DerivedKind, ...]:
    """Return the kinds that make what is asked for and remove what is not any more."""
    return MetricsServiceKind(SERVICES, SERVICE), MetricsRegistrationKind(APISERVICES, APISERVICE)


def reached_at(address: str, replicas: int) -> str:
    """Return what the virtual API server is told of where the gateway is.

    Of several replicas each has an API server beside it, which needs no other; a name cannot be an IPv6 address.
    """
    return "localhost" if replicas > 1 or ip_address(address).version == 6 else address


def service(api: MetricsApi) -> Obj:
    """Return a Service that is nothing but a name for the gateway."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": SERVICE.name, "namespace": SERVICE.namespace},
        "spec": {"type": "ExternalName", "externalName": api.host},
    }


def registration(api: MetricsApi) -> Obj:
    """Return the APIService; the priorities are those that a metrics-server comes with."""
    return {
        "apiVersion": APISERVICES.api_version,
        "kind": APISERVICES.kind,
        "metadata": {"name": APISERVICE.name},
        "spec": {
            "group": GROUP,
            "version": VERSION,
            "service": {"name": SERVICE.name, "namespace": SERVICE.namespace, "port": api.port},
            "caBundle": api.authority,
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
        },
    }
