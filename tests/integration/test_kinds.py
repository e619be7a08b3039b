"""Kinds beside pods: what tenants and controllers do with them has the effect it has on an ordinary cluster."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.conftest import with_namespace
from tests.support.eventually import eventually
from tests.support.kubectl import Kubectl
from tests.support.manifests import container, shell_pod

pytestmark = pytest.mark.cluster

READY = ("--for=condition=Ready", "--timeout=180s")


def mine(namespace: str) -> tuple[str, str]:
    """Select the copies of one of the tenant's namespaces."""
    return ("-l", f"vcluster.loft.sh/namespace={namespace}")


def copies(host: Kubectl, host_namespace: str, kind: str, namespace: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = host.json("get", kind, "-n", host_namespace, *mine(namespace))["items"]
    marked = "vcluster.loft.sh/object-name"
    return [one for one in found if marked in one["metadata"].get("annotations", {})]


def selectorless(name: str) -> dict[str, Any]:
    spec = {"ports": [{"port": 80, "targetPort": 8080}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def addresses_of(name: str, address: str, port: int = 8080) -> dict[str, Any]:
    subsets = [{"addresses": [{"ip": address}], "ports": [{"port": port}]}]
    return {"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": name}, "subsets": subsets}


def piece_of(service: str, address: str) -> dict[str, Any]:
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": f"{service}-1", "labels": {"kubernetes.io/service-name": service}},
        "addressType": "IPv4",
        "ports": [{"port": 8080, "protocol": "TCP"}],
        "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
    }


@pytest.fixture
def server(tenant: Kubectl, namespace: str) -> str:
    """The address of a web server, and beside it a pod with a shell."""
    script = "mkdir /www; echo served > /www/index.html; exec httpd -f -p 8080 -h /www"
    probe = {"httpGet": {"path": "/index.html", "port": 8080}, "periodSeconds": 1}
    tenant.apply(
        with_namespace(shell_pod("server", container("main", script, readinessProbe=probe)), namespace),
        with_namespace(shell_pod("client"), namespace),
    )
    tenant.ok("wait", "-n", namespace, "pod/server", "pod/client", *READY)
    return str(tenant.json("get", "pod", "server", "-n", namespace)["status"]["podIP"])


def fetch(tenant: Kubectl, namespace: str, service: str) -> bytes:
    address = tenant.json("get", "service", service, "-n", namespace)["spec"]["clusterIP"]
    program = ("timeout", "3", "wget", "-q", "-O", "-", f"http://{address}/index.html")
    return tenant.run("exec", "-n", namespace, "client", "--", *program).stdout


def test_a_service_leads_to_the_addresses_that_the_tenant_writes_by_hand(
    tenant: Kubectl, host: Kubectl, namespace: str, host_namespace: str, server: str
) -> None:
    # The addresses before their Service: whoever comes second makes both count.
    tenant.apply(with_namespace(addresses_of("old", server), namespace))
    tenant.apply(with_namespace(selectorless("old"), namespace))
    long = "n" + uuid.uuid4().hex + "m" * 25
    tenant.apply(with_namespace(piece_of(long, server), namespace))
    tenant.apply(with_namespace(selectorless(long), namespace))

    eventually(lambda: fetch(tenant, namespace, "old"), lambda text: text == b"served\n")
    eventually(lambda: fetch(tenant, namespace, long), lambda text: text == b"served\n")
    # The host's own controller mirrors the Endpoints; a copy of what the tenant's mirrors would be one too many.
    name = f"old-x-{namespace}-x-{host_namespace.removeprefix('vgateway-')}"
    slices = host.json("get", "endpointslices", "-n", host_namespace, "-l", f"kubernetes.io/service-name={name}")
    assert len(slices["items"]) == 1


def test_a_service_gains_and_loses_its_selector_and_leads_where_it_should(
    tenant: Kubectl, host: Kubectl, namespace: str, host_namespace: str, server: str
) -> None:
    tenant.apply(with_namespace(addresses_of("moving", "192.0.2.1"), namespace))
    tenant.apply(with_namespace(selectorless("moving"), namespace))
    eventually(lambda: copies(host, host_namespace, "endpoints", namespace))

    selector = '{"spec":{"selector":{"app":"server"}}}'
    tenant.ok("patch", "service", "moving", "-n", namespace, "-p", selector)
    eventually(lambda: copies(host, host_namespace, "endpoints", namespace), lambda found: not found)
    eventually(lambda: fetch(tenant, namespace, "moving"), lambda text: text == b"served\n")

    tenant.ok("patch", "service", "moving", "-n", namespace, "-p", '{"spec":{"selector":null}}')
    tenant.apply(with_namespace(addresses_of("moving", "192.0.2.2"), namespace))
    eventually(
        lambda: [one.get("subsets") for one in copies(host, host_namespace, "endpoints", namespace)],
        lambda found: [[each["ip"] for each in one[0]["addresses"]] for one in found if one] == [["192.0.2.2"]],
    )


def events_on(kubectl: Kubectl, namespace: str, name: str) -> list[dict[str, Any]]:
    selector = f"--field-selector=involvedObject.name={name}"
    found: list[dict[str, Any]] = kubectl.json("get", "events", "-n", namespace, selector)["items"]
    return found


def test_the_tenant_reads_the_hosts_events_in_its_own_names(
    tenant: Kubectl, namespace: str, host_namespace: str
) -> None:
    tenant.apply(with_namespace(shell_pod("seen"), namespace))
    tenant.ok("wait", "-n", namespace, "pod/seen", *READY)
    pod = tenant.json("get", "pod", "seen", "-n", namespace)

    reasons = {"Scheduled", "Pulled", "Created", "Started"}
    found = eventually(
        lambda: events_on(tenant, namespace, "seen"), lambda seen: reasons <= {one["reason"] for one in seen}
    )

    assert {one["involvedObject"]["uid"] for one in found} == {pod["metadata"]["uid"]}
    assert not [one for one in found if "-x-" in one["message"] or host_namespace in one["message"]]
    assert "Started" in tenant.ok("describe", "pod", "seen", "-n", namespace)
    names = [one["metadata"]["name"] for one in found]
    assert all(name.startswith("seen.") for name in names)
    assert len(names) == len(set(names))


def test_an_event_that_repeats_is_one_event_that_counts(tenant: Kubectl, namespace: str) -> None:
    failing = container("main", "exit 1")
    tenant.apply(with_namespace(shell_pod("failing", failing), namespace))

    def backing_off() -> list[dict[str, Any]]:
        return [one for one in events_on(tenant, namespace, "failing") if one["reason"] == "BackOff"]

    (found,) = eventually(backing_off, lambda seen: len(seen) == 1 and seen[0]["count"] > 1)
    assert found["source"]["component"] == "kubelet"


@pytest.fixture
def volume(host: Kubectl) -> Iterator[str]:
    """A volume that the host's administrator made, for whoever asks for its class."""
    name = f"volume-{uuid.uuid4().hex[:8]}"
    host.apply(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": name},
            "spec": {
                "capacity": {"storage": "1Gi"},
                "accessModes": ["ReadWriteOnce"],
                "persistentVolumeReclaimPolicy": "Retain",
                "storageClassName": name,
                "hostPath": {"path": f"/tmp/{name}", "type": "DirectoryOrCreate"},
            },
        }
    )
    yield name
    host.ok("delete", "pv", name, "--wait=false")


def claim(name: str, storage_class: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": storage_class,
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }


def test_a_claim_is_bound_by_the_host_and_its_data_outlives_the_pod(
    tenant: Kubectl, host: Kubectl, namespace: str, host_namespace: str, volume: str
) -> None:
    tenant.apply(with_namespace(claim("data", volume), namespace))
    tenant.ok("wait", "-n", namespace, "pvc/data", "--for=jsonpath={.status.phase}=Bound", "--timeout=120s")
    bound = tenant.json("get", "pvc", "data", "-n", namespace)
    assert bound["spec"]["volumeName"] == volume
    assert bound["status"]["capacity"] == {"storage": "1Gi"}

    seen = eventually(lambda: tenant.run("get", "pv", volume, "-o", "jsonpath={.status.phase}").stdout)
    assert eventually(lambda: tenant.json("get", "pv", volume)["status"]["phase"], lambda phase: phase == "Bound"), seen
    assert tenant.json("get", "pv", volume)["spec"]["claimRef"]["uid"] == bound["metadata"]["uid"]

    mounts = [{"name": "data", "mountPath": "/data"}]
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    for turn, script in enumerate(("echo kept > /data/file", "test kept = $(cat /data/file)")):
        pod = shell_pod(f"user-{turn}", container("main", script, volumeMounts=mounts), volumes=volumes)
        tenant.apply(with_namespace({**pod, "spec": {**pod["spec"], "restartPolicy": "Never"}}, namespace))
        done = ("--for=jsonpath={.status.phase}=Succeeded", "--timeout=120s")
        tenant.ok("wait", "-n", namespace, f"pod/user-{turn}", *done)
        tenant.ok("delete", "pod", f"user-{turn}", "-n", namespace)

    tenant.ok("delete", "pvc", "data", "-n", namespace, "--timeout=60s")
    eventually(lambda: copies(host, host_namespace, "pvc", namespace), lambda found: not found)
    eventually(lambda: tenant.run("get", "pv", volume).returncode, lambda code: code != 0)


def test_a_claim_that_is_deleted_while_a_pod_uses_it_stays_until_the_pod_is_gone(
    tenant: Kubectl, host: Kubectl, namespace: str, host_namespace: str, volume: str
) -> None:
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    tenant.apply(with_namespace(claim("data", volume), namespace))
    tenant.apply(with_namespace(shell_pod("user", volumes=volumes), namespace))
    tenant.ok("wait", "-n", namespace, "pod/user", *READY)

    tenant.ok("delete", "pvc", "data", "-n", namespace, "--wait=false")
    eventually(
        lambda: copies(host, host_namespace, "pvc", namespace),
        lambda found: bool(found[0]["metadata"].get("deletionTimestamp")),
    )
    assert tenant.json("get", "pod", "user", "-n", namespace)["status"]["phase"] == "Running"

    tenant.ok("delete", "pod", "user", "-n", namespace)
    tenant.ok("wait", "-n", namespace, "pvc/data", "--for=delete", "--timeout=120s")
    eventually(lambda: copies(host, host_namespace, "pvc", namespace), lambda found: not found)


def test_an_ephemeral_volume_is_claimed_once_and_goes_with_its_pod(
    tenant: Kubectl, host: Kubectl, namespace: str, host_namespace: str, volume: str
) -> None:
    template = {"spec": claim("ignored", volume)["spec"]}
    pod = shell_pod("brief", volumes=[{"name": "scratch", "ephemeral": {"volumeClaimTemplate": template}}])
    tenant.apply(with_namespace(pod, namespace))
    tenant.ok("wait", "-n", namespace, "pod/brief", *READY)

    found = host.json("get", "pvc", "-n", host_namespace, *mine(namespace))["items"]
    marks = [one["metadata"]["annotations"]["vcluster.loft.sh/object-name"] for one in found]
    assert marks == ["brief-scratch"]
    tenant.ok("delete", "pod", "brief", "-n", namespace)
    eventually(lambda: copies(host, host_namespace, "pvc", namespace), lambda left: not left)


def test_a_namespaces_labels_are_on_its_pods_on_the_host_and_follow(
    tenant: Kubectl, host: Kubectl, namespace: str, host_namespace: str
) -> None:
    tenant.apply(with_namespace(shell_pod("labelled"), namespace))
    tenant.ok("wait", "-n", namespace, "pod/labelled", *READY)

    def carried() -> list[str]:
        (pod,) = copies(host, host_namespace, "pods", namespace)
        return [value for key, value in pod["metadata"]["labels"].items() if "ns-label" in key]

    tenant.ok("label", "namespace", namespace, "team=blue")
    eventually(carried, lambda found: "blue" in found)
    tenant.ok("label", "namespace", namespace, "team-")
    eventually(carried, lambda found: "blue" not in found)
