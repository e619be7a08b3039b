"""The compact store: copies out, one writer, all-at-once replacement, indexes."""

from typing import Any

from vgateway.kube.objects import Obj, Resource, labels
from vgateway.kube.store import Change, Store

PODS = Resource("", "v1", "pods", "Pod")


def pod(name: str, namespace: str = "default", **label: str) -> Obj:
    return {"metadata": {"name": name, "namespace": namespace, "labels": label, "managedFields": [{"a": 1}]}}


def store_of(*objs: Obj) -> Store:
    store = Store(PODS)
    for obj in objs:
        store.put(obj)
    return store


def seen(change: Change | None) -> tuple[str, Any, Any]:
    assert change is not None
    old, new = change.old, change.new
    return change.name, old and labels(old), new and labels(new)


def test_an_object_comes_back_whole_but_for_managed_fields_and_with_its_kind() -> None:
    store = store_of(pod("a", app="web"))

    assert store.get("default", "a") == {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "a", "namespace": "default", "labels": {"app": "web"}},
    }


def test_a_reader_may_change_what_it_got_without_harm() -> None:
    store = store_of(pod("a", app="web"))
    got = store.get("default", "a")
    assert got is not None
    got["metadata"]["labels"]["app"] = "spoiled"

    again = store.get("default", "a")
    assert again is not None
    assert labels(again) == {"app": "web"}


def test_what_is_not_there_is_none() -> None:
    store = store_of(pod("a"))

    assert store.get("default", "b") is None
    assert store.get("other", "a") is None
    assert ("default", "a") in store
    assert len(store) == 1


def test_a_change_says_what_was_and_what_is() -> None:
    store = Store(PODS)

    assert seen(store.put(pod("a", v="1"))) == ("a", None, {"v": "1"})
    assert seen(store.put(pod("a", v="2"))) == ("a", {"v": "1"}, {"v": "2"})
    assert seen(store.remove(("default", "a"))) == ("a", {"v": "2"}, None)


def test_what_changes_nothing_is_no_change() -> None:
    store = store_of(pod("a"))

    assert store.put(pod("a")) is None
    assert store.remove(("default", "b")) is None


def test_items_of_a_list_and_objects_of_a_watch_are_held_alike() -> None:
    store = store_of(pod("a"))

    assert store.put({"kind": "Pod", "apiVersion": "v1", **pod("a")}) is None


def test_a_new_list_is_invisible_until_it_is_whole() -> None:
    store = store_of(pod("a"))

    store.stage([pod("b")])
    assert sorted(store.keys()) == [("default", "a")]
    store.stage([pod("c")])
    store.swap()
    assert sorted(store.keys()) == [("default", "b"), ("default", "c")]


def test_a_new_list_tells_of_what_vanished_came_and_changed_but_not_of_what_stayed() -> None:
    store = store_of(pod("gone"), pod("stays"), pod("changes", v="1"))

    store.stage([pod("stays"), pod("changes", v="2"), pod("comes")])

    assert sorted(map(str, store.swap())) == [
        "Change(added default/comes)",
        "Change(changed default/changes)",
        "Change(removed default/gone)",
    ]


def test_an_object_that_was_made_anew_between_two_lists_went_and_came() -> None:
    first, second = pod("a"), pod("a")
    first["metadata"]["uid"], second["metadata"]["uid"] = "u1", "u2"
    store = store_of(first)
    store.stage([second])
    assert [(change.went, change.came) for change in store.swap()] == [(True, False), (False, True)]


def test_a_list_that_broke_off_leaves_nothing_behind() -> None:
    store = store_of(pod("a"))

    store.stage([pod("b")])
    store.unstage()
    store.stage([pod("a")])

    assert store.swap() == []


def by_app(obj: Obj) -> list[str]:
    return [value for name, value in labels(obj).items() if name in ("app", "also")]


def test_an_index_follows_every_change() -> None:
    store = store_of(pod("a", app="web"))
    store.add_index("app", by_app)

    store.put(pod("b", app="web", also="db"))
    assert store.keys_by_index("app", "web") == [("default", "a"), ("default", "b")]
    store.put(pod("a", app="db"))
    assert store.keys_by_index("app", "web") == [("default", "b")]
    assert store.keys_by_index("app", "db") == [("default", "a"), ("default", "b")]
    store.remove(("default", "b"))
    assert store.by_index("app", "web") == []
    store.stage([pod("c", app="web")])
    store.swap()
    assert store.keys_by_index("app", "web") == [("default", "c")]
    assert store.keys_by_index("app", "db") == []


def test_an_index_gives_objects() -> None:
    store = store_of(pod("a", app="web"))
    store.add_index("app", by_app)

    assert store.by_index("app", "web") == [store.get("default", "a")]


def test_a_kind_may_trim_what_is_kept() -> None:
    def names_only(obj: Obj) -> Obj:
        meta = obj["metadata"]
        return {"metadata": {"name": meta["name"], "namespace": meta["namespace"]}}

    store = Store(PODS, names_only)
    store.put(pod("a", app="web"))

    assert list(store) == [{"metadata": {"name": "a", "namespace": "default"}}]


def test_cluster_scoped_objects_have_an_empty_namespace() -> None:
    store = Store(Resource("", "v1", "nodes", "Node", namespaced=False))
    store.put({"metadata": {"name": "n"}})

    assert list(store.keys()) == [("", "n")]
