"""Dynamic resource allocation: the tenant's pods claim devices that only the host knows."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import with_namespace
from tests.support.clusters import Clusters
from tests.support.eventually import eventually
from tests.support.kubectl import Kubectl
from tests.support.manifests import container, shell_pod

pytestmark = pytest.mark.cluster

NAME = "devices"
HOST_NAMESPACE = f"vgateway-{NAME}"
API = "resource.k8s.io/v1"
CONFIGURATION = """
sync:
  toHost:
    resourceClaims: {enabled: true}
    resourceClaimTemplates: {enabled: true}
  fromHost:
    deviceClasses: {enabled: true}
"""


@pytest.fixture(scope="module")
def claiming(clusters: Clusters, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    """The kubectl of a tenant that may claim devices."""
    configuration: Path = tmp_path_factory.mktemp("config") / "vcluster.yaml"
    configuration.write_text(CONFIGURATION)
    clusters.local("up", NAME, "--config", str(configuration))
    yield clusters.tenant(NAME)
    clusters.local("down", NAME)


@pytest.fixture(scope="module")
def device_class(host: Kubectl, claiming: Kubectl) -> Iterator[str]:
    """A class of the host's with two devices, seen by the tenant."""
    name = f"class-{uuid.uuid4().hex[:6]}"
    driver = f"{name}.example.io"
    selector = {"cel": {"expression": f'device.driver == "{driver}"'}}
    kind = {"apiVersion": API, "kind": "DeviceClass", "metadata": {"name": name}, "spec": {"selectors": [selector]}}
    slices = {
        "apiVersion": API,
        "kind": "ResourceSlice",
        "metadata": {"name": name},
        "spec": {
            "driver": driver,
            "allNodes": True,
            "pool": {"name": "pool", "generation": 1, "resourceSliceCount": 1},
            "devices": [{"name": "one"}, {"name": "two"}],
        },
    }
    host.apply(kind, slices)
    eventually(lambda: claiming.run("get", "deviceclass", name).returncode, lambda code: code == 0)
    yield name
    host.run("delete", "resourceslice", name)
    host.run("delete", "deviceclass", name)
    eventually(lambda: claiming.run("get", "deviceclass", name).returncode, lambda code: code != 0)


@pytest.fixture
def place(claiming: Kubectl) -> Iterator[str]:
    """A namespace of that tenant's for one test."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    claiming.ok("create", "namespace", name)
    yield name
    claiming.ok("delete", "namespace", name, "--wait=false")


def wish(device_class: str) -> dict[str, Any]:
    """Return the spec of a claim for one device."""
    return {"devices": {"requests": [{"name": "it", "exactly": {"deviceClassName": device_class}}]}}


def claiming_pod(name: str, **entry: str) -> dict[str, Any]:
    """Return a pod with a claim, by its name or by a template."""
    main = container(resources={"claims": [{"name": "device"}]})
    return shell_pod(name, main, resourceClaims=[{"name": "device", **entry}])


def reserved(found: dict[str, Any]) -> list[tuple[str, str]]:
    """Return for whom a claim is reserved."""
    return [(one["name"], one["uid"]) for one in found.get("status", {}).get("reservedFor", [])]


def copies(host: Kubectl, kind: str, place: str) -> list[dict[str, Any]]:
    """Return what of a kind the host has for a namespace of the tenant's."""
    labels = ("-l", f"vcluster.loft.sh/namespace={place}")
    found: list[dict[str, Any]] = host.json("get", kind, "-n", HOST_NAMESPACE, *labels)["items"]
    return found


def test_a_pod_gets_a_device_by_a_template_and_gives_it_back_with_its_end(
    claiming: Kubectl, host: Kubectl, place: str, device_class: str
) -> None:
    template = {"apiVersion": API, "kind": "ResourceClaimTemplate", "metadata": {"name": "one"}}
    claiming.apply(with_namespace({**template, "spec": {"spec": wish(device_class)}}, place))
    claiming.apply(with_namespace(claiming_pod("user", resourceClaimTemplateName="one"), place))

    (mine,) = eventually(
        lambda: claiming.json("get", "resourceclaims", "-n", place)["items"],
        lambda found: bool(found) and bool(reserved(found[0])),
    )
    pod = claiming.json("get", "pod", "user", "-n", place)
    assert reserved(mine) == [("user", pod["metadata"]["uid"])]
    (device,) = mine["status"]["allocation"]["devices"]["results"]
    assert device["device"] in ("one", "two")
    (copy,) = copies(host, "resourceclaims", place)
    (twin,) = copies(host, "pods", place)
    assert copy["metadata"]["annotations"]["vcluster.loft.sh/object-name"] == mine["metadata"]["name"]
    assert twin["spec"]["resourceClaims"] == [{"name": "device", "resourceClaimName": copy["metadata"]["name"]}]
    assert reserved(copy) == [(twin["metadata"]["name"], twin["metadata"]["uid"])]
    (status,) = pod["status"]["resourceClaimStatuses"]
    assert status["resourceClaimName"] == mine["metadata"]["name"]
    node = ("get", "pod", "user", "-n", place, "-o", "jsonpath={.spec.nodeName}")
    assert eventually(lambda: claiming.ok(*node), bool) == twin["spec"]["nodeName"]
    assert [one["spec"]["spec"] for one in copies(host, "resourceclaimtemplates", place)] == [mine["spec"]]

    claiming.ok("delete", "pod", "user", "-n", place)
    eventually(lambda: claiming.json("get", "resourceclaims", "-n", place)["items"], lambda left: not left)
    eventually(lambda: copies(host, "resourceclaims", place), lambda left: not left)
    claiming.ok("delete", "resourceclaimtemplate", "one", "-n", place)
    eventually(lambda: copies(host, "resourceclaimtemplates", place), lambda left: not left)


def test_a_claim_that_a_pod_uses_stays_until_the_pod_is_gone_and_one_that_the_host_drops_comes_again(
    claiming: Kubectl, host: Kubectl, place: str, device_class: str
) -> None:
    claim = {"apiVersion": API, "kind": "ResourceClaim", "metadata": {"name": "mine"}, "spec": wish(device_class)}
    claiming.apply(with_namespace(claim, place))
    (copy,) = eventually(lambda: copies(host, "resourceclaims", place), bool)
    before = copy["metadata"]["uid"]
    host.ok("delete", "resourceclaim", copy["metadata"]["name"], "-n", HOST_NAMESPACE)
    eventually(
        lambda: [one["metadata"]["uid"] for one in copies(host, "resourceclaims", place)],
        lambda uids: uids not in ([], [before]),
    )
    host.ok(
        "label",
        "resourceclaim",
        copy["metadata"]["name"],
        "-n",
        HOST_NAMESPACE,
        "vcluster.loft.sh/namespace=x",
        "--overwrite",
    )
    eventually(lambda: copies(host, "resourceclaims", place), bool)

    claiming.apply(with_namespace(claiming_pod("user", resourceClaimName="mine"), place))
    get = ("get", "resourceclaim", "mine", "-n", place)
    eventually(lambda: reserved(claiming.json(*get)), bool)
    claiming.ok("delete", "resourceclaim", "mine", "-n", place, "--wait=false")
    (held,) = eventually(
        lambda: copies(host, "resourceclaims", place),
        lambda found: all("deletionTimestamp" in one["metadata"] for one in found),
    )
    assert reserved(held)
    assert "deletionTimestamp" in claiming.json(*get)["metadata"]
    claiming.ok("delete", "pod", "user", "-n", place)
    eventually(lambda: claiming.run(*get).returncode, lambda code: code != 0)
    eventually(lambda: copies(host, "resourceclaims", place), lambda left: not left)
