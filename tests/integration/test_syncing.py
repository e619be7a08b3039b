"""What the syncer does beyond the ordinary: colliding addresses, gates, debugging, ends that nobody asked for."""

from typing import Any

import pytest

from tests.integration.conftest import with_namespace
from tests.support.eventually import eventually
from tests.support.kubectl import Kubectl
from tests.support.manifests import container, shell_pod

pytestmark = pytest.mark.cluster

READY = ("--for=condition=Ready", "--timeout=120s")
VC = "vcluster.loft.sh"


class Side:
    """Two kubectls on one namespace of the tenant."""

    def __init__(self, tenant: Kubectl, host: Kubectl, namespace: str, host_namespace: str) -> None:
        self.tenant, self.host = tenant, host
        self.namespace, self.host_namespace = namespace, host_namespace

    def virtual(self, kind: str, name: str) -> Any:
        return self.tenant.json("get", kind, name, "-n", self.namespace)

    def twins(self, kind: str) -> list[Any]:
        ours = f"{VC}/namespace={self.namespace}"
        found: list[Any] = self.host.json("get", kind, "-n", self.host_namespace, "-l", ours)["items"]
        return found

    def twin(self, kind: str, name: str) -> Any:
        kinds = [one for one in self.twins(kind) if one["metadata"]["annotations"][f"{VC}/object-name"] == name]
        assert len(kinds) <= 1, f"{kind} {name} has {len(kinds)} twins"
        return kinds[0] if kinds else None

    def run(self, name: str, *containers: dict[str, Any], **spec: Any) -> None:
        self.tenant.apply(with_namespace(shell_pod(name, *containers, **spec), self.namespace))
        self.tenant.ok("wait", "-n", self.namespace, f"pod/{name}", *READY)


@pytest.fixture
def side(tenant: Kubectl, host: Kubectl, namespace: str, host_namespace: str) -> Side:
    return Side(tenant, host, namespace, host_namespace)


def service(name: str, **spec: Any) -> dict[str, Any]:
    ports = [{"name": "http", "port": 80, "targetPort": 8080}]
    meta = {"name": name, "labels": {"kept": "yes"}}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": meta,
        "spec": {"selector": {"app": name}, "ports": ports, **spec},
    }


def test_a_service_whose_address_the_host_has_given_away_gets_another_on_both_sides(
    side: Side, direct: Kubectl
) -> None:
    blocker = service("blocker")
    blocker["metadata"]["name"] = f"blocker-{side.namespace}"
    side.host.apply(with_namespace(blocker, "default"))
    try:
        taken = side.host.json("get", "service", blocker["metadata"]["name"], "-n", "default")["spec"]["clusterIP"]
        # Past the front, which would have asked the host first.
        direct.apply(with_namespace(service("web", clusterIP=taken), side.namespace))

        def agree() -> bool:
            # For a moment there is none: an address changes only with the Service.
            ours = [
                one["spec"]["clusterIP"] for one in side.tenant.json("get", "services", "-n", side.namespace)["items"]
            ]
            host = side.twin("services", "web")
            return host is not None and host["spec"]["clusterIP"] != taken and ours == [host["spec"]["clusterIP"]]

        eventually(agree)
        assert side.virtual("service", "web")["metadata"]["labels"] == {"kept": "yes"}
        eventually(lambda: f"{VC}/remade-service" not in side.twin("services", "web")["metadata"]["annotations"])
    finally:
        side.host.ok("delete", "service", blocker["metadata"]["name"], "-n", "default")


def test_a_service_changes_its_type_and_its_ports_on_both_sides(side: Side) -> None:
    side.tenant.apply(with_namespace(service("web", type="NodePort"), side.namespace))
    eventually(lambda: side.twin("services", "web"))
    ports = eventually(lambda: side.twin("services", "web")["spec"]["ports"])
    eventually(lambda: side.virtual("service", "web")["spec"]["ports"][0]["nodePort"] == ports[0]["nodePort"])

    change = '{"spec":{"type":"ExternalName","externalName":"example.com","clusterIP":"","clusterIPs":null}}'
    side.tenant.ok("patch", "service", "web", "-n", side.namespace, "--type=merge", "-p", change)
    eventually(lambda: side.twin("services", "web")["spec"].get("externalName") == "example.com")

    change = '{"spec":{"type":"ClusterIP","externalName":null,"ports":[{"port":99}]}}'
    side.tenant.ok("patch", "service", "web", "-n", side.namespace, "--type=merge", "-p", change)

    def agree() -> bool:
        virtual, host = side.virtual("service", "web")["spec"], side.twin("services", "web")["spec"]
        same = virtual.get("clusterIP") == host.get("clusterIP") and host["type"] == "ClusterIP"
        return bool(same and host["ports"][0]["port"] == 99)

    eventually(agree)


def test_the_tenants_api_has_the_address_of_the_host_service(
    tenant: Kubectl, host: Kubectl, host_namespace: str
) -> None:
    virtual = tenant.json("get", "service", "kubernetes", "-n", "default")["spec"]["clusterIP"]
    addresses = {one["spec"]["clusterIP"] for one in host.json("get", "services", "-n", host_namespace)["items"]}
    assert virtual in addresses
    slices = tenant.json("get", "endpointslices", "kubernetes", "-n", "default")
    assert len(slices["endpoints"]) == 1


def test_gates_hold_a_pod_and_its_readiness_as_the_tenant_says(side: Side) -> None:
    gated = shell_pod(
        "gated",
        schedulingGates=[{"name": "example.com/wait"}],
        readinessGates=[{"conditionType": "example.com/ready"}],
    )
    side.tenant.apply(with_namespace(gated, side.namespace))
    eventually(lambda: side.twin("pods", "gated"))
    lift = '[{"op":"remove","path":"/spec/schedulingGates"}]'
    side.tenant.ok("patch", "pod", "gated", "-n", side.namespace, "--type=json", "-p", lift)
    eventually(lambda: side.virtual("pod", "gated")["status"]["phase"] == "Running")

    def condition(pod: Any, kind: str) -> str | None:
        return next((one["status"] for one in pod["status"]["conditions"] if one["type"] == kind), None)

    assert condition(side.virtual("pod", "gated"), "Ready") == "False"
    say = '{"status":{"conditions":[{"type":"example.com/ready","status":"True"}]}}'
    side.tenant.ok("patch", "pod", "gated", "-n", side.namespace, "--subresource=status", "-p", say)
    side.tenant.ok("wait", "-n", side.namespace, "pod/gated", *READY)
    assert condition(side.virtual("pod", "gated"), "example.com/ready") == "True"


def test_kubectl_debug_adds_a_container_that_runs(side: Side) -> None:
    side.run("main")
    image = container()["image"]
    side.tenant.ok("debug", "-n", side.namespace, "main", f"--image={image}", "-c", "look", "--", "sleep", "300")

    def running() -> bool:
        statuses = side.virtual("pod", "main")["status"].get("ephemeralContainerStatuses") or [{}]
        return "running" in statuses[0].get("state", {})

    eventually(running)


def test_a_new_image_goes_to_the_host_pod(side: Side) -> None:
    side.run("main")
    uid = side.twin("pods", "main")["metadata"]["uid"]
    side.tenant.ok("set", "image", "pod/main", "main=docker.io/library/busybox:none", "-n", side.namespace)
    eventually(lambda: side.twin("pods", "main")["spec"]["containers"][0]["image"].endswith(":none"))
    assert side.twin("pods", "main")["metadata"]["uid"] == uid


def test_a_pod_runs_on_the_node_that_the_tenant_names(side: Side) -> None:
    side.run("first")
    node = side.virtual("pod", "first")["spec"]["nodeName"]
    side.run("second", nodeName=node)
    twin = side.twin("pods", "second")
    assert twin["spec"]["nodeName"] == node
    assert twin["spec"]["affinity"]["nodeAffinity"]


def test_a_bare_pod_that_the_host_deletes_is_deleted_for_the_tenant_too(side: Side) -> None:
    side.run("main")
    twin = side.twin("pods", "main")["metadata"]["name"]
    side.host.ok("delete", "pod", twin, "-n", side.host_namespace, "--wait=false")
    side.tenant.ok("wait", "-n", side.namespace, "pod/main", "--for=delete", "--timeout=60s")
    eventually(lambda: not side.twins("secrets"))


def test_a_pod_made_again_under_its_name_is_another_pod_on_the_host(side: Side) -> None:
    side.run("main")
    before = side.twin("pods", "main")["metadata"]["uid"]
    side.tenant.ok("delete", "pod", "main", "-n", side.namespace, "--force", "--grace-period=0")
    side.run("main")
    after = side.twin("pods", "main")["metadata"]
    assert after["uid"] != before
    assert after["annotations"][f"{VC}/object-uid"] == side.virtual("pod", "main")["metadata"]["uid"]


def test_a_token_whose_time_has_come_is_renewed_in_place(side: Side) -> None:
    side.run("main")

    def tokens() -> Any:
        return next(one for one in side.twins("secrets") if f"{VC}/token-renew-at" in one["metadata"]["annotations"])

    before = tokens()
    name = before["metadata"]["name"]
    side.host.ok("annotate", "secret", name, "-n", side.host_namespace, "--overwrite", f"{VC}/token-renew-at=1")
    eventually(lambda: tokens()["data"] != before["data"])
    assert tokens()["metadata"]["uid"] == before["metadata"]["uid"]


def test_a_job_counts_its_pods_and_a_daemon_set_follows_the_nodes(side: Side) -> None:
    side.run("main")
    once = container("main", "exit 0")
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "once"},
        "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [once]}}},
    }
    labels = {"app": "everywhere"}
    template = {"metadata": {"labels": labels}, "spec": shell_pod("x")["spec"]}
    daemons = {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "everywhere"},
        "spec": {"selector": {"matchLabels": labels}, "template": template},
    }
    side.tenant.apply(with_namespace(job, side.namespace), with_namespace(daemons, side.namespace))
    side.tenant.ok("wait", "-n", side.namespace, "job/once", "--for=condition=Complete", "--timeout=120s")
    side.tenant.ok("rollout", "status", "-n", side.namespace, "daemonset/everywhere", "--timeout=120s")
    assert side.virtual("daemonset", "everywhere")["status"]["numberReady"] >= 1
