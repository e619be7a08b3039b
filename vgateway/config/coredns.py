"""``controlPlane.coredns``: the DNS of the virtual cluster, which is CoreDNS."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from vgateway.config.base import Section, Switch

LIMITS: Mapping[str, Any] = {
    "limits": {"cpu": "1000m", "memory": "170Mi"},
    "requests": {"cpu": "20m", "memory": "64Mi"},
}


class CorednsService(Section):
    """The Service ``kube-system/kube-dns``, whose address every pod asks."""

    annotations: Mapping[str, str] = {}
    """Added to the Service's."""
    labels: Mapping[str, str] = {}
    """Added to the Service's."""
    spec: Mapping[str, Any] = {"type": "ClusterIP"}
    """Fields of the Service's spec, put over ours; its selector and ports stay ours."""


class CorednsPods(Section):
    """Marks of the CoreDNS pods."""

    annotations: Mapping[str, str] = {}
    """Added to the pods'."""
    labels: Mapping[str, str] = {}
    """Added to the pods'; ``k8s-app`` may be changed here for policies that go by another one."""


class CorednsDeployment(Section):
    """The Deployment ``kube-system/coredns``, run like any of the tenant's."""

    image: str = ""
    """Another image than ``docker.io/coredns/coredns`` at the version that we are tested with."""
    replicas: Annotated[int, Field(ge=0)] = 1
    """Pods that answer; two or more keep answering while one of them moves."""
    annotations: Mapping[str, str] = {}
    """Added to the Deployment's."""
    labels: Mapping[str, str] = {}
    """Added to the Deployment's."""
    affinity: Mapping[str, Any] = {}
    """The pods' affinity."""
    tolerations: tuple[Mapping[str, Any], ...] = ()
    """The pods' tolerations."""
    node_selector: Mapping[str, str] = {}
    """Labels of the nodes that may run the pods."""
    resources: Mapping[str, Any] = LIMITS
    """Requests and limits of each pod; the memory limit must grow with the number of the tenant's Services."""
    pods: CorednsPods = CorednsPods()
    topology_spread_constraints: tuple[Mapping[str, Any], ...] = ()
    """How the pods spread over nodes and zones."""


class CorednsSecurity(Section):
    """What the CoreDNS pods may."""

    pod_security_context: Mapping[str, Any] = {}
    """Put over the pods' security context."""
    container_security_context: Mapping[str, Any] = {}
    """Put over the container's security context."""


class Coredns(Switch):
    """The DNS of the virtual cluster."""

    enabled: bool = True
    """``false`` leaves the tenant without DNS of ours: it may bring its own ``kube-system/kube-dns``."""
    embedded: bool = False
    """``true`` runs CoreDNS beside the gateway, out of the tenant's reach, instead of as pods of the tenant's."""
    overwrite_config: str = ""
    """A whole Corefile instead of ours; nothing that would be generated is then in it, resolve rules included."""
    overwrite_manifests: str = ""
    """YAML manifests instead of ours, applied as they are; a ConfigMap ``coredns`` gets the settings it lacks."""
    priority_class_name: str = ""
    """PriorityClass of the pods."""
    service: CorednsService = CorednsService()
    deployment: CorednsDeployment = CorednsDeployment()
    security: CorednsSecurity = CorednsSecurity()
    servers: str = ""
    """Server blocks of your own, added to the Corefile; the tenant adds its own by the ConfigMap ``coredns-custom``."""
