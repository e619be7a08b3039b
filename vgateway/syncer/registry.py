"""The kinds that a configuration asks for, and the host rights that follow from them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache

from vgateway.config.base import NotYet, Section
from vgateway.config.fromhost import FromCustomResource
from vgateway.config.model import Config
from vgateway.config.networking import ProxyKubelets
from vgateway.config.policies import Policies
from vgateway.config.replication import ReplicateServices, split
from vgateway.config.sync import Sync
from vgateway.errors import ConfigError
from vgateway.kube.objects import Resource, VirtualKey
from vgateway.syncer.javascript import JavaScript
from vgateway.syncer.kind import DerivedKind, Kind, Side, SyncedKind
from vgateway.syncer.kinds.backends import EndpointsKind, EndpointSliceKind
from vgateway.syncer.kinds.capacity import CapacityKind
from vgateway.syncer.kinds.claim import ClaimKind
from vgateway.syncer.kinds.classes import PriorityClassKind, StorageClassKind
from vgateway.syncer.kinds.configmap import ConfigMapKind
from vgateway.syncer.kinds.custom import CustomResourceKind, DefinitionKind, push_naming
from vgateway.syncer.kinds.disruptionbudget import DisruptionBudgetKind
from vgateway.syncer.kinds.dns import dns_kinds
from vgateway.syncer.kinds.endpoints import KubernetesEndpointsKind, KubernetesSliceKind
from vgateway.syncer.kinds.event import EventKind
from vgateway.syncer.kinds.hostnamespace import HostNamespaceKind, WorkloadAccountKind
from vgateway.syncer.kinds.imported import (
    CSI_DRIVERS,
    CSI_NODES,
    DEVICE_CLASSES,
    INGRESS_CLASSES,
    PRIORITY_CLASSES,
    RUNTIME_CLASSES,
    SNAPSHOT_CLASSES,
    STORAGE_CLASSES,
    ImportedKind,
    Imports,
)
from vgateway.syncer.kinds.ingress import IngressKind
from vgateway.syncer.kinds.isolation import IsolationKind
from vgateway.syncer.kinds.kubernetes import KubernetesServiceKind
from vgateway.syncer.kinds.mapped import MAPPED_CONFIGMAPS, MAPPED_SECRETS, MappedKind, Maps
from vgateway.syncer.kinds.metricsapi import metrics_kinds
from vgateway.syncer.kinds.namespace import PodSecurityKind
from vgateway.syncer.kinds.networkpolicy import NetworkPolicyKind
from vgateway.syncer.kinds.node import NodeKind
from vgateway.syncer.kinds.nodeaddress import NodeAddressKind, NodeEndpointsKind
from vgateway.syncer.kinds.patches import compiled, referrers
from vgateway.syncer.kinds.persistentvolume import BoundClaimKind, VolumeKind
from vgateway.syncer.kinds.pod import PodKind
from vgateway.syncer.kinds.replica import replicas
from vgateway.syncer.kinds.replica.circles import impossible
from vgateway.syncer.kinds.replica.copies import Replica, Replication
from vgateway.syncer.kinds.replica.leftovers import Leftovers
from vgateway.syncer.kinds.resourceclaim import ClaimTemplateKind, ResourceClaimKind
from vgateway.syncer.kinds.rootca import RootCaKind
from vgateway.syncer.kinds.secret import SecretKind
from vgateway.syncer.kinds.service import ServiceKind
from vgateway.syncer.kinds.serviceaccount import ServiceAccountKind
from vgateway.syncer.kinds.shown import ShownContentKind, ShownVolumeKind
from vgateway.syncer.kinds.snapshot import BoundSnapshotKind, ContentKind, SnapshotKind
from vgateway.syncer.kinds.syncednode import SyncedNodeKind
from vgateway.syncer.kinds.volume import FakeVolumeKind
from vgateway.syncer.resources import SNAPSHOTCLASSES, SNAPSHOTCONTENTS, SNAPSHOTS
from vgateway.syncer.rules import pull
from vgateway.syncer.settings import names_of
from vgateway.syncer.view import Place

# A kind, which of the host's resources are shown to the tenant, or a custom resource that is defined by the host.
Offer = type[Kind] | Imports | Resource

# What every virtual cluster needs, whatever is switched.
ALWAYS: tuple[Offer, ...] = (RootCaKind, KubernetesServiceKind, KubernetesEndpointsKind, KubernetesSliceKind)
# What each switch of the configuration brings, by its name in the section's model. A switch that is missing here and
# turned on is refused as not supported yet.
TO_HOST: Mapping[str, tuple[Offer, ...]] = {
    "pods": (PodKind,),
    "config_maps": (ConfigMapKind,),
    "secrets": (SecretKind,),
    "services": (ServiceKind,),
    "endpoints": (EndpointsKind,),
    "endpoint_slices": (EndpointSliceKind,),
    "persistent_volume_claims": (ClaimKind, FakeVolumeKind),
    "persistent_volumes": (BoundClaimKind, VolumeKind, ShownVolumeKind),
    "pod_disruption_budgets": (DisruptionBudgetKind,),
    "priority_classes": (PriorityClassKind,),
    "storage_classes": (StorageClassKind,),
    "service_accounts": (ServiceAccountKind,),
    "volume_snapshots": (SnapshotKind,),
    "volume_snapshot_contents": (SNAPSHOTS, SNAPSHOTCONTENTS, BoundSnapshotKind, ContentKind, ShownContentKind),
    "resource_claims": (ResourceClaimKind,),
    "resource_claim_templates": (ClaimTemplateKind,),
    "ingresses": (IngressKind,),
    "network_policies": (NetworkPolicyKind,),
    "namespaces": (),
}
FROM_HOST: Mapping[str, tuple[Offer, ...]] = {
    "events": (EventKind,),
    "nodes": (),
    "config_maps": (),
    "secrets": (),
    "csi_drivers": (CSI_DRIVERS,),
    "csi_nodes": (CSI_NODES,),
    "csi_storage_capacities": (CapacityKind,),
    "device_classes": (DEVICE_CLASSES,),
    "ingress_classes": (INGRESS_CLASSES,),
    "priority_classes": (PRIORITY_CLASSES,),
    "runtime_classes": (RUNTIME_CLASSES,),
    "storage_classes": (STORAGE_CLASSES,),
    "volume_snapshot_classes": (SNAPSHOTCLASSES, SNAPSHOT_CLASSES),
}
# Kinds that are told who refers to their objects.
REFERRED = (SecretKind, ConfigMapKind)
SIDES = (("to_host", "toHost", TO_HOST), ("from_host", "fromHost", FROM_HOST))


def kinds_for(config: Config) -> tuple[Kind, ...]:
    """Return the kinds that a configuration switches on. Raises ConfigError for one that is not supported yet."""
    if refused := unsupported(config.sync):
        more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
        raise ConfigError(f"{refused[0]}{more}")
    scheduling = config.control_plane.advanced.virtual_scheduler.enabled
    kubelets = config.networking.advanced.proxy_kubelets
    kinds = select(config.settled_sync, config.policies, kubelets, scheduling=scheduling)
    namespaces = config.sync.to_host.namespaces
    if namespaces.enabled:
        kinds = (*kinds, HostNamespaceKind(config.gateway.namespace, namespaces.extra_labels), WorkloadAccountKind())
    asked = config.policies.network_policy
    if asked.enabled or "enabled" in asked.model_fields_set:
        kinds = (*kinds, IsolationKind(asked, spread=namespaces.enabled))
    mapped = replicated_for(config)
    return (*kinds, *mapped, *dns_kinds(config.control_plane.coredns), *metrics_kinds())


def select(
    sync: Sync,
    policies: Policies,
    kubelets: ProxyKubelets = ProxyKubelets(),  # noqa: B008 - frozen
    *,
    scheduling: bool = False,
) -> tuple[Kind, ...]:
    """Return the kinds that are switched on; ``scheduling`` says that the tenant places its pods itself.

    Raises ConfigError for a patch that makes no sense.
    """
    engine = cache(JavaScript)
    found = [*customs(sync, engine)]
    for path, name, switch, offers in sorted(_switches(sync), key=_order):
        made = [_made(offer, switch, found, sync) for offer in offers.get(name, ())]
        found += [_patched(kind, path, switch, engine, found) for kind in made]
    found += mapped(sync, engine)
    if policies.pod_security_standard:
        found.append(PodSecurityKind())
    found += [_made(offer, sync, found, sync) for offer in ALWAYS]
    nodes = sync.from_host.nodes
    found.append(SyncedNodeKind(nodes, scheduling=scheduling) if nodes.enabled else NodeKind())
    found += [NodeAddressKind(makes=kubelets.by_ip), *([NodeEndpointsKind()] if kubelets.by_ip else [])]
    # Two switches may bring the same kind, or the later a fuller one in the earlier's place.
    return tuple({kind.name: kind for kind in found}.values())


def _order(one: tuple[str, str, Section, Mapping[str, tuple[Offer, ...]]]) -> tuple[bool, bool]:
    """What is copied because others refer to it is made after them, and what tells of copies after those."""
    _, name, _, offers = one
    return offers is FROM_HOST, any(offer in REFERRED for offer in offers.get(name, ()))


def _made(offer: Offer, switch: Section, others: Iterable[Kind], sync: Sync) -> Kind:
    found = getattr(switch, "selector", None)
    selector = found.model_dump(by_alias=True, exclude_defaults=True) if found else None
    if isinstance(offer, Resource):
        return DefinitionKind(offer)
    if isinstance(offer, Imports):
        return ImportedKind(offer, selector)
    if issubclass(offer, CapacityKind):
        return offer(selector)
    if issubclass(offer, EventKind):
        twins = [kind.resource for kind in others if isinstance(kind, SyncedKind)]
        return offer(resource for resource in twins if resource.namespaced)
    if issubclass(offer, PodKind):
        accounts = sync.to_host.service_accounts.enabled or sync.to_host.namespaces.enabled
        return offer(accounts=accounts, claims=sync.to_host.resource_claims.enabled)
    if issubclass(offer, RootCaKind):
        return offer(each=sync.to_host.namespaces.enabled)
    if issubclass(offer, REFERRED):
        return offer(referrers(others))
    return offer()


def _patched(
    kind: Kind, path: str, switch: Section, engine: Callable[[], JavaScript], others: Iterable[Kind] = ()
) -> Kind:
    """Give a kind the patches of its switch: that of the tenant's objects, or of what is shown of the host's.

    One that takes another's place takes over the patches of that.
    """
    to = Side.HOST if path.startswith("sync.toHost.") else Side.VIRTUAL
    declared = getattr(switch, "patches", ())
    for replaced in others:
        if replaced.name == kind.name:
            kind.patches = replaced.patches
            return kind
    meant = isinstance(kind, SyncedKind if to is Side.HOST else DerivedKind) and not isinstance(kind, DefinitionKind)
    if declared and meant:
        kind.patches = compiled(path, declared, to, engine)
    return kind


def customs(sync: Sync, engine: Callable[[], JavaScript]) -> Iterator[Kind]:
    """Yield the kinds of the custom resources that are switched on, and of their definitions."""
    for name, custom in sync.to_host.custom_resources.items():
        if custom.enabled:
            plural, _, group = name.partition(".")
            resource = Resource(group, custom.version, plural, custom.kind)
            kind = CustomResourceKind(resource, (push_naming("spec", custom.references), pull("status")))
            yield _patched(kind, f"sync.toHost.customResources.{name}", custom, engine)
            yield DefinitionKind(resource)


def mapped(sync: Sync, engine: Callable[[], JavaScript]) -> Iterator[Kind]:
    """Yield the kinds of what is shown by name; also those that show nothing, for they take back what was shown."""
    config_maps, secrets = sync.from_host.config_maps, sync.from_host.secrets
    shown = MappedKind(MAPPED_CONFIGMAPS, config_maps.name_rules)
    yield _patched(shown, "sync.fromHost.configMaps", config_maps, engine)
    shown = MappedKind(MAPPED_SECRETS, secrets.name_rules)
    yield _patched(shown, "sync.fromHost.secrets", secrets, engine)
    for name, custom in sync.from_host.custom_resources.items():
        plural, _, group = name.partition(".")
        resource = Resource(group, custom.version, plural, custom.kind, custom.scope == "Namespaced")
        if custom.enabled:
            yield DefinitionKind(resource)
            yield _patched(_shown(resource, custom), f"sync.fromHost.customResources.{name}", custom, engine)


def _shown(resource: Resource, custom: FromCustomResource) -> Kind:
    if resource.namespaced:
        return MappedKind(Maps(resource, status=True, may_lack=True), custom.name_rules)
    selector = custom.selector.model_dump(by_alias=True, exclude_defaults=True)
    return ImportedKind(Imports(resource, may_lack=True, whole=True), selector)


def replicated(services: ReplicateServices) -> Iterator[Kind]:
    """Return the kinds of Services that are copied by name; also without a rule, for they take back what was copied."""
    return replicas(*replications(services))


def replications(services: ReplicateServices) -> tuple[list[Replication], list[Replication]]:
    """Return the rules from the host, and those to it."""
    inward = [Replication(_virtual(rule.to), Place(*split(rule.from_, ""))) for rule in services.from_host]
    outward = [
        Replication(_virtual(rule.from_), Place("", rule.to), rule.delete_on_removal) for rule in services.to_host
    ]
    return inward, outward


def replicated_for(config: Config) -> Iterator[Kind]:
    """Yield the same for a whole configuration. Raises ConfigError with the path of a rule that cannot be."""
    services, gateway = config.networking.replicate_services, config.gateway
    for rule, what in impossible(*replications(services), names_of(config), gateway.service_name):
        raise ConfigError(f"networking.replicateServices.{rule}: {what}")
    return replicated(services)


def with_replication(kinds: Iterable[Kind], config: Config) -> tuple[Kind, ...]:
    """Return the kinds with those of other rules of replication; what these read beside places is always read.

    Raises ConfigError with the path of a rule that cannot be.
    """
    return (*(kind for kind in kinds if not isinstance(kind, Replica | Leftovers)), *replicated_for(config))


def _virtual(name: str) -> VirtualKey:
    return VirtualKey(*split(name, "default"))


def unsupported(sync: Sync) -> list[str]:
    """Return a line for every switch that was turned on by hand and has nothing behind it yet."""
    return [
        f"{path}: not supported yet"
        for path, name, switch, offers in _switches(sync)
        if name not in offers and "enabled" in switch.model_fields_set
    ]


def _switches(sync: Sync) -> Iterator[tuple[str, str, Section, Mapping[str, tuple[Offer, ...]]]]:
    """Yield (path, name, switch, what its side offers) of everything that is on."""
    for side, spelled, offers in SIDES:
        section: Section = getattr(sync, side)
        for name, field in type(section).model_fields.items():
            switch = getattr(section, name)
            if not isinstance(switch, NotYet) and getattr(switch, "enabled", None) is True:
                yield f"sync.{spelled}.{field.alias}", name, switch, offers


KINDS = (*select(Sync(), Policies()), *replicated(ReplicateServices()))
"""The kinds of a configuration that says nothing about them."""
