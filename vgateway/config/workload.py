"""How the virtual cluster's own pod is installed: its image, place and disk. The running gateway reads none of it."""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from vgateway.config.availability import HighAvailability
from vgateway.config.base import Section


def _merged(default: Any, given: Any) -> Any:
    """Put a mapping over another as Helm does, which merges whatever is a mapping; null takes a key away."""
    if not (isinstance(default, Mapping) and isinstance(given, Mapping)):
        return given
    both = {key: _merged(default.get(key), value) for key, value in given.items()}
    return {key: value for key, value in {**default, **both}.items() if value is not None}


def over(default: Mapping[str, Any]) -> BeforeValidator:
    """Have what is given put over a default, as the chart does by itself."""
    return BeforeValidator(partial(_merged, default))


KUBERNETES = "v1.36.3"
LOCALHOST = "https://localhost:8443"

PROGRAM_RESOURCES: Mapping[str, Any] = {"requests": {"cpu": "50m", "memory": "160Mi"}}
API_SERVER_RESOURCES: Mapping[str, Any] = {"requests": {"cpu": "100m", "memory": "320Mi"}}
STORE_RESOURCES: Mapping[str, Any] = {"requests": {"cpu": "50m", "memory": "64Mi"}}
GATEWAY_RESOURCES: Mapping[str, Any] = {**PROGRAM_RESOURCES, "limits": {"memory": "4Gi"}}
SERVICE_SPEC: Mapping[str, Any] = {"type": "ClusterIP"}


class Image(Section):
    """A container image; its name is ``registry/repository:tag``."""

    registry: str = ""
    """Host that it is pulled from; empty for the nodes' own default."""
    repository: str = ""
    """Path in the registry."""
    tag: str = ""
    """Version; empty for the one that this release is tested with."""

    def name(self, tag: str) -> str:
        """Return the whole name, with ``tag`` where none is said."""
        place = f"{self.registry}/{self.repository}" if self.registry else self.repository
        return f"{place}:{self.tag or tag}"


class OwnImage(Image):
    """Ours."""

    registry: str = "docker.io"
    """Host that it is pulled from; empty for the nodes' own default."""
    repository: str = "vgateway/vgateway"
    """Path in the registry."""


class ApiServerImage(Image):
    """Upstream's kube-apiserver."""

    registry: str = "registry.k8s.io"
    """Host that it is pulled from; empty for the nodes' own default."""
    repository: str = "kube-apiserver"
    """Path in the registry."""


class ControllerManagerImage(Image):
    """Upstream's kube-controller-manager."""

    registry: str = "registry.k8s.io"
    """Host that it is pulled from; empty for the nodes' own default."""
    repository: str = "kube-controller-manager"
    """Path in the registry."""


class KineImage(Image):
    """Upstream's kine."""

    registry: str = "docker.io"
    """Host that it is pulled from; empty for the nodes' own default."""
    repository: str = "rancher/kine"
    """Path in the registry."""
    tag: str = "v0.16.4"
    """Version."""


class VolumeClaim(Section):
    """The disk of the backing store."""

    enabled: bool | Literal["auto"] = "auto"
    """``false`` keeps the tenant's objects in the pod only: they are lost whenever the pod is made anew; ``auto``: a
    disk, since sqlite is the store."""
    size: str = "5Gi"
    """Room for the store; cannot be changed later."""
    storage_class: str = ""
    """StorageClass of the disk; empty for the host's default."""
    access_modes: tuple[str, ...] = ("ReadWriteOnce",)
    """How nodes may use the disk."""
    retention_policy: Literal["Delete", "Retain"] = "Delete"
    """``Retain`` leaves the disk, with all objects of the tenant, when the virtual cluster is removed."""


class Persistence(Section):
    """What outlives the pod."""

    volume_claim: VolumeClaim = VolumeClaim()


class Scheduling(Section):
    """Which of the host's nodes may run the virtual cluster's own pod."""

    node_selector: Mapping[str, str] = {}
    """Labels of the nodes."""
    affinity: Mapping[str, Any] = {}
    """The pod's affinity."""
    tolerations: tuple[Mapping[str, Any], ...] = ()
    """The pod's tolerations."""
    priority_class_name: str = ""
    """PriorityClass of the pod."""


class Marks(Section):
    """Labels and annotations."""

    labels: Mapping[str, str] = {}
    """Added to ours."""
    annotations: Mapping[str, str] = {}
    """Added to ours."""


class StatefulSet(Marks):
    """The StatefulSet of the gateway, the virtual API server, its controllers and its store."""

    high_availability: HighAvailability = HighAvailability()
    image: OwnImage = OwnImage()
    image_pull_policy: Literal["", "Always", "IfNotPresent", "Never"] = ""
    """When nodes pull the images of the pod; empty for Kubernetes' own rule."""
    resources: Annotated[Mapping[str, Any], over(GATEWAY_RESOURCES)] = GATEWAY_RESOURCES
    """Requests and limits of the gateway's container."""
    persistence: Persistence = Persistence()
    scheduling: Scheduling = Scheduling()
    pods: Marks = Marks()


class Program(Section):
    """A program of the virtual control plane."""

    image: Image
    extra_args: tuple[str, ...] = ()
    """Flags added to ours; a flag of ours that is given again counts as given here."""
    resources: Annotated[Mapping[str, Any], over(PROGRAM_RESOURCES)] = PROGRAM_RESOURCES
    """Requests and limits of its container."""


class Component(Program):
    """A program that every virtual control plane has."""

    enabled: Literal[True] = True
    """There is none without it."""


class ApiServer(Component):
    """The virtual kube-apiserver."""

    image: ApiServerImage = ApiServerImage()
    resources: Annotated[Mapping[str, Any], over(API_SERVER_RESOURCES)] = API_SERVER_RESOURCES
    """Requests and limits of its container."""


class ControllerManager(Component):
    """The virtual kube-controller-manager."""

    image: ControllerManagerImage = ControllerManagerImage()


class Kubernetes(Section):
    """The virtual control plane: upstream's own programs."""

    enabled: Literal[True] = True
    """The one distribution that there is so far."""
    version: Annotated[str, Field(pattern=r"^(v\d+\.\d+\.\d+)?$")] = ""
    """Release of the virtual cluster's Kubernetes, as upstream tags its images; empty for v1.36.3."""
    api_server: ApiServer = ApiServer()
    controller_manager: ControllerManager = ControllerManager()

    @property
    def release(self) -> str:
        """The release, also where none is said."""
        return self.version or KUBERNETES


class Distro(Section):
    """What the virtual control plane is made of."""

    k8s: Kubernetes = Field(default=Kubernetes(), alias="k8s")


class Embedded(Program):
    """kine over sqlite, beside the API server."""

    enabled: bool = True
    """Nothing else can be chosen so far, so ``false`` says as much as ``true``: this is the store where no other is."""
    image: KineImage = KineImage()
    resources: Annotated[Mapping[str, Any], over(STORE_RESOURCES)] = STORE_RESOURCES
    """Requests and limits of its container."""


class Database(Section):
    """A database behind kine."""

    embedded: Embedded = Embedded()


class BackingStore(Section):
    """Where the virtual API server keeps the tenant's objects."""

    database: Database = Database()


class Service(Marks):
    """The host Service in front of the gateway; its address is the tenant's ``default/kubernetes``."""

    enabled: Literal[True] = True
    """Without it nobody would find the gateway."""
    spec: Annotated[Mapping[str, Any], over(SERVICE_SPEC)] = SERVICE_SPEC
    """Fields of the Service's spec, put over ours; its selector and ports stay ours."""


class ServiceMonitor(Marks):
    """What the Prometheus operator is told of the gateway; its custom resource must be on the host."""

    enabled: bool = False
    """``true`` makes it."""


class PodDisruptionBudget(Section):
    """What a drain of the host's nodes respects."""

    enabled: bool = False
    """``true`` makes one; with a single replica and ``minAvailable: 1`` a drain waits until somebody moves the pod."""
    min_available: int | str = 1
    """Pods, or a share of them, that must stay."""


class ExportKubeConfig(Section):
    """The tenant administrator's kubeconfig, in the Secret ``vc-NAME`` of the host namespace."""

    context: str = ""
    """Name of its context; the virtual cluster's if not given."""
    server: str = ""
    """Address of the front in it; empty for https://localhost:8443: ``kubectl port-forward service/NAME 8443:443``."""

    @property
    def address(self) -> str:
        """The address, also where none is said."""
        return self.server or LOCALHOST
