from tests.unit.syncer.world import a_pod
from vgateway.kube.objects import VirtualObj
from vgateway.syncer.events import event_body
from vgateway.syncer.resources import NODES, PODS


def test_an_event_names_the_tenants_object_and_is_cut_to_what_the_api_takes() -> None:
    body = event_body(PODS, VirtualObj(a_pod()), "HostRefused", "ü" * 2000, warning=True, at="2026-01-01T00:00:00Z")
    assert body["involvedObject"] == {
        "apiVersion": "v1",
        "kind": "Pod",
        "name": "web",
        "namespace": "default",
        "uid": "u-default-web",
    }
    assert (body["type"], body["reason"], len(body["message"].encode())) == ("Warning", "HostRefused", 1024)


def test_an_event_about_a_cluster_scoped_object_lies_in_the_default_namespace() -> None:
    node = VirtualObj({"metadata": {"name": "n1", "uid": "u"}})
    body = event_body(NODES, node, "R", "m", warning=False, at="2026-01-01T00:00:00Z")
    assert (body["metadata"]["namespace"], "namespace" in body["involvedObject"], body["type"]) == (
        "default",
        False,
        "Normal",
    )
