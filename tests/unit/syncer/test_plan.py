from typing import Any

import orjson
import pytest

from tests.unit.syncer.world import World, a_config_map, a_pod, host_of, writes
from vgateway.kube.objects import VirtualKey
from vgateway.kube.ownership import OBJECT_KIND, OBJECT_UID
from vgateway.kube.store import Change
from vgateway.syncer.kind import Hint
from vgateway.syncer.kinds.configmap import ConfigMapKind
from vgateway.syncer.kinds.pod import PodKind
from vgateway.syncer.resources import CONFIGMAPS, PODS
from vgateway.syncer.steps import CreateHost, DeleteHost, PatchHost, Requeue, Tell

KIND = ConfigMapKind()
KEY = VirtualKey("default", "conf")


@pytest.fixture
def world() -> World:
    found = World()
    pod = a_pod(volumes=[{"name": "v", "configMap": {"name": "conf"}}])
    found.virtual[PODS].put(pod)
    found.virtual[CONFIGMAPS].put(a_config_map())
    return found


def test_neither_side_means_nothing_to_do() -> None:
    assert World().plan(KIND, KEY) == []


def test_only_the_tenant_has_it_so_the_host_gets_a_copy(world: World) -> None:
    (step,) = world.plan(KIND, KEY)
    assert isinstance(step, CreateHost)
    assert step.body["data"] == {"a": "1"}


def test_both_have_it_and_agree_so_nothing_happens(world: World) -> None:
    world.round(KIND, KEY)
    assert world.plan(KIND, KEY) == []


def test_the_tenants_change_goes_to_the_host_and_no_further_field_with_it(world: World) -> None:
    world.round(KIND, KEY)
    host_of(world, CONFIGMAPS, "conf")["unknown"] = {"kept": True}
    changed = world.virtual[CONFIGMAPS].get("default", "conf")
    assert changed is not None
    changed["data"] = {"a": "2"}
    (step,) = world.round(KIND, KEY)
    assert isinstance(step, PatchHost)
    assert step.patch == {"data": {"a": "2"}}
    assert host_of(world, CONFIGMAPS, "conf")["unknown"] == {"kept": True}


def test_an_edit_on_the_host_is_put_right(world: World) -> None:
    world.round(KIND, KEY)
    host_of(world, CONFIGMAPS, "conf")["data"] = {"a": "edited", "b": "added"}
    (step,) = world.round(KIND, KEY)
    assert isinstance(step, PatchHost)
    assert step.patch == {"data": {"a": "1", "b": None}}
    assert world.plan(KIND, KEY) == []


def test_only_the_host_has_it_so_our_copy_goes_with_its_uid(world: World) -> None:
    world.round(KIND, KEY)
    uid = host_of(world, CONFIGMAPS, "conf")["metadata"]["uid"]
    world.virtual[CONFIGMAPS].by_key.clear()
    (step,) = world.plan(KIND, KEY)
    assert isinstance(step, DeleteHost)
    assert step.uid == uid


def test_a_copy_that_nothing_needs_any_more_goes(world: World) -> None:
    world.round(KIND, KEY)
    world.virtual[PODS].by_key.clear()
    (step,) = world.plan(KIND, KEY)
    assert isinstance(step, DeleteHost)


def test_a_copy_of_an_earlier_object_of_that_name_goes_before_the_new_one_comes(world: World) -> None:
    world.round(KIND, KEY)
    made_anew = a_config_map()
    made_anew["metadata"]["uid"] = "another"
    world.virtual[CONFIGMAPS].put(made_anew)
    (gone,) = world.round(KIND, KEY)
    (made,) = world.round(KIND, KEY)
    assert isinstance(gone, DeleteHost)
    assert isinstance(made, CreateHost)
    assert host_of(world, CONFIGMAPS, "conf")["metadata"]["annotations"][OBJECT_UID] == "another"


@pytest.mark.parametrize("tenant_has_it", [True, False])
def test_an_object_that_only_looks_like_ours_is_never_touched(world: World, tenant_has_it: bool) -> None:
    world.round(KIND, KEY)
    host_of(world, CONFIGMAPS, "conf")["metadata"]["annotations"][OBJECT_KIND] = "/v1, Kind=Secret"
    if not tenant_has_it:
        world.virtual[CONFIGMAPS].by_key.clear()
    steps = world.plan(KIND, KEY)
    assert writes(steps) == []
    assert any(isinstance(step, Tell) for step in steps) == tenant_has_it


def test_two_objects_whose_names_meet_on_the_host_do_not_touch_each_other_and_the_second_is_told() -> None:
    world = World()
    world.virtual[PODS].put(a_pod("a", "b-x-c"))
    world.virtual[PODS].put(a_pod("a-x-b", "c"))
    first, second = VirtualKey("b-x-c", "a"), VirtualKey("c", "a-x-b")
    world.round(PodKind(), first)
    tell, again = world.plan(PodKind(), second)
    assert isinstance(tell, Tell)
    assert "b-x-c/a" in tell.message
    assert isinstance(again, Requeue)
    (host,) = world.host[PODS]
    hint = Hint(Change((host["metadata"]["namespace"], host["metadata"]["name"]), orjson.dumps(host), None))
    assert set(PodKind().owner_key(hint, world.view)) == {first, second}


def test_a_patch_is_bound_to_the_object_that_it_was_planned_for(world: World) -> None:
    world.round(KIND, KEY)
    host = host_of(world, CONFIGMAPS, "conf")
    host["data"] = {"a": "edited"}
    (step,) = world.plan(KIND, KEY)
    assert isinstance(step, PatchHost)
    assert step.uid == host["metadata"]["uid"]


def test_a_copy_that_somebody_deletes_on_the_host_is_made_again_and_the_original_stays(world: World) -> None:
    world.round(KIND, KEY)
    host: dict[str, Any] = host_of(world, CONFIGMAPS, "conf")
    host["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert writes(world.plan(KIND, KEY)) == []
    world.host[CONFIGMAPS].by_key.clear()
    (step,) = world.plan(KIND, KEY)
    assert isinstance(step, CreateHost)
