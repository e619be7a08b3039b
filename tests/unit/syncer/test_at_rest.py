"""Planning again after applying yields no writes: for every kind, and for whatever names tenants choose."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.syncer.world import NAMES, World, a_config_map, a_pod, a_service, writes
from vgateway.kube.objects import HostObj, Obj, Resource, VirtualKey, VirtualObj
from vgateway.kube.ownership import owner_of
from vgateway.syncer.kind import Kind, SyncedKind
from vgateway.syncer.kinds.backends import SERVICE_NAME
from vgateway.syncer.kinds.disruptionbudget import DisruptionBudgetKind
from vgateway.syncer.kinds.rootca import ROOT_CA
from vgateway.syncer.kinds.serviceaccount import ServiceAccountKind
from vgateway.syncer.kinds.snapshot import SnapshotKind
from vgateway.syncer.registry import KINDS as DEFAULT
from vgateway.syncer.resources import (
    CLAIMS,
    CONFIGMAPS,
    DISRUPTIONBUDGETS,
    ENDPOINTS,
    ENDPOINTSLICES,
    NODES,
    PODS,
    SECRETS,
    SERVICEACCOUNTS,
    SERVICES,
    SNAPSHOTS,
)

# Those of the default, and those that a configuration adds.
KINDS: tuple[Kind, ...] = (*DEFAULT, DisruptionBudgetKind(), ServiceAccountKind(), SnapshotKind())
ROUNDS = 8
PODS_FIRST = {kind.name: kind for kind in KINDS}

LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True)
NAME = st.lists(LABEL, min_size=1, max_size=3).map(lambda parts: ".".join(parts)[:253].rstrip(".-"))
KEYS = st.sampled_from(
    ["app", "release", "vcluster.loft.sh/managed-by", "vcluster.loft.sh/namespace", "vcluster.loft.sh/object-uid"]
) | st.from_regex(r"[a-z]{1,8}\.io/[a-z]{1,8}", fullmatch=True)
MAPS = st.dictionaries(KEYS, LABEL, max_size=4)


def settle(world: World, keys: Sequence[tuple[Kind, VirtualKey]]) -> int:
    """Go round until nothing is written; return how many rounds that took."""
    for turn in range(ROUNDS):
        if not any([writes(world.round(kind, key)) for kind, key in keys]):  # noqa: C419 - every key has its turn
            return turn
    pytest.fail("never comes to rest")


def tenant(name: str, namespace: str, labels: dict[str, str], annotations: dict[str, str]) -> World:
    """Return a world in which a pod uses a ConfigMap, a Secret and a Service of one name."""
    world = World()
    ca = a_config_map(ROOT_CA, "default", **{"ca.crt": "PEM"})
    world.virtual[CONFIGMAPS].put(ca)
    pod = a_pod(name, namespace, **spec_using(name))
    objs: list[tuple[Resource, Obj]] = [
        (PODS, pod),
        (CONFIGMAPS, a_config_map(name, namespace)),
        (SECRETS, {**a_config_map(name, namespace), "type": "Opaque"}),
        (SERVICES, a_service(name[:50], namespace)),
        (SERVICES, a_service("by-hand", namespace, selector=None)),
        (ENDPOINTS, by_hand("by-hand", namespace, subsets=[{"addresses": [{"ip": "10.1.1.1"}]}])),
        (ENDPOINTSLICES, by_hand(name, namespace, addressType="IPv4", endpoints=[], ports=[])),
        (CLAIMS, by_hand(name, namespace, spec={"resources": {"requests": {"storage": "1Gi"}}})),
        (DISRUPTIONBUDGETS, by_hand(name, namespace, spec={"minAvailable": 1, "selector": {"matchLabels": labels}})),
        (SERVICEACCOUNTS, by_hand(name, namespace)),
        (SNAPSHOTS, by_hand(name, namespace, spec={"source": {"persistentVolumeClaimName": name}})),
    ]
    for resource, obj in objs:
        own = dict(labels) | ({SERVICE_NAME: "by-hand"} if resource is ENDPOINTSLICES else {})
        obj["metadata"] |= {"labels": own, "annotations": dict(annotations)}
        world.virtual[resource].put(obj)
    return world


def by_hand(name: str, namespace: str, **fields: Any) -> Obj:
    return {"metadata": {"name": name, "namespace": namespace, "uid": f"u-{name}"}, **fields}


def spec_using(name: str) -> dict[str, Any]:
    return {
        "enableServiceLinks": True,
        "dnsPolicy": "ClusterFirst",
        "containers": [
            {
                "name": "main",
                "image": "busybox",
                "env": [{"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
                "envFrom": [{"secretRef": {"name": name}}],
            }
        ],
        "volumes": [
            {"name": "conf", "configMap": {"name": name}},
            {
                "name": "token",
                "projected": {
                    "sources": [
                        {"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}},
                        {"configMap": {"name": ROOT_CA}},
                    ]
                },
            },
        ],
        "tolerations": [{"key": "a", "operator": "Exists"}],
    }


def all_keys(world: World) -> list[tuple[Kind, VirtualKey]]:
    found = [(kind, VirtualKey("default", "kubernetes")) for kind in KINDS if not isinstance(kind, SyncedKind)]
    found += [(PODS_FIRST["root-ca"], VirtualKey("default", ROOT_CA)), (PODS_FIRST["nodes"], VirtualKey("", "n1"))]
    for kind in KINDS:
        if isinstance(kind, SyncedKind):
            found += [(kind, VirtualKey(*key)) for key in list(world.virtual[kind.resource].by_key)]
    return [(kind, key) for kind, key in found if kind.resource.namespaced or not key.namespace]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(NAME, LABEL, MAPS, MAPS)
def test_two_clusters_come_to_rest_whatever_the_names_and_labels(
    name: str, namespace: str, labels: dict[str, str], annotations: dict[str, str]
) -> None:
    world = tenant(name, namespace, labels, annotations)
    keys = all_keys(world)
    settle(world, keys)
    (claim,) = world.host[CLAIMS]
    claim["spec"]["volumeName"], claim["status"] = "pv-1", {"phase": "Bound"}
    (host,) = world.host[PODS]
    host["spec"]["nodeName"] = "n1"
    host["status"] = {
        "phase": "Running",
        "startTime": "2026-01-01T00:00:00Z",
        "podIP": "10.1.1.1",
        "conditions": [{"type": "Ready", "status": "True"}],
        "containerStatuses": [{"name": "main", "ready": True}, {"name": "injected", "ready": True}],
    }
    settle(world, keys)
    assert settle(world, keys) == 0

    virtual = world.virtual[PODS].get(namespace, name)
    assert virtual is not None
    assert virtual["spec"]["nodeName"] == "n1"
    assert [one["name"] for one in virtual["status"]["containerStatuses"]] == ["main"]
    assert ("", "n1") in world.virtual[NODES]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(NAME, LABEL, MAPS, MAPS)
def test_every_copy_is_provably_the_tenants_and_has_a_name_that_fits(
    name: str, namespace: str, labels: dict[str, str], annotations: dict[str, str]
) -> None:
    world = tenant(name, namespace, labels, annotations)
    settle(world, all_keys(world))
    for kind in KINDS:
        if isinstance(kind, SyncedKind) and kind.resource in (PODS, CONFIGMAPS, SECRETS, SERVICES):
            copies = [obj for obj in world.host[kind.resource] if owner_of(NAMES, kind.resource, HostObj(obj))]
            wanted = [obj for obj in world.virtual[kind.resource] if kind.wanted(VirtualObj(obj), world.view)]
            assert len(copies) == len(wanted) > 0, kind.name
            assert all(len(obj["metadata"]["name"]) <= 63 for obj in copies)


def test_when_the_tenants_objects_go_nothing_is_left_on_the_host() -> None:
    world = tenant("web", "default", {}, {})
    keys = all_keys(world)
    settle(world, keys)
    assert len(world.host[SECRETS].by_key) == 2, "the tenant's own, and the pod's tokens"
    for resource in {kind.resource for kind in KINDS if isinstance(kind, SyncedKind)}:
        world.virtual[resource].by_key = {
            key: obj for key, obj in world.virtual[resource].by_key.items() if key[1] in (ROOT_CA, "kubernetes")
        }
    settle(world, keys)
    left = [obj["metadata"]["name"] for resource in world.host for obj in world.host[resource]]
    assert left == [NAMES.root_ca]
