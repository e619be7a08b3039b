"""What the host shows by name: only what the rules say, only downwards, and nothing of the tenant's is taken."""

import orjson
import pytest

from tests.unit.syncer.world import NAMES, Objects, World, writes
from vgateway.config.byname import name_rules
from vgateway.kube.objects import Obj, Resource, VirtualKey
from vgateway.kube.store import Change
from vgateway.syncer.kind import Hint, Side
from vgateway.syncer.kinds.event import FROM_HOST
from vgateway.syncer.kinds.mapped import IMPORTED, MAPPED_CONFIGMAPS, MAPPED_SECRETS, MappedKind, Maps
from vgateway.syncer.resources import CONFIGMAPS, NAMESPACES, SECRETS
from vgateway.syncer.rights import host_place_rules, host_role_rules
from vgateway.syncer.sources import label_selector, place_sources, where_of
from vgateway.syncer.steps import CreateVirtual, DeleteVirtual, PatchVirtual, Tell
from vgateway.syncer.view import Place

RULES = {"shared/*": "platform/*", "shared/db": "default/database", "/own": "default/own", "": "mine"}
KIND = MappedKind(MAPPED_SECRETS, tuple(name_rules(RULES)))
PLAIN = MappedKind(MAPPED_CONFIGMAPS, tuple(name_rules({"shared/*": "platform/*"})))
DATABASE = VirtualKey("default", "database")


def a_secret(name: str, namespace: str, **fields: object) -> Obj:
    meta = {"name": name, "namespace": namespace, "labels": {"tier": "gold"}, "annotations": {"note": "x"}}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "type": "Opaque", "data": {"a": "MQ=="}, **fields}


def with_places(kind: MappedKind, resource: Resource) -> World:
    world = World()
    assert isinstance(world.view.places, dict)
    for source in kind.reads:
        if source.place is not None:
            world.view.places[resource, source.place] = Objects()
    return world


@pytest.fixture
def world() -> World:
    return with_places(KIND, SECRETS)


def put(world: World, obj: Obj) -> Obj:
    """Put an object of the host into every place that it belongs to."""
    found = obj
    for (_, place), objects in world.view.places.items():
        namespace = place.namespace or NAMES.host_namespace
        if namespace == obj["metadata"]["namespace"] and place.name in {"", obj["metadata"]["name"]}:
            assert isinstance(objects, Objects)
            found = objects.put(obj)
    return found


def test_one_object_is_seen_under_the_name_that_the_rule_gives_it(world: World) -> None:
    put(world, a_secret("db", "shared"))
    world.round(KIND, DATABASE)
    copy = world.virtual[SECRETS].get("default", "database")
    assert copy is not None
    assert copy["data"] == {"a": "MQ=="}
    assert copy["metadata"]["labels"] == {"tier": "gold", FROM_HOST: "true"}
    assert copy["metadata"]["annotations"]["note"] == "x"
    assert copy["metadata"]["annotations"]["vcluster.loft.sh/object-host-name"] == "db"
    assert copy["metadata"]["annotations"]["vcluster.loft.sh/object-host-namespace"] == "shared"
    assert world.plan(KIND, DATABASE) == []


def test_a_namespace_that_is_missing_is_made_first(world: World) -> None:
    put(world, a_secret("db", "shared"))
    namespace, secret = world.round(KIND, VirtualKey("platform", "db"))
    assert isinstance(namespace, CreateVirtual)
    assert namespace.resource is NAMESPACES
    assert isinstance(secret, CreateVirtual)
    assert secret.resource is SECRETS


def test_while_the_namespace_is_ending_nothing_is_made_in_it(world: World) -> None:
    put(world, a_secret("db", "shared"))
    meta = {"name": "platform", "deletionTimestamp": "2026-01-01T00:00:00Z"}
    world.virtual[NAMESPACES].put({"metadata": meta})
    assert world.plan(KIND, VirtualKey("platform", "db")) == []


def test_when_the_namespace_is_gone_what_was_in_it_is_looked_at_again(world: World) -> None:
    put(world, a_secret("db", "shared"))
    put(world, a_secret("web", "shared"))
    (wake,) = (wake for wake in KIND.wakes if wake.resource is NAMESPACES)
    gone = {"metadata": {"name": "platform"}}
    assert set(wake.keys(hint(gone, went=True), world.view)) == {
        VirtualKey("platform", "db"),
        VirtualKey("platform", "web"),
    }
    assert set(wake.keys(hint(gone), world.view)) == set()


def hint(obj: Obj, *, went: bool = False) -> Hint:
    meta = obj["metadata"]
    raw = orjson.dumps(obj)
    key = (meta.get("namespace") or "", meta["name"])
    return Hint(Change(key, raw if went else None, None if went else raw))


def test_what_the_tenant_changes_is_put_right_and_what_it_adds_to_the_marks_stays(world: World) -> None:
    put(world, a_secret("db", "shared"))
    world.round(KIND, DATABASE)
    copy = world.virtual[SECRETS].get("default", "database")
    assert copy is not None
    copy["data"] = {"a": "Mg==", "b": "Mw=="}
    copy["metadata"]["labels"] |= {"tier": "lead", "mine": "too"}
    (patch,) = world.round(KIND, DATABASE)
    assert isinstance(patch, PatchVirtual)
    assert patch.patch == {"data": {"a": "MQ==", "b": None}, "metadata": {"labels": {"tier": "gold"}}}
    assert world.plan(KIND, DATABASE) == []


def test_what_the_host_takes_out_goes_from_the_copy(world: World) -> None:
    put(world, a_secret("db", "shared"))
    world.round(KIND, DATABASE)
    changed = a_secret("db", "shared", data={"c": "NA=="})
    del changed["metadata"]["labels"]["tier"]
    put(world, changed)
    (patch,) = world.round(KIND, DATABASE)
    assert isinstance(patch, PatchVirtual)
    assert patch.patch["data"] == {"a": None, "c": "NA=="}
    assert patch.patch["metadata"]["labels"] == {"tier": None}
    assert world.plan(KIND, DATABASE) == []


@pytest.mark.parametrize("change", [{"type": "kubernetes.io/tls"}, {"data": {"b": "MQ=="}}])
def test_what_cannot_be_changed_is_made_anew(world: World, change: Obj) -> None:
    put(world, a_secret("db", "shared", immutable=True))
    world.round(KIND, DATABASE)
    put(world, a_secret("db", "shared", immutable=True, **change))
    gone, made = world.round(KIND, DATABASE)
    assert isinstance(gone, DeleteVirtual)
    assert isinstance(made, CreateVirtual)
    assert world.plan(KIND, DATABASE) == []


def test_the_copy_goes_with_the_hosts_object(world: World) -> None:
    put(world, a_secret("db", "shared"))
    world.round(KIND, DATABASE)
    place = world.view.places[SECRETS, Place("shared", "db")]
    assert isinstance(place, Objects)
    place.by_key.clear()
    (gone,) = world.round(KIND, DATABASE)
    assert isinstance(gone, DeleteVirtual)


def test_the_copy_goes_with_its_rule_also_when_the_kind_is_off(world: World) -> None:
    put(world, a_secret("db", "shared"))
    world.round(KIND, DATABASE)
    off = MappedKind(MAPPED_SECRETS)
    (gone,) = world.plan(off, DATABASE)
    assert isinstance(gone, DeleteVirtual)


def test_an_object_of_the_tenants_own_is_left_alone_and_the_tenant_is_told(world: World) -> None:
    put(world, a_secret("db", "shared"))
    world.virtual[SECRETS].put(a_secret("database", "default", data={"mine": ""}))
    (told,) = world.plan(KIND, DATABASE)
    assert isinstance(told, Tell)
    assert told.reason == "NameTaken"
    assert writes(world.plan(MappedKind(MAPPED_SECRETS), DATABASE)) == []


def test_a_copy_of_a_copy_is_the_tenants(world: World) -> None:
    put(world, a_secret("db", "shared"))
    world.round(KIND, DATABASE)
    copy = world.virtual[SECRETS].get("default", "database")
    assert copy is not None
    meta = {**copy["metadata"], "name": "another"}
    world.virtual[SECRETS].put({**copy, "metadata": meta})
    assert meta["annotations"][IMPORTED]
    assert world.plan(KIND, VirtualKey("default", "another")) == []


def test_a_token_of_the_hosts_is_no_token_of_the_tenants(world: World) -> None:
    put(world, a_secret("db", "shared", type="kubernetes.io/service-account-token"))
    world.round(KIND, DATABASE)
    copy = world.virtual[SECRETS].get("default", "database")
    assert copy is not None
    assert copy["type"] == "Opaque"


@pytest.mark.parametrize("name", ["vc-vc", "vc-config-vc", "vc-certs"])
def test_the_virtual_clusters_own_keys_are_not_among_all_of_its_namespace(world: World, name: str) -> None:
    put(world, a_secret(name, "host-ns"))
    assert world.plan(KIND, VirtualKey("mine", name)) == []
    put(world, a_secret("own", "host-ns"))
    assert writes(world.plan(KIND, VirtualKey("mine", "own")))


def test_the_hosts_ca_is_not_among_all_of_a_namespace() -> None:
    world = with_places(PLAIN, CONFIGMAPS)
    for name in ("kube-root-ca.crt", "conf"):
        meta = {"name": name, "namespace": "shared"}
        put(world, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"a": "1"}})
    assert world.plan(PLAIN, VirtualKey("platform", "kube-root-ca.crt")) == []
    assert writes(world.plan(PLAIN, VirtualKey("platform", "conf")))


def test_only_what_the_rules_name_is_followed_and_no_copies_of_virtual_clusters() -> None:
    found = {
        (*where_of(source, NAMES), label_selector(source, NAMES)): source for source in place_sources([KIND]).values()
    }
    assert set(found) == {
        ("shared", "", "!vcluster.loft.sh/managed-by"),
        ("shared", "db", ""),
        ("host-ns", "own", ""),
        ("host-ns", "", "!vcluster.loft.sh/managed-by"),
    }
    assert all(source.side is Side.HOST and source.may_lack for source in found.values())


def test_a_namespace_that_cannot_be_read_keeps_only_its_own_objects_waiting() -> None:
    sources = {source.place: source for source in KIND.reads}
    assert KIND.rests_on(DATABASE, sources[Place("shared", "db")])
    assert not KIND.rests_on(DATABASE, sources[Place("shared")])
    assert not KIND.rests_on(VirtualKey("nowhere", "x"), sources[Place("shared")])


def test_the_rights_are_to_read_the_places_and_single_objects_by_name() -> None:
    read = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list", "watch"]}
    assert host_place_rules([KIND]) == {"shared": [read, read | {"resourceNames": ["db"]}]}
    assert host_role_rules([KIND]) == [read, read | {"resourceNames": ["own"]}]


def test_a_status_is_shown_where_the_resource_has_one() -> None:
    widgets = Resource("example.io", "v1", "widgets", "Widget")
    kind = MappedKind(Maps(widgets, status=True, may_lack=True), tuple(name_rules({"shared/w": "default/w"})))
    world = with_places(kind, widgets)
    world.adopt(widgets)
    widget = {
        "apiVersion": "example.io/v1",
        "kind": "Widget",
        "metadata": {"name": "w", "namespace": "shared"},
        "spec": {"size": 1},
        "status": {"made": 1},
    }
    put(world, widget)
    key = VirtualKey("default", "w")
    world.round(kind, key)
    put(world, widget | {"spec": {"size": 2}, "status": {"made": 2}})
    content, status = world.round(kind, key)
    assert isinstance(content, PatchVirtual)
    assert content.patch == {"spec": {"size": 2}}
    assert isinstance(status, PatchVirtual)
    assert (status.patch, status.subresource) == ({"status": {"made": 2}}, "status")
    assert world.plan(kind, key) == []
