"""Patches of the configuration: what a kind does not know, the host has and at rest nobody writes."""

from typing import Any

import pytest

from tests.unit.config.test_load import document
from tests.unit.syncer.world import NAMES, World, a_config_map, a_pod, a_service, host_of, writes
from vgateway.config.load import parse_config
from vgateway.config.paths import parse_path
from vgateway.errors import ConfigError
from vgateway.kube.objects import Obj, Resource, VirtualKey
from vgateway.syncer.kind import Kind
from vgateway.syncer.patches import places, shown, through, with_value
from vgateway.syncer.registry import kinds_for
from vgateway.syncer.resources import CONFIGMAPS, INGRESSES, PODS, SERVICES, STORAGECLASSES
from vgateway.syncer.steps import CreateHost, CreateVirtual, PatchHost, PatchVirtual, Tell

KEY = VirtualKey("default", "web")


def the_kind(resource: str, patches: list[Obj], side: str = "toHost", **more: Any) -> Kind:
    config = parse_config(document(sync={side: {resource: {"enabled": True, "patches": patches, **more}}}))
    names = {"pods": "pods", "services": "services", "configMaps": "configmaps", "ingresses": "ingresses"}
    wanted = names.get(resource, f"host {resource.lower()}.storage.k8s.io")
    return next(kind for kind in kinds_for(config) if kind.name == wanted)


def settle(world: World, kind: Kind, key: VirtualKey) -> None:
    """Go on until nothing is written any more."""
    for _ in range(5):
        if not writes(world.round(kind, key)):
            return
    raise AssertionError("it does not come to rest")


def test_a_new_copy_is_patched_and_then_nothing_is_written() -> None:
    world = World()
    kind = the_kind("services", [{"path": "spec.ports[*].targetPort", "expression": "value + 1"}])
    world.virtual[SERVICES].put(a_service())
    (made,) = writes(world.round(kind, KEY))
    assert isinstance(made, CreateHost)
    assert made.body["spec"]["ports"][0]["targetPort"] == 8081
    assert made.otherwise is not None
    assert made.otherwise["spec"]["ports"][0]["targetPort"] == 8081
    settle(world, kind, KEY)
    assert host_of(world, SERVICES, "web")["spec"]["ports"][0]["targetPort"] == 8081


def test_a_change_of_the_tenants_goes_through_the_patch_and_one_of_the_hosts_is_put_right() -> None:
    world = World()
    kind = the_kind("configMaps", [{"path": "data.host", "expression": "value + '.example.org'"}], all=True)
    mine = world.virtual[CONFIGMAPS].put(a_config_map("web", host="a", other="x"))
    mine["metadata"]["annotations"] = {"vcluster.loft.sh/force-sync": "true"}
    settle(world, kind, KEY)
    assert host_of(world, CONFIGMAPS, "web")["data"] == {"host": "a.example.org", "other": "x"}

    mine["data"]["host"] = "b"
    (patch,) = writes(world.round(kind, KEY))
    assert isinstance(patch, PatchHost)
    assert patch.patch == {"data": {"host": "b.example.org"}}
    host_of(world, CONFIGMAPS, "web")["data"]["host"] = "somebody"
    (patch,) = writes(world.round(kind, KEY))
    assert isinstance(patch, PatchHost)
    assert patch.patch == {"data": {"host": "b.example.org"}}
    assert writes(world.plan(kind, KEY)) == []


def test_labels_and_annotations_are_patched_and_the_marks_of_ownership_are_not() -> None:
    world = World()
    take = "Object.fromEntries(Object.entries(value).map(([k, v]) => [k, v + '!']))"
    kind = the_kind(
        "services",
        [
            {"path": "metadata.annotations", "expression": take},
            {"path": 'metadata.labels["a.b/c"]', "expression": "null"},
        ],
    )
    mine = a_service()
    mine["metadata"] |= {"annotations": {"note": "x"}, "labels": {"a.b/c": "1", "kept": "2"}}
    world.virtual[SERVICES].put(mine)
    settle(world, kind, KEY)
    meta = host_of(world, SERVICES, "web")["metadata"]
    assert meta["annotations"]["note"] == "x!"
    assert meta["annotations"]["vcluster.loft.sh/object-name"] == "web"
    assert meta["labels"] == {
        "kept": "2",
        "vcluster.loft.sh/managed-by": "vc",
        "vcluster.loft.sh/namespace": "default",
    }


def test_what_the_host_decides_comes_back_through_the_reverse_expression() -> None:
    world = World()
    patches = [
        {
            "path": "spec.loadBalancerIP",
            "expression": "value.replace('10.', '20.')",
            "reverseExpression": "value.replace('20.', '10.')",
        }
    ]
    kind = the_kind("services", patches)
    mine = world.virtual[SERVICES].put(a_service(type="LoadBalancer", loadBalancerIP="10.1"))
    settle(world, kind, KEY)
    theirs = host_of(world, SERVICES, "web")
    assert theirs["spec"]["loadBalancerIP"] == "20.1"
    theirs["spec"]["loadBalancerIP"] = "20.7"
    steps = writes(world.round(kind, KEY))
    assert [type(step) for step in steps] == [PatchVirtual]
    assert world.virtual[SERVICES].get("default", "web") != mine
    found = world.virtual[SERVICES].get("default", "web")
    assert found is not None
    assert found["spec"]["loadBalancerIP"] == "10.7"
    assert theirs["spec"]["loadBalancerIP"] == "20.7"
    assert writes(world.plan(kind, KEY)) == []


def test_containers_are_told_apart_by_name_whatever_the_host_adds() -> None:
    world = World()
    kind = the_kind("pods", [{"path": "spec.containers[*].image", "expression": "'mirror/' + value"}])
    mine = world.virtual[PODS].put(a_pod())
    settle(world, kind, KEY)
    theirs = host_of(world, PODS, "web")
    assert theirs["spec"]["containers"][0]["image"] == "mirror/busybox"
    theirs["spec"]["containers"].insert(0, {"name": "injected", "image": "sidecar"})
    assert writes(world.plan(kind, KEY)) == []

    mine["spec"]["containers"][0]["image"] = "busybox:2"
    (patch,) = [step for step in writes(world.round(kind, KEY)) if isinstance(step, PatchHost)]
    assert patch.patch["spec"] == {"containers": [{"name": "main", "image": "mirror/busybox:2"}]}
    settle(world, kind, KEY)


def test_a_reference_is_called_as_the_host_calls_it_and_asks_for_a_copy() -> None:
    patches = [
        {"path": 'metadata.annotations["example.io/secret"]', "reference": {"kind": "Secret"}},
        {"path": "spec.class", "reference": {"kind": "StorageClass"}},
        {"path": "spec.ca", "reference": {"kind": "ConfigMap"}},
        {"path": "spec.peers[*]", "reference": {"kindPath": "kind", "namePath": "name", "namespacePath": "ns"}},
    ]
    widgets = {"widgets.example.io": {"enabled": True, "kind": "Widget", "patches": patches}}
    kinds = kinds_for(parse_config(document(sync={"toHost": {"customResources": widgets}})))
    kind = next(one for one in kinds if one.name == "widgets.example.io")
    resource = Resource("example.io", "v1", "widgets", "Widget")
    world = World()
    world.adopt(resource)
    widget = {
        "apiVersion": "example.io/v1",
        "kind": "Widget",
        "metadata": {"name": "web", "namespace": "default", "annotations": {"example.io/secret": "key"}},
        "spec": {
            "class": "fast",
            "ca": "kube-root-ca.crt",
            "peers": [{"kind": "Secret", "name": "s", "ns": "other"}, {"kind": "", "name": "t"}],
        },
    }
    world.virtual[resource].put(widget)
    settle(world, kind, KEY)
    copy = host_of(world, resource, "web")
    assert copy["metadata"]["annotations"]["example.io/secret"] == NAMES.host_name("key", "default")
    peer = {"kind": "Secret", "name": NAMES.host_name("s", "other"), "ns": "host-ns"}
    assert copy["spec"] == {"class": "fast", "ca": NAMES.root_ca, "peers": [peer, {"kind": "", "name": "t"}]}
    assert set(kind.patches.referred(widget)) >= {
        ("Secret", VirtualKey("default", "key")),
        ("Secret", VirtualKey("other", "s")),
    }
    secrets = next(one for one in kinds if one.name == "secrets")
    (index,) = (one for one in secrets.indexes if one.resource == resource)
    assert set(index.by(widget)) >= {"secrets/default/key", "secrets/other/s"}
    (wake,) = (one for one in secrets.wakes if one.resource == resource)
    assert wake.side.value == "virtual"


def test_a_name_that_the_kind_translates_itself_is_translated_once() -> None:
    world = World()
    patch = {"path": "spec.tls[*].secretName", "reference": {"kind": "Secret"}}
    kind = the_kind("ingresses", [patch])
    world.virtual[INGRESSES].put(
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": {"name": "web", "namespace": "default"},
            "spec": {"tls": [{"secretName": "cert"}]},
        }
    )
    settle(world, kind, KEY)
    assert host_of(world, INGRESSES, "web")["spec"]["tls"] == [{"secretName": NAMES.host_name("cert", "default")}]


@pytest.mark.parametrize(
    ("value", "becomes"),
    [
        ({"app": "web", "release": "r"}, {"app": "web", "vcluster.loft.sh/label-vc-x-a4d451ec23": "r"}),
        (
            {"matchLabels": {"app": "web"}},
            {
                "matchLabels": {"vcluster.loft.sh/managed-by": "vc"},
                "matchExpressions": [
                    {"key": "app", "operator": "In", "values": ["web"]},
                    {"key": "vcluster.loft.sh/namespace", "operator": "In", "values": ["default"]},
                ],
            },
        ),
        ("app", "app"),
        (3, 3),
    ],
)
def test_labels_are_translated_and_a_selector_stays_within_the_namespace(value: Any, becomes: Any) -> None:
    widgets = {"enabled": True, "kind": "Widget", "patches": [{"path": "spec.who", "labels": {}}]}
    kinds = kinds_for(parse_config(document(sync={"toHost": {"customResources": {"widgets.example.io": widgets}}})))
    kind = next(one for one in kinds if one.name == "widgets.example.io")
    resource = Resource("example.io", "v1", "widgets", "Widget")
    world = World()
    world.adopt(resource)
    meta = {"name": "web", "namespace": "default"}
    world.virtual[resource].put(
        {"apiVersion": "example.io/v1", "kind": "Widget", "metadata": meta, "spec": {"who": value}}
    )
    settle(world, kind, KEY)
    assert host_of(world, resource, "web")["spec"]["who"] == becomes


def test_what_the_host_shows_is_patched_on_its_way_up() -> None:
    world = World()
    patch = {"path": "parameters.tier", "expression": "value.toUpperCase()"}
    kind = the_kind("storageClasses", [patch], side="fromHost")
    meta = {"name": "fast", "labels": {}}
    world.host[STORAGECLASSES].put(
        {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": meta, "parameters": {"tier": "gold"}}
    )
    (made,) = world.round(kind, VirtualKey("", "fast"))
    assert isinstance(made, CreateVirtual)
    assert made.body["parameters"] == {"tier": "GOLD"}
    assert world.plan(kind, VirtualKey("", "fast")) == []


def test_a_patch_that_fails_is_told_and_stops_what_goes_down_but_not_what_comes_up() -> None:
    world = World()
    kind = the_kind("pods", [{"path": "spec.containers[*].image", "expression": "value.no.such"}])
    world.virtual[PODS].put(a_pod())
    (told,) = [step for step in world.plan(kind, KEY) if isinstance(step, Tell)]
    assert told.reason == "PatchFailed"
    assert told.message.startswith("sync.toHost.pods.patches.0.expression fails: TypeError")
    assert writes(world.plan(kind, KEY)) == []

    plain = the_kind("pods", [])
    settle(world, plain, KEY)
    host_of(world, PODS, "web")["status"] = {"phase": "Running"}
    assert {type(step) for step in writes(world.plan(kind, KEY))} == {PatchVirtual}


def test_a_patch_that_makes_no_map_of_labels_fails() -> None:
    world = World()
    kind = the_kind("services", [{"path": "metadata.labels", "expression": "1"}])
    world.virtual[SERVICES].put(a_service())
    (told, _) = world.plan(kind, KEY)
    assert isinstance(told, Tell)
    assert told.message == "metadata.labels must stay a map"


@pytest.mark.parametrize(
    ("side", "resource", "patch", "says"),
    [
        ("toHost", "services", {"path": "spec.x", "expression": "1 +"}, "services.patches.0.expression: SyntaxError"),
        ("toHost", "services", {"path": "status.x", "labels": {}}, "services.patches.0.path: the status is the host's"),
        (
            "fromHost",
            "storageClasses",
            {"path": "a", "labels": {}},
            "storageClasses.patches.0: what comes from the host",
        ),
        (
            "fromHost",
            "storageClasses",
            {"path": "a", "expression": "1", "reverseExpression": "1"},
            "storageClasses.patches.0.reverseExpression: nothing of this kind",
        ),
    ],
)
def test_what_cannot_work_is_refused_at_the_start(side: str, resource: str, patch: Obj, says: str) -> None:
    with pytest.raises(ConfigError, match=rf"^sync\.{side}\.{says}"):
        the_kind(resource, [patch], side=side)


@pytest.mark.parametrize(
    ("host", "patched", "plain", "seen"),
    [
        ("b", "b", "a", "a"),
        ("a", "b", "a", "b"),
        ("c", "b", "a", "c"),
        ({"x": 3, "y": 2}, {"x": 3}, {"x": 1}, {"x": 1, "y": 2}),
        ({"y": 2}, {"y": 2}, {"x": 1, "y": 2}, {"x": 1, "y": 2}),
        ({"x": 1, "y": 2}, {"y": 2}, {"x": 1, "y": 2}, {"y": 2}),
        ({"x": 5}, {}, {"x": 1}, {"x": 5}),
        ({"x": 1, "z": 0}, {"x": 1}, {}, {"z": 0}),
        ([1, 4, 3], [1, 4], [1, 2], [1, 2, 3]),
        ([1, 2], [4], [1, 2, 3], [1, 2]),
        (
            [{"name": "s"}, {"name": "b", "v": 2}],
            [{"name": "a"}, {"name": "b", "v": 2}],
            [{"name": "a"}, {"name": "b", "v": 1}],
            [{"name": "s"}, {"name": "b", "v": 1}],
        ),
        ([{"name": "A"}, {"name": "s"}], [{"name": "A"}], [{"name": "a"}], [{"name": "a"}, {"name": "s"}]),
    ],
)
def test_the_host_is_shown_as_if_there_were_no_patches(host: Any, patched: Any, plain: Any, seen: Any) -> None:
    assert shown(host, patched, plain) == seen


@pytest.mark.parametrize(
    ("patch", "plain", "patched", "sent"),
    [
        ({"x": 1}, {"x": 1, "y": 0}, {"x": 2, "y": 0}, {"x": 2}),
        ({"y": 0}, {"x": 1, "y": 0}, {"x": 2, "y": 0}, {"y": 0}),
        ({"x": None}, {"x": 1}, {"x": 2}, {"x": None}),
        ({"x": 1}, {"x": 1, "y": 0}, {"y": 0}, {"x": None}),
        ({"x": None}, {"y": 0}, {"x": 1, "y": 0}, {"x": 1}),
        ({"l": [{"x": 1, "n": 9}]}, {"l": [{"x": 1}]}, {"l": [{"x": 2}]}, {"l": [{"x": 2, "n": 9}]}),
        ({"l": [{"x": 1, "n": 9}]}, {"l": [{"x": 1}]}, {"l": [{}]}, {"l": [{"n": 9}]}),
    ],
)
def test_what_is_sent_holds_patched_values(patch: Any, plain: Any, patched: Any, sent: Any) -> None:
    assert through(patch, plain, patched) == sent


def test_a_copy_from_before_the_patch_is_patched_and_one_from_after_it_is_put_right() -> None:
    world = World()
    world.virtual[SERVICES].put(a_service())
    before = the_kind("services", [])
    settle(world, before, KEY)
    patch = {"path": "spec.ports[*].targetPort", "expression": "value + 1"}
    kind = the_kind("services", [patch, {"path": "spec.selector.app", "expression": "null"}])
    settle(world, kind, KEY)
    spec = host_of(world, SERVICES, "web")["spec"]
    assert spec["ports"][0]["targetPort"] == 8081
    assert "app" not in spec["selector"]
    settle(world, before, KEY)
    spec = host_of(world, SERVICES, "web")["spec"]
    assert spec["ports"][0]["targetPort"] == 8080
    assert spec["selector"]["app"] == "web"


def test_a_path_leads_to_what_is_there() -> None:
    obj = {"a": [{"b": 1}, {"c": 2}, {"b": 3}], "m": {"x": {"y": 1}, "z": 2}}
    assert list(places(obj, parse_path("a[*].b"))) == [("a", 0, "b"), ("a", 2, "b")]
    assert list(places(obj, parse_path("m.*.y"))) == [("m", "x", "y")]
    assert list(places(obj, parse_path("a[5]"))) == []
    assert list(places(obj, parse_path("a.b"))) == []
    assert with_value(obj, ("a", 1), None)["a"] == [{"b": 1}, {"b": 3}]
    assert with_value(obj, ("m", "x", "y"), None)["m"] == {"x": {}, "z": 2}
    assert obj["m"] == {"x": {"y": 1}, "z": 2}
