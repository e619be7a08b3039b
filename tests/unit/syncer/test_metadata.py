from tests.unit.syncer.world import NAMES, World, a_pod
from vgateway.kube.objects import HostObj, VirtualObj
from vgateway.kube.ownership import MANAGED_BY, NAMESPACE_LABEL, OBJECT_UID
from vgateway.syncer.metadata import (
    LAST_APPLIED,
    MANAGED_LABELS,
    bookkeeping,
    host_annotations,
    host_label_key,
    host_labels,
    host_selector,
    metadata_patch,
    namespace_label_key,
    owner_references,
    owners_patch,
)
from vgateway.syncer.resources import PODS


def virtual(**meta: object) -> VirtualObj:
    pod = a_pod()
    pod["metadata"].update(meta)
    return VirtualObj(pod)


def test_labels_go_over_as_they_are_but_for_the_four_that_mean_something_else() -> None:
    found = host_labels(NAMES, virtual(labels={"app": "web", "release": "r1", MANAGED_BY: "forged"}))
    assert found["app"] == "web"
    assert found[host_label_key(NAMES, "release")] == "r1"
    assert "release" not in found
    assert (found[MANAGED_BY], found[NAMESPACE_LABEL]) == ("vc", "default")


def test_a_tenant_cannot_pose_as_another_namespace_by_a_forged_label() -> None:
    forged = namespace_label_key(NAMES, "team")
    assert forged not in host_labels(NAMES, virtual(labels={forged: "admin"}))


def test_the_marks_of_ownership_are_ours_whatever_the_tenant_writes() -> None:
    found = host_annotations(NAMES, PODS, virtual(annotations={OBJECT_UID: "forged", LAST_APPLIED: "{}", "a": "b"}))
    assert (found[OBJECT_UID], found["a"]) == ("u-default-web", "b")
    assert LAST_APPLIED not in found


def test_a_key_that_the_tenant_removed_goes_and_the_hosts_own_stays() -> None:
    host = HostObj(
        {"metadata": {"labels": {"a": "1", "b": "2", "host": "h"}, "annotations": bookkeeping(["a", "b"], [])}}
    )
    patch = metadata_patch(host, {"a": "1"}, {})
    assert patch["labels"] == {"b": None}
    assert patch["annotations"] == {MANAGED_LABELS: "a"}


def test_right_metadata_needs_no_patch() -> None:
    labels, marks = {"a": "1"}, {"x": "y"}
    host = HostObj(
        {"metadata": {"labels": labels, "annotations": {**marks, **bookkeeping(labels, marks), "more": "m"}}}
    )
    assert metadata_patch(host, labels, marks) == {}


def test_an_edit_of_our_labels_on_the_host_is_put_right() -> None:
    host = HostObj({"metadata": {"labels": {"a": "changed"}, "annotations": bookkeeping(["a"], [])}})
    assert metadata_patch(host, {"a": "1"}, {})["labels"] == {"a": "1"}


def test_the_service_of_the_virtual_cluster_owns_every_copy_also_after_it_was_made_anew() -> None:
    world = World()
    service = world.front.get("host-ns", "vc")
    assert service is not None
    (owner,) = owner_references(world.view, virtual())
    assert owner["uid"] == service["metadata"]["uid"]
    others = [{**owner, "uid": "old"}, {"kind": "Job", "name": "j", "uid": "j"}]
    stale = HostObj({"metadata": {"namespace": "host-ns", "ownerReferences": others}})
    patched = owners_patch(world.view, stale)["ownerReferences"]
    assert [ref["uid"] for ref in patched] == ["j", owner["uid"]]
    assert owners_patch(world.view, HostObj({"metadata": {"namespace": "host-ns", "ownerReferences": patched}})) == {}


def test_a_copy_is_controlled_if_its_original_is() -> None:
    controlled = virtual(ownerReferences=[{"kind": "ReplicaSet", "controller": True}])
    assert owner_references(World().view, controlled)[0]["controller"] is True
    assert "controller" not in owner_references(World().view, virtual())[0]


def test_a_selector_is_confined_to_one_namespace_of_one_tenant() -> None:
    assert host_selector(NAMES, {"app": "web"}, "team") == {"app": "web", NAMESPACE_LABEL: "team", MANAGED_BY: "vc"}
    assert (host_selector(NAMES, None, "team"), host_selector(NAMES, {}, "team")) == (None, {})
