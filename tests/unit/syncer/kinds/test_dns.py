"""The objects that run CoreDNS: made, kept and removed as the configuration asks, and never taken from the tenant."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from tests.unit.syncer.world import NAMES, World, a_config_map, a_pod, a_service, writes
from vgateway.config.coredns import Coredns
from vgateway.dns.manifests import COREDNS, CUSTOM, KUBE_DNS, SELECTED
from vgateway.dns.values import Dns
from vgateway.errors import ConfigError
from vgateway.kube.objects import VirtualKey
from vgateway.syncer.kind import DerivedKind
from vgateway.syncer.kinds.applied import APPLIED
from vgateway.syncer.kinds.dns import SETTINGS, DnsKind, DnsPodKind, dns_kinds
from vgateway.syncer.kinds.pod.needs import missing
from vgateway.syncer.kinds.pod.security import violations
from vgateway.syncer.kinds.service import ServiceKind
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
from vgateway.syncer.steps import CreateVirtual, DeleteVirtual, PatchVirtual, Step

MADE = (SERVICEACCOUNTS, CLUSTERROLES, CLUSTERROLEBINDINGS, CONFIGMAPS, DEPLOYMENTS, SERVICES)


def world_of(**coredns: Any) -> World:
    world = World()
    for resource in (CLUSTERROLES, CLUSTERROLEBINDINGS, DEPLOYMENTS):
        world.adopt(resource)
    configure(world, **coredns)
    return world


def configure(world: World, **coredns: Any) -> None:
    """Let the running process have another configuration."""
    dns = Dns(Coredns.model_validate(coredns), host_dns="10.96.0.10")
    world.view = replace(world.view, settings=replace(world.view.settings, dns=lambda: dns))


def all_rounds(world: World, kinds: tuple[DerivedKind, ...] = ()) -> list[Step]:
    """Bring every object to what it should be; return what was written."""
    made = [kind for kind in kinds or dns_kinds(Coredns()) if isinstance(kind, DnsKind)]
    return [step for kind in made for key in kind.keys for step in writes(world.round(kind, key))]


def spec_of(world: World, key: VirtualKey) -> Mapping[str, Any]:
    found = world.virtual[DEPLOYMENTS].get(key.namespace, key.name)
    assert found is not None
    spec: Mapping[str, Any] = found["spec"]
    return spec


def test_everything_is_made_once_and_then_left_alone() -> None:
    world = world_of()
    steps = all_rounds(world)
    assert [step.resource for step in steps if isinstance(step, CreateVirtual)] == list(MADE)
    assert not all_rounds(world)


def test_what_the_tenant_tunes_stays_until_the_operator_wants_something_else() -> None:
    world = world_of()
    all_rounds(world)
    deployment = world.virtual[DEPLOYMENTS].get(COREDNS.namespace, COREDNS.name)
    assert deployment is not None
    deployment["spec"]["replicas"] = 3
    assert not all_rounds(world)
    configure(world, deployment={"replicas": 2})
    assert [step.resource for step in all_rounds(world) if isinstance(step, PatchVirtual)] == [DEPLOYMENTS]
    assert spec_of(world, COREDNS)["replicas"] == 2


def test_settings_are_kept_to_the_letter() -> None:
    world = world_of()
    all_rounds(world)
    settings = world.virtual[CONFIGMAPS].get(COREDNS.namespace, COREDNS.name)
    assert settings is not None
    settings["data"]["Corefile"] = "."
    (step,) = all_rounds(world)
    assert isinstance(step, PatchVirtual)
    assert set(step.patch["data"]) == {"Corefile"}


def test_a_new_node_and_server_blocks_of_the_tenants_change_the_settings() -> None:
    world = world_of()
    all_rounds(world)
    world.virtual[NODES].put({"metadata": {"name": "n"}, "status": {"addresses": []}})
    (step,) = all_rounds(world)
    assert isinstance(step, PatchVirtual)
    assert step.patch["data"] == {"NodeHosts": "10.96.0.50 n\n"}
    world.virtual[CONFIGMAPS].put(a_config_map(CUSTOM.name, CUSTOM.namespace))
    (step,) = all_rounds(world)
    assert isinstance(step, PatchVirtual)
    assert step.patch["data"]["Corefile"].endswith("import /etc/coredns/custom/*.server\n")


def test_what_the_tenant_made_itself_is_never_touched() -> None:
    world = world_of()
    world.virtual[SERVICES].put(a_service("kube-dns", "kube-system"))
    world.virtual[CONFIGMAPS].put(a_config_map("coredns", "kube-system", Corefile="mine"))
    touched = {step.resource for step in all_rounds(world) if hasattr(step, "resource")}
    assert touched.isdisjoint({SERVICES, CONFIGMAPS})
    configure(world, enabled=False)
    assert {step.resource for step in all_rounds(world) if isinstance(step, DeleteVirtual)}.isdisjoint(
        {SERVICES, CONFIGMAPS}
    )


def test_turned_off_everything_of_ours_goes() -> None:
    world = world_of()
    all_rounds(world)
    configure(world, enabled=False)
    assert [step.resource for step in all_rounds(world) if isinstance(step, DeleteVirtual)] == list(MADE)
    assert not all_rounds(world)


def test_beside_the_gateway_there_are_no_pods_but_endpoints() -> None:
    world = world_of()
    all_rounds(world)
    configure(world, embedded=True)
    steps = all_rounds(world)
    gone = [step.resource for step in steps if isinstance(step, DeleteVirtual)]
    assert gone == [SERVICEACCOUNTS, CONFIGMAPS, DEPLOYMENTS]
    (slice_,) = (step.body for step in steps if isinstance(step, CreateVirtual))
    assert slice_["kind"] == ENDPOINTSLICES.kind
    assert slice_["endpoints"][0]["addresses"] == [world.view.settings.address]


def test_the_service_is_made_anew_with_the_address_that_pods_know() -> None:
    world = world_of()
    copy = a_service(NAMES.host_name("kube-dns", "kube-system"), "host-ns", clusterIP="10.96.0.77")
    world.host[SERVICES].put(copy)
    made = [step.body for step in all_rounds(world) if isinstance(step, CreateVirtual)]
    (service,) = (body for body in made if body["kind"] == "Service")
    assert service["spec"]["clusterIP"] == "10.96.0.77"
    assert not all_rounds(world)


def test_the_copy_of_our_service_outlives_the_service() -> None:
    world = world_of()
    service = world.virtual[SERVICES].put(a_service("kube-dns", "kube-system"))
    world.round(ServiceKind(), KUBE_DNS)
    assert world.host[SERVICES].by_key
    del world.virtual[SERVICES].by_key[("kube-system", "kube-dns")]
    assert not writes(world.plan(ServiceKind(), KUBE_DNS))
    configure(world, enabled=False)
    assert writes(world.plan(ServiceKind(), KUBE_DNS))
    assert service["spec"]["clusterIP"]


def test_pods_are_told_once_their_settings_are_on_the_host() -> None:
    world = world_of()
    pod = a_pod("coredns-1", "kube-system")
    pod["metadata"]["labels"] = dict(SELECTED)
    world.virtual[PODS].put(pod)
    key, kind = VirtualKey("kube-system", "coredns-1"), DnsPodKind()
    assert not writes(world.plan(kind, key))
    name, told = NAMES.host_name("coredns", "kube-system"), []
    for text in ("one", "two"):
        world.host[CONFIGMAPS].put(a_config_map(name, "host-ns", Corefile=text))
        (step,) = writes(world.round(kind, key))
        assert isinstance(step, PatchVirtual)
        told.append(step.patch["metadata"]["annotations"][SETTINGS])
        assert not writes(world.plan(kind, key))
    assert told[0] != told[1]


@pytest.mark.parametrize(
    ("spec", "waits"),
    [({}, True), ({"dnsPolicy": "Default"}, False), ({"dnsPolicy": "None"}, False), ({"hostNetwork": True}, False)],
)
def test_pods_that_ask_the_dns_wait_for_its_address_only(spec: dict[str, Any], waits: bool) -> None:
    world = world_of()
    pod = world.virtual[PODS].put(a_pod(**spec))
    words = list(missing(pod, world.view))  # type: ignore[arg-type]  # a plain dict stands for the tenant's pod
    assert any("kube-dns" in line for line in words) is waits
    world.host[SERVICES].put(a_service(NAMES.host_name("kube-dns", "kube-system"), "host-ns", clusterIP="10.96.0.10"))
    assert not any("kube-dns" in line for line in missing(pod, world.view))  # type: ignore[arg-type]  # as above


def test_its_own_pods_are_what_the_strictest_standard_allows() -> None:
    world = world_of()
    all_rounds(world)
    assert not list(violations(spec_of(world, COREDNS)["template"]["spec"], {}, "restricted"))


MANIFESTS = """
apiVersion: v1
kind: ConfigMap
metadata: {name: coredns}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: my-dns, namespace: kube-system}
spec: {replicas: 5}
"""


def test_manifests_of_the_operators_take_the_place_of_ours() -> None:
    world = world_of(overwriteManifests=MANIFESTS)
    made = {
        (step.body["kind"], step.body["metadata"]["name"]): step.body
        for step in all_rounds(world, dns_kinds(Coredns.model_validate({"overwriteManifests": MANIFESTS})))
        if isinstance(step, CreateVirtual)
    }
    assert set(made) == {("ConfigMap", "coredns"), ("Deployment", "my-dns")}
    assert "kubernetes cluster.local" in made["ConfigMap", "coredns"]["data"]["Corefile"]
    assert APPLIED in made["Deployment", "my-dns"]["metadata"]["annotations"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("kind: [", "not YAML"),
        ("kind: Service", "document 0 has no kind and metadata.name"),
        ("{kind: Pod, metadata: {name: a}}", "Pod is none of ServiceAccount"),
    ],
)
def test_manifests_that_cannot_be_applied_are_refused(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=rf"controlPlane\.coredns\.overwriteManifests: .*{words}"):
        dns_kinds(Coredns.model_validate({"overwriteManifests": text}))
