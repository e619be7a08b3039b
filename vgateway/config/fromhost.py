"""``sync.fromHost``: what of the host's the tenant may see, under the same names and never to change it."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from vgateway.config.base import DNS_LABEL, NotYet, On, ResourceName, Section, Switch
from vgateway.config.byname import NameRule, name_rules
from vgateway.config.patches import Patches


def _mappings(given: Mapping[str, str]) -> Mapping[str, str]:
    for _ in name_rules(given):
        pass
    return given


class Mappings(Section):
    """Which objects of the host become which of the tenant's."""

    by_name: Annotated[Mapping[str, str], AfterValidator(_mappings)] = {}
    """Host to virtual: ``ns/name: ns/name``, ``ns/*: ns/*``; an empty host namespace is the virtual cluster's own.

    Two lines may not lead to one place; an object that is named by itself goes before a whole namespace.
    """


class Mapped(Switch):
    """A kind of which chosen host objects are shown to the tenant; those of other namespaces need a Role there.

    The host's object decides: what the tenant changes in a copy is put right, and with the object or its line the copy
    goes. An object of that name which the tenant made is left alone. Missing virtual namespaces are made.
    """

    mappings: Mappings = Mappings()

    @property
    def name_rules(self) -> tuple[NameRule, ...]:
        """What is shown, none while the kind is off."""
        return tuple(name_rules(self.mappings.by_name)) if self.enabled else ()


class Requirement(Section):
    """One expression of a label selector."""

    key: str
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    values: tuple[str, ...] = ()


class LabelSelector(Section):
    """Kubernetes' label selector; empty selects everything."""

    match_labels: Mapping[str, str] = {}
    match_expressions: tuple[Requirement, ...] = ()


class Classes(Switch):
    """A cluster-scoped kind of the host's of which the tenant sees all or some."""

    selector: LabelSelector = LabelSelector()
    """The tenant sees those of the host's that carry these labels."""


class Automatic(Section):
    """A kind that crosses on its own where the tenant's own scheduler needs it."""

    enabled: bool | Literal["auto"] = "auto"
    """``auto`` is on with ``controlPlane.advanced.virtualScheduler``, and off where the host schedules pods."""
    selector: LabelSelector = LabelSelector()
    """The tenant sees those of the host's that carry these labels."""
    patches: Patches = ()
    """Fields that the tenant sees with another value; applied in their order."""


class FromCustomResource(Mapped):
    """A custom resource of the host's whose objects the tenant may read; its definition is copied too.

    ``version`` and ``kind`` are beyond vcluster.yaml, which needs cluster-wide discovery instead.
    """

    kind: Annotated[str, Field(min_length=1)]
    """The kind of its objects, ``ClusterIssuer`` for example."""
    version: Annotated[str, Field(pattern=DNS_LABEL)] = "v1"
    """The version that is read on the host and written for the tenant."""
    scope: Literal["Namespaced", "Cluster"] = "Namespaced"
    """``Cluster`` shows objects under their own names and needs to read all of them; else ``mappings`` say which."""
    selector: LabelSelector = LabelSelector()
    """Of a resource of the whole cluster, the tenant sees the objects that carry these labels."""

    @model_validator(mode="after")
    def _by_scope(self) -> Self:
        cluster, mapped = self.scope == "Cluster", bool(self.mappings.by_name)
        if cluster and mapped:
            raise ValueError("mappings are of namespaced objects: with scope Cluster names stay as they are")
        if self.enabled and not cluster and not mapped:
            raise ValueError("mappings.byName must say which objects are shown")
        if not cluster and self.selector != LabelSelector():
            raise ValueError("selector is for scope Cluster: mappings.byName says which objects are shown")
        return self


class NodeSelector(Section):
    """Which of the host's nodes the tenant sees beside those that run its pods."""

    all: bool = False
    """Every node."""
    labels: Mapping[str, str] = {}
    """The nodes that carry all of these labels; without a scheduler of its own the tenant's pods run only there."""


class Nodes(Switch):
    """The host's nodes under their own names, with the gateway's address. Needs to read nodes on the host."""

    sync_back_changes: bool = False
    """What the tenant changes of a node's labels, taints, unschedulability and extended resources is changed on the
    host, for all who use that node: ``kubectl cordon`` and ``drain`` then take effect. Needs to patch nodes there."""
    clear_image_status: bool = False
    """The tenant does not see which images the host's nodes hold."""
    selector: NodeSelector = NodeSelector()

    @model_validator(mode="after")
    def _unpatched(self) -> Self:
        if self.patches:
            raise ValueError("nodes cannot be patched: who changed a field could not be told")
        return self


class FromHost(Section):
    """From the host to the virtual cluster."""

    events: On = On()
    """The tenant sees what the host says about its objects, in the tenant's own names."""
    storage_classes: Automatic = Automatic()
    """The tenant sees the host's classes and may use them by name; needs to read them on the host."""
    ingress_classes: Classes = Classes()
    """The tenant sees the host's classes; needs to read them on the host."""
    runtime_classes: Classes = Classes()
    """The tenant sees the host's classes and may use them by name; needs to read them on the host."""
    priority_classes: Classes = Classes()
    """The tenant's pods keep the priority class they name: its host namesake decides; needs to read the host's."""
    csi_drivers: Automatic = Automatic()
    """The tenant sees the host's drivers; needs to read them on the host."""
    csi_nodes: Automatic = Automatic()
    """The tenant sees the drivers of the host's nodes that it has; needs to read them on the host."""
    csi_storage_capacities: Automatic = Automatic()
    """The tenant sees what space the host has left, in ``kube-system``; needs to read it on the whole host."""
    volume_snapshot_classes: Classes = Classes()
    """The tenant sees the host's classes; needs to read them on the host."""
    config_maps: Mapped = Mapped()
    """The tenant sees these ConfigMaps of the host, and its pods may use them; ``kube-root-ca.crt`` is never shown."""
    secrets: Mapped = Mapped()
    """The tenant sees these Secrets of the host, and its pods may use them; a token of the host's comes as Opaque."""
    nodes: Nodes = Nodes()
    """The tenant sees the host's nodes as they are; otherwise it sees make-believe ones, where its pods run."""
    gateway_classes: NotYet = NotYet()
    """Not supported yet."""
    gateways: NotYet = NotYet()
    """Not supported yet."""
    device_classes: Classes = Classes()
    """The tenant sees the host's classes of devices and may claim some by them; needs to read them on the host."""
    custom_resources: Mapping[ResourceName, FromCustomResource] = {}
    """By ``plural.group``: the definition and the chosen objects are copied from the host to the tenant."""
