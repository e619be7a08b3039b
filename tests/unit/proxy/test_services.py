"""Which requests the front reads, and what it makes of them."""

from typing import Any

import orjson
import pytest

from vgateway.kube.objects import VirtualKey
from vgateway.proxy.servicebodies import PROTOBUF, Reading, Way, asked_by, asked_in, dry_run, needs_address, reading_of
from vgateway.proxy.target import read_target

PLACE = "/api/v1/namespaces/shop/services"
WEB = f"{PLACE}/web"
JSON = {"Content-Type": "application/json; charset=utf-8"}
CREATION = Reading(Way.CREATE, "application/json", VirtualKey("shop", ""))
PATCH = Reading(Way.MERGE, "application/merge-patch+json", VirtualKey("shop", "web"))


def encoded(encoding: str) -> dict[str, str]:
    return {"Content-Type": encoding}


@pytest.mark.parametrize(
    ("method", "target", "headers", "way"),
    [
        pytest.param("POST", f"{PLACE}?fieldManager=kubectl", JSON, Way.CREATE, id="a-creation"),
        pytest.param("POST", PLACE, encoded(PROTOBUF), Way.CREATE, id="a-creation-in-protobuf"),
        pytest.param("PUT", WEB, JSON, Way.REPLACE, id="a-change"),
        pytest.param("PATCH", WEB, encoded("application/merge-patch+json"), Way.MERGE, id="a-patch"),
        pytest.param("PATCH", WEB, encoded("application/strategic-merge-patch+json"), Way.MERGE, id="as-kubectl-does"),
        pytest.param("PATCH", WEB, encoded("application/apply-patch+yaml"), Way.APPLY, id="server-side-apply"),
        pytest.param("PATCH", WEB, encoded("application/json-patch+json"), None, id="a-list-of-steps"),
        pytest.param("PUT", WEB, encoded(PROTOBUF), None, id="a-change-in-protobuf"),
        pytest.param("PUT", f"{WEB}/status", JSON, None, id="a-status"),
        pytest.param("POST", WEB, JSON, None, id="no-request-of-the-api"),
        pytest.param("GET", PLACE, JSON, None, id="a-list"),
        pytest.param("DELETE", WEB, JSON, None, id="an-end"),
        pytest.param("POST", f"{PLACE}?dryRun=All", JSON, None, id="a-dry-run"),
        pytest.param("POST", f"{WEB}/proxy", JSON, None, id="a-call-of-an-application"),
        pytest.param("POST", "/api/v1/namespaces/shop/pods", JSON, None, id="another-kind"),
        pytest.param("POST", "/apis/serving.io/v1/namespaces/shop/services", JSON, None, id="another-group"),
        pytest.param("POST", PLACE, {**JSON, "Content-Encoding": "gzip"}, None, id="a-compressed-body"),
        pytest.param("POST", PLACE, {**JSON, "Expect": "100-continue"}, None, id="a-body-that-waits"),
    ],
)
def test_the_front_reads_only_what_may_give_a_service_an_address(
    method: str, target: str, headers: dict[str, str], way: Way | None
) -> None:
    found = reading_of(method, read_target(target), headers)
    assert (None if found is None else found.way) is way
    assert found is None or found.key == VirtualKey("shop", "" if way is Way.CREATE else "web")


@pytest.mark.parametrize(
    ("reading", "body", "needs"),
    [
        pytest.param(CREATION, {"metadata": {"name": "web"}, "spec": {"ports": [{"port": 80}]}}, True, id="ordinary"),
        pytest.param(CREATION, {"metadata": {"name": "web"}, "spec": {"clusterIP": "None"}}, False, id="headless"),
        pytest.param(CREATION, {"metadata": {"name": "web"}, "spec": {"type": "ExternalName"}}, False, id="elsewhere"),
        pytest.param(CREATION, {"metadata": {"name": "web"}}, False, id="without-a-spec"),
        pytest.param(CREATION, {"metadata": {}, "spec": {"ports": ["80"]}}, False, id="ports-that-are-none"),
        pytest.param(CREATION, {"spec": {"ports": []}}, False, id="without-a-name"),
        pytest.param(CREATION, [], False, id="no-object"),
        pytest.param(PATCH, {"spec": {"type": "ClusterIP"}}, True, id="a-patch"),
        pytest.param(PATCH, {"metadata": {"labels": {"a": "b"}}}, False, id="a-patch-of-labels"),
        pytest.param(PATCH, {"spec": {"type": "ExternalName"}}, False, id="a-patch-to-a-name-elsewhere"),
    ],
)
def test_what_needs_no_address_of_the_host_is_passed_on(reading: Reading, body: Any, needs: bool) -> None:
    assert (asked_in(reading, orjson.dumps(body)) is not None) is needs


def test_what_is_no_json_is_passed_on() -> None:
    assert asked_in(CREATION, b"{") is None
    assert asked_in(PATCH, b"spec:\n  type: ClusterIP\n") is None


def draft(fields: dict[str, Any]) -> dict[str, Any]:
    """What a cluster would make of a Service of which a client has set these fields."""
    ports = [
        {"port": 80, "protocol": "TCP", "targetPort": 8080, "nodePort": 30100},
        {"port": 53, "protocol": "UDP", "targetPort": 53, "nodePort": 30101},
    ]
    spec = {"type": "NodePort", "clusterIP": "10.0.0.7", "clusterIPs": ["10.0.0.7"], "ports": ports}
    entry = {"manager": "controller", "operation": "Update", "fieldsV1": {"f:spec": fields}}
    meta = {"name": "web-1", "generateName": "web-", "labels": {"a": "b"}, "uid": "1", "managedFields": [entry]}
    return {"metadata": meta, "spec": spec}


@pytest.mark.parametrize(
    ("fields", "kept", "node_ports"),
    [
        pytest.param({"f:type": {}}, set(), [None, None], id="nothing-in-particular"),
        pytest.param({"f:clusterIP": {}}, {"clusterIP"}, [None, None], id="an-address"),
        pytest.param(
            {"f:ports": {'k:{"port":53,"protocol":"UDP"}': {".": {}, "f:nodePort": {}}}},
            set(),
            [None, 30101],
            id="a-node-port",
        ),
    ],
)
def test_of_what_is_not_decoded_the_wishes_are_told_from_what_was_allocated(
    fields: dict[str, Any], kept: set[str], node_ports: list[int | None]
) -> None:
    asked = asked_by(draft(fields), ("clusterIP", "clusterIPs"))
    assert asked is not None
    assert asked["metadata"] == {"name": "web-1", "generateName": "web-", "labels": {"a": "b"}}
    assert set(asked["spec"]) & {"clusterIP", "clusterIPs"} == kept
    assert [port.get("nodePort") for port in asked["spec"]["ports"]] == node_ports
    assert asked["spec"]["ports"][0]["targetPort"] == 8080
    assert needs_address(asked)


def test_without_managed_fields_nobody_can_tell() -> None:
    known = draft({})
    del known["metadata"]["managedFields"]
    assert asked_by(known, ("clusterIP",)) is None


@pytest.mark.parametrize(
    ("target", "expected"),
    [(PLACE, f"{PLACE}?dryRun=All"), (f"{PLACE}?fieldManager=k", f"{PLACE}?fieldManager=k&dryRun=All")],
)
def test_the_same_request_is_asked_for_without_effect_first(target: str, expected: str) -> None:
    assert dry_run(read_target(target)) == expected
