"""Which requests the front reads, and what it makes of them."""

from typing import Any

import orjson
import pytest

from vgateway.proxy.services import creates_service, dry_run, service_of
from vgateway.proxy.target import read_target

PLACE = "/api/v1/namespaces/shop/services"
JSON = {"Content-Type": "application/json; charset=utf-8"}


@pytest.mark.parametrize(
    ("method", "target", "headers", "read"),
    [
        pytest.param("POST", f"{PLACE}?fieldManager=kubectl", JSON, True, id="a-creation"),
        pytest.param("GET", PLACE, JSON, False, id="a-list"),
        pytest.param("POST", f"{PLACE}?dryRun=All", JSON, False, id="a-dry-run"),
        pytest.param("POST", f"{PLACE}/web/proxy", JSON, False, id="a-call-of-an-application"),
        pytest.param("POST", "/api/v1/namespaces/shop/pods", JSON, False, id="another-kind"),
        pytest.param("POST", "/apis/serving.io/v1/namespaces/shop/services", JSON, False, id="another-group"),
        pytest.param(
            "POST", PLACE, {"Content-Type": "application/vnd.kubernetes.protobuf"}, False, id="another-encoding"
        ),
        pytest.param("POST", PLACE, {**JSON, "Content-Encoding": "gzip"}, False, id="a-compressed-body"),
        pytest.param("POST", PLACE, {**JSON, "Expect": "100-continue"}, False, id="a-body-that-waits"),
    ],
)
def test_the_front_reads_the_creation_of_services_only(
    method: str, target: str, headers: dict[str, str], read: bool
) -> None:
    assert creates_service(method, read_target(target), headers) is read


@pytest.mark.parametrize(
    ("body", "needs"),
    [
        pytest.param({"metadata": {"name": "web"}, "spec": {"ports": [{"port": 80}]}}, True, id="an-ordinary-one"),
        pytest.param({"metadata": {"name": "web"}, "spec": {"clusterIP": "None"}}, False, id="headless"),
        pytest.param({"metadata": {"name": "web"}, "spec": {"type": "ExternalName"}}, False, id="a-name-elsewhere"),
        pytest.param({"metadata": {"name": "web"}}, False, id="without-a-spec"),
        pytest.param({"metadata": {}, "spec": {"ports": ["80"]}}, False, id="ports-that-are-none"),
        pytest.param([], False, id="no-object"),
    ],
)
def test_a_service_that_needs_no_address_of_the_host_is_passed_on(body: Any, needs: bool) -> None:
    assert (service_of(orjson.dumps(body)) is not None) is needs


def test_what_is_no_json_is_passed_on() -> None:
    assert service_of(b"{") is None


@pytest.mark.parametrize(
    ("target", "expected"),
    [(PLACE, f"{PLACE}?dryRun=All"), (f"{PLACE}?fieldManager=k", f"{PLACE}?fieldManager=k&dryRun=All")],
)
def test_the_same_request_is_asked_for_without_effect_first(target: str, expected: str) -> None:
    assert dry_run(read_target(target)) == expected
