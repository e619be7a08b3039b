"""What the host offers beyond pods: devices that the tenant's pods claim, and custom resources that it may read."""

import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import with_namespace
from tests.support.clusters import Clusters
from tests.support.eventually import eventually
from tests.support.kubectl import Kubectl
from tests.support.manifests import container, shell_pod

pytestmark = pytest.mark.cluster

NAME = "offered"
HOST_NAMESPACE = f"vgateway-{NAME}"
API = "resource.k8s.io/v1"
CONFIGURATION = """
sync:
  toHost:
    resourceClaims: {enabled: true}
    resourceClaimTemplates: {enabled: true}
  fromHost:
    deviceClasses: {enabled: true}
    storageClasses: {enabled: true, selector: {matchLabels: {for: tenants}}}
    customResources:
      issuers.offers.example.io:
        {enabled: true, kind: Issuer, scope: Cluster, selector: {matchLabels: {for: tenants}}}
      recipes.offers.example.io:
        {enabled: true, kind: Recipe, mappings: {byName: {"offers/*": "cookbook/*", "offers/pie": "default/cake"}}}
"""


@pytest.fixture(scope="module")
def offered(clusters: Clusters, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    """The kubectl of a tenant who may use what the host offers."""
    configuration: Path = tmp_path_factory.mktemp("config") / "vcluster.yaml"
    configuration.write_text(CONFIGURATION)
    clusters.local("up", NAME, "--config", str(configuration))
    yield clusters.tenant(NAME)
    clusters.local("down", NAME)


@pytest.fixture(scope="module")
def device_class(host: Kubectl, offered: Kubectl) -> Iterator[str]:
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
    eventually(lambda: offered.run("get", "deviceclass", name).returncode, lambda code: code == 0)
    yield name
    host.run("delete", "resourceslice", name)
    host.run("delete", "deviceclass", name)
    eventually(lambda: offered.run("get", "deviceclass", name).returncode, lambda code: code != 0)


@pytest.fixture
def place(offered: Kubectl) -> Iterator[str]:
    """A namespace of that tenant's for one test."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    offered.ok("create", "namespace", name)
    yield name
    offered.ok("delete", "namespace", name, "--wait=false")


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
    offered: Kubectl, host: Kubectl, place: str, device_class: str
) -> None:
    template = {"apiVersion": API, "kind": "ResourceClaimTemplate", "metadata": {"name": "one"}}
    offered.apply(with_namespace({**template, "spec": {"spec": wish(device_class)}}, place))
    offered.apply(with_namespace(claiming_pod("user", resourceClaimTemplateName="one"), place))

    (mine,) = eventually(
        lambda: offered.json("get", "resourceclaims", "-n", place)["items"],
        lambda found: bool(found) and bool(reserved(found[0])),
    )
    pod = offered.json("get", "pod", "user", "-n", place)
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
    assert eventually(lambda: offered.ok(*node), bool) == twin["spec"]["nodeName"]
    assert [one["spec"]["spec"] for one in copies(host, "resourceclaimtemplates", place)] == [mine["spec"]]

    offered.ok("delete", "pod", "user", "-n", place)
    eventually(lambda: offered.json("get", "resourceclaims", "-n", place)["items"], lambda left: not left)
    eventually(lambda: copies(host, "resourceclaims", place), lambda left: not left)
    offered.ok("delete", "resourceclaimtemplate", "one", "-n", place)
    eventually(lambda: copies(host, "resourceclaimtemplates", place), lambda left: not left)


def test_a_claim_that_a_pod_uses_stays_until_the_pod_is_gone_and_one_that_the_host_drops_comes_again(
    offered: Kubectl, host: Kubectl, place: str, device_class: str
) -> None:
    claim = {"apiVersion": API, "kind": "ResourceClaim", "metadata": {"name": "mine"}, "spec": wish(device_class)}
    offered.apply(with_namespace(claim, place))
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

    offered.apply(with_namespace(claiming_pod("user", resourceClaimName="mine"), place))
    get = ("get", "resourceclaim", "mine", "-n", place)
    eventually(lambda: reserved(offered.json(*get)), bool)
    offered.ok("delete", "resourceclaim", "mine", "-n", place, "--wait=false")
    (held,) = eventually(
        lambda: copies(host, "resourceclaims", place),
        lambda found: all("deletionTimestamp" in one["metadata"] for one in found),
    )
    assert reserved(held)
    assert "deletionTimestamp" in offered.json(*get)["metadata"]
    offered.ok("delete", "pod", "user", "-n", place)
    eventually(lambda: offered.run(*get).returncode, lambda code: code != 0)
    eventually(lambda: copies(host, "resourceclaims", place), lambda left: not left)


GROUP = "offers.example.io"


def definition_of(plural: str, kind: str, scope: str) -> dict[str, Any]:
    """Return a definition that takes any content."""
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    version = {"name": "v1", "served": True, "storage": True, "subresources": {"status": {}}, "schema": schema}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": scope,
            "names": {"plural": plural, "singular": kind.lower(), "kind": kind},
            "versions": [version],
        },
    }


def custom(kind: str, name: str, spec: dict[str, Any], **meta: Any) -> dict[str, Any]:
    """Return an object of one of those resources."""
    return {"apiVersion": f"{GROUP}/v1", "kind": kind, "metadata": {"name": name, **meta}, "spec": spec}


@pytest.fixture(scope="module")
def definitions(host: Kubectl, offered: Kubectl) -> Iterator[None]:
    """The host's definitions, and a namespace of the host's for what they define."""
    made = [definition_of("issuers", "Issuer", "Cluster"), definition_of("recipes", "Recipe", "Namespaced")]
    names = [f"crd/{one['metadata']['name']}" for one in made]
    host.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "offers"}}, *made)
    host.ok("wait", *names, "--for=condition=Established", "--timeout=60s")
    # The tenant gets them from there.
    eventually(lambda: offered.run("get", "issuers,recipes", "-A").returncode, lambda code: code == 0)
    yield
    host.run("delete", *names)
    host.run("delete", "namespace", "offers", "--wait=false")


@pytest.mark.usefixtures("definitions")
def test_the_tenant_reads_the_hosts_resources_of_the_whole_cluster_that_are_meant_for_it(
    offered: Kubectl, host: Kubectl
) -> None:
    host.apply(
        custom("Issuer", "public", {"acme": {"server": "a", "email": "e"}}, labels={"for": "tenants"}),
        custom("Issuer", "private", {}),
    )
    status = ("issuers", "public", "--subresource=status", "--type=merge")
    host.ok("patch", *status, "-p", '{"status":{"ready":true}}')
    see = ("get", "issuer", "public")
    eventually(lambda: offered.run(*see).returncode, lambda code: code == 0)
    eventually(lambda: offered.json(*see).get("status"), lambda seen: seen == {"ready": True})
    assert offered.run("get", "issuer", "private").returncode != 0

    offered.ok("patch", *status[:2], "--type=merge", "-p", '{"spec":{"acme":{"server":"mine","extra":"x"}}}')
    eventually(lambda: offered.json(*see)["spec"], lambda seen: seen == {"acme": {"server": "a", "email": "e"}})
    host.ok("patch", *status[:2], "--type=merge", "-p", '{"spec":{"acme":{"email":null}}}')
    eventually(lambda: offered.json(*see)["spec"], lambda seen: seen == {"acme": {"server": "a"}})
    offered.ok("delete", *see[1:])
    eventually(lambda: offered.run(*see).returncode, lambda code: code == 0)
    host.ok("delete", "issuer", "public", "private")
    eventually(lambda: offered.run(*see).returncode, lambda code: code != 0)


@pytest.mark.usefixtures("definitions")
def test_namespaced_resources_of_the_host_are_seen_where_the_configuration_says(
    offered: Kubectl, host: Kubectl
) -> None:
    host.apply(*(custom("Recipe", name, {"of": name}, namespace="offers") for name in ("pie", "soup")))
    soup, cake = ("get", "recipe", "soup", "-n", "cookbook"), ("get", "recipe", "cake", "-n", "default")
    for see, what in ((soup, "soup"), (cake, "pie")):
        done = eventually(partial(offered.run, *see, "-o", "jsonpath={.spec.of}"), lambda one: one.returncode == 0)
        assert done.stdout.decode() == what
    host.ok(
        "patch", "recipe", "soup", "-n", "offers", "--subresource=status", "--type=merge", "-p", '{"status":{"n":1}}'
    )
    eventually(lambda: offered.json(*soup).get("status"), lambda seen: seen == {"n": 1})
    offered.ok("patch", "recipe", "soup", "-n", "cookbook", "--type=merge", "-p", '{"spec":{"of":"mud"}}')
    eventually(lambda: offered.json(*soup)["spec"], lambda seen: seen == {"of": "soup"})
    host.ok("delete", "recipe", "soup", "pie", "-n", "offers")
    eventually(lambda: offered.run(*soup).returncode, lambda code: code != 0)
    eventually(lambda: offered.run(*cake).returncode, lambda code: code != 0)


def test_a_storage_class_of_the_hosts_is_seen_kept_as_it_is_there_and_goes_with_it(
    offered: Kubectl, host: Kubectl
) -> None:
    tag = uuid.uuid4().hex[:6]
    shown, hidden = f"shown-{tag}", f"hidden-{tag}"
    kind = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "provisioner": "example.io/none"}
    host.apply({**kind, "metadata": {"name": shown, "labels": {"for": "tenants"}}, "allowVolumeExpansion": True})
    host.apply({**kind, "metadata": {"name": hidden}})

    eventually(lambda: offered.run("get", "storageclass", shown).returncode, lambda code: code == 0)
    assert offered.run("get", "storageclass", hidden).returncode != 0
    bent = ("--type=merge", "-p", '{"allowVolumeExpansion":false}')
    offered.ok("patch", "storageclass", shown, *bent)
    eventually(lambda: offered.json("get", "storageclass", shown)["allowVolumeExpansion"], lambda may: may is True)
    host.ok("delete", "storageclass", shown, hidden)
    eventually(lambda: offered.run("get", "storageclass", shown).returncode, lambda code: code != 0)
