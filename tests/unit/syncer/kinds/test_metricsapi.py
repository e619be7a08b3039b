"""The registration of ``metrics.k8s.io``: made, kept and taken back, and never taken from the tenant."""

from dataclasses import replace

import pytest

from tests.unit.syncer.world import World, a_service, writes
from vgateway.kube.objects import Obj
from vgateway.syncer.kinds.applied import APPLIED, AppliedKind
from vgateway.syncer.kinds.metricsapi import APISERVICE, APISERVICES, SERVICE, metrics_kinds, reached_at
from vgateway.syncer.kinds.service import ServiceKind
from vgateway.syncer.resources import SERVICES
from vgateway.syncer.settings import MetricsApi
from vgateway.syncer.steps import CreateVirtual, DeleteVirtual, PatchVirtual, Step


def world_of(*, on: bool = True) -> World:
    world = World()
    world.adopt(APISERVICES)
    switch(world, on=on)
    return world


def switch(world: World, *, on: bool) -> None:
    api = MetricsApi("10.0.0.9", 9001, "Q0E=") if on else None
    world.view = replace(world.view, settings=replace(world.view.settings, metrics_api=api))


def all_rounds(world: World) -> list[Step]:
    kinds = [kind for kind in metrics_kinds() if isinstance(kind, AppliedKind)]
    return [step for kind in kinds for key in kind.keys for step in writes(world.round(kind, key))]


def registered(world: World) -> Obj:
    found = world.virtual[APISERVICES].get("", APISERVICE.name)
    assert found is not None
    return found


def test_it_is_registered_once_with_a_service_that_leads_to_the_gateway() -> None:
    world = world_of()
    made = [step.body for step in all_rounds(world) if isinstance(step, CreateVirtual)]
    assert [body["kind"] for body in made] == ["Service", "APIService"]
    assert made[0]["spec"] == {"type": "ExternalName", "externalName": "10.0.0.9"}
    assert made[1]["spec"]["service"] == {"name": SERVICE.name, "namespace": SERVICE.namespace, "port": 9001}
    assert made[1]["spec"]["caBundle"] == "Q0E="
    assert not all_rounds(world)


def test_who_is_asked_is_kept_to_the_letter() -> None:
    world = world_of()
    all_rounds(world)
    registered(world)["spec"]["service"]["name"] = "mine"
    (step,) = all_rounds(world)
    assert isinstance(step, PatchVirtual)
    assert registered(world)["spec"]["service"]["name"] == SERVICE.name


def test_switched_off_ours_goes_and_nothing_else() -> None:
    world = world_of()
    all_rounds(world)
    switch(world, on=False)
    assert [step.resource for step in all_rounds(world) if isinstance(step, DeleteVirtual)] == [SERVICES, APISERVICES]
    assert not all_rounds(world)


@pytest.mark.parametrize("on", [True, False])
def test_one_of_the_tenants_own_stays_as_it_is(on: bool) -> None:
    world = world_of(on=on)
    own = {"service": {"name": "metrics-server", "namespace": "kube-system"}, "insecureSkipTLSVerify": True}
    world.virtual[APISERVICES].put({"metadata": {"name": APISERVICE.name}, "spec": own})
    assert [step for step in all_rounds(world) if getattr(step, "resource", SERVICES) is APISERVICES] == []
    assert (registered(world)["spec"], APPLIED in registered(world)["metadata"]) == (own, False)


def test_the_service_has_no_copy_on_the_host() -> None:
    world, kind = world_of(), ServiceKind()
    all_rounds(world)
    world.virtual[SERVICES].put(a_service())
    for key, made in ((SERVICE, False), (("default", "web"), True)):
        steps = writes(world.round(kind, SERVICE.__class__(*key)))
        assert bool(steps) is made


@pytest.mark.parametrize(
    ("address", "replicas", "host"),
    [("10.0.0.9", 1, "10.0.0.9"), ("10.0.0.9", 2, "localhost"), ("fd00::1", 1, "localhost")],
)
def test_where_each_replica_has_an_api_server_or_an_address_is_no_name_they_meet_where_both_are(
    address: str, replicas: int, host: str
) -> None:
    assert reached_at(address, replicas) == host
