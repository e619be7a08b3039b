"""What a pod's spec says means in the pod what it means on an ordinary cluster."""

from typing import Any

import orjson
import pytest

from tests.integration.conftest import with_namespace
from tests.support.eventually import eventually
from tests.support.kubectl import Kubectl
from tests.support.manifests import STAY, container, shell_pod

pytestmark = pytest.mark.cluster

READY = ("--for=condition=Ready", "--timeout=180s")
FIELDS = {
    "NAME": "metadata.name",
    "NAMESPACE": "metadata.namespace",
    "UID_": "metadata.uid",
    "ACCOUNT": "spec.serviceAccountName",
    "NODE": "spec.nodeName",
    "ADDRESS": "status.podIP",
    "RELEASE": "metadata.labels['release']",
    "NOTE": "metadata.annotations['example.com/note']",
}


def field(name: str) -> dict[str, Any]:
    return {"fieldRef": {"fieldPath": name}}


def inside(tenant: Kubectl, namespace: str, name: str, script: str) -> str:
    return tenant.ok("exec", "-n", namespace, name, "-c", "main", "--", "sh", "-c", script)


def twin(host: Kubectl, host_namespace: str, namespace: str) -> dict[str, Any]:
    """Return the one host pod of a namespace, empty if there is none."""
    selector = ("-l", f"vcluster.loft.sh/namespace={namespace}")
    items: list[dict[str, Any]] = host.json("get", "pods", "-n", host_namespace, *selector)["items"]
    assert len(items) < 2
    return items[0] if items else {}


def test_a_pod_reads_about_itself_what_the_tenant_wrote(tenant: Kubectl, namespace: str) -> None:
    items = [{"path": name, **field(f"metadata.{name}")} for name in ("labels", "annotations", "name")]
    cpu = {"resourceFieldRef": {"containerName": "main", "resource": "limits.cpu", "divisor": "1m"}}
    sources = [{"downwardAPI": {"items": [*items, {"path": "cpu", **cpu}]}}, {"configMap": {"name": "settings"}}]
    main = container(
        env=[{"name": name, "valueFrom": field(path)} for name, path in FIELDS.items()],
        volumeMounts=[{"name": "all", "mountPath": "/all"}],
        resources={"limits": {"cpu": "100m", "memory": "50Mi"}},
    )
    pod = shell_pod("reader", main, volumes=[{"name": "all", "projected": {"sources": sources}}])
    pod["metadata"] |= {
        "labels": {"app": "reader", "release": "one"},
        "annotations": {"example.com/note": 'a "quoted" note'},
    }
    settings = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"key": "value"}}
    tenant.apply(with_namespace(settings, namespace))
    tenant.ok("create", "-f", "-", stdin=orjson.dumps(with_namespace(pod, namespace)))
    tenant.ok("wait", "-n", namespace, "pod/reader", *READY)

    seen = tenant.json("get", "pod", "reader", "-n", namespace)
    told = inside(tenant, namespace, "reader", "; ".join(f'echo "${name}"' for name in FIELDS)).splitlines()
    assert told == [
        "reader",
        namespace,
        seen["metadata"]["uid"],
        "default",
        seen["spec"]["nodeName"],
        seen["status"]["podIP"],
        "one",
        'a "quoted" note',
    ]
    assert inside(tenant, namespace, "reader", "cat /all/labels") == 'app="reader"\nrelease="one"'
    assert inside(tenant, namespace, "reader", "cat /all/annotations") == 'example.com/note="a \\"quoted\\" note"'
    assert inside(tenant, namespace, "reader", "cat /all/name /all/cpu /all/key") == "reader100value"

    tenant.ok("label", "pod", "reader", "-n", namespace, "release=two", "--overwrite")
    eventually(lambda: inside(tenant, namespace, "reader", "cat /all/labels"), lambda text: 'release="two"' in text)


def test_containers_of_every_sort_start_in_their_order_and_end_as_they_are_told(
    tenant: Kubectl, host: Kubectl, namespace: str, host_namespace: str
) -> None:
    shared = [{"name": "shared", "mountPath": "/shared"}]
    note = "while :; do sleep 1; done"
    pod = shell_pod(
        "many",
        container(
            "main",
            f"trap 'echo stopped > /dev/termination-log; exit 0' TERM; {note}",
            volumeMounts=shared,
            lifecycle={
                "postStart": {"exec": {"command": ["sh", "-c", "echo started >> /shared/log"]}},
                "preStop": {"sleep": {"seconds": 1}},
            },
        ),
        initContainers=[
            container("side", f"echo side >> /shared/log; {STAY}", volumeMounts=shared, restartPolicy="Always"),
            container("first", "echo first >> /shared/log", volumeMounts=shared),
        ],
        volumes=[{"name": "shared", "emptyDir": {}}],
        hostAliases=[{"ip": "192.0.2.7", "hostnames": ["elsewhere"]}],
        hostname="called",
        os={"name": "linux"},
        shareProcessNamespace=True,
        terminationGracePeriodSeconds=30,
    )
    pod["metadata"]["finalizers"] = ["example.com/look"]
    tenant.apply(with_namespace(pod, namespace))
    tenant.ok("wait", "-n", namespace, "pod/many", *READY)

    assert sorted(inside(tenant, namespace, "many", "cat /shared/log").split()) == ["first", "side", "started"]
    assert inside(tenant, namespace, "many", "hostname; grep -c 192.0.2.7 /etc/hosts") == "called\n1\n"
    states = tenant.json("get", "pod", "many", "-n", namespace)["status"]["initContainerStatuses"]
    assert [one["name"] for one in states if one["ready"]] == ["side", "first"]

    spec, own = (
        twin(host, host_namespace, namespace)["spec"],
        tenant.json("get", "pod", "many", "-n", namespace)["spec"],
    )
    assert spec["containers"][0]["lifecycle"] == own["containers"][0]["lifecycle"]

    tenant.ok("delete", "pod", "many", "-n", namespace, "--wait=false")

    def last_words() -> str:
        status = tenant.json("get", "pod", "many", "-n", namespace)["status"]["containerStatuses"][0]
        return str((status["state"].get("terminated") or {}).get("message", ""))

    eventually(last_words, lambda text: text == "stopped\n")
    tenant.ok(
        "patch", "pod", "many", "-n", namespace, "--type=json", "-p", '[{"op":"remove","path":"/metadata/finalizers"}]'
    )
    tenant.ok("wait", "-n", namespace, "pod/many", "--for=delete", "--timeout=60s")


def test_a_held_pod_is_let_go_to_the_nodes_that_were_chosen_meanwhile(
    tenant: Kubectl, host: Kubectl, namespace: str, host_namespace: str
) -> None:
    tenant.apply(with_namespace(shell_pod("held", schedulingGates=[{"name": "example.com/queue"}]), namespace))
    eventually(lambda: twin(host, host_namespace, namespace))
    linux = {"key": "kubernetes.io/os", "operator": "In", "values": ["linux"]}
    terms = {"nodeSelectorTerms": [{"matchExpressions": [linux]}]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}
    spec = {
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "affinity": affinity,
        "schedulingGates": [{"name": "example.com/queue", "$patch": "delete"}],
    }
    tenant.ok("patch", "pod", "held", "-n", namespace, "-p", orjson.dumps({"spec": spec}).decode())
    tenant.ok("wait", "-n", namespace, "pod/held", *READY)
    found = twin(host, host_namespace, namespace)["spec"]
    assert found["nodeSelector"] == {"kubernetes.io/os": "linux"}
    assert found["affinity"] == affinity


def test_pods_keep_apart_from_their_own_namespaces_pods_and_from_nobody_elses(tenant: Kubectl, namespace: str) -> None:
    alike = {"labelSelector": {"matchLabels": {"app": "loner"}}, "topologyKey": "kubernetes.io/hostname"}
    spread = [{**alike, "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule"}]
    apart = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [alike]}}
    other = f"{namespace}-b"
    tenant.ok("create", "namespace", other)
    try:
        for place in (namespace, other):
            pod = shell_pod("loner", affinity=apart, topologySpreadConstraints=spread)
            tenant.apply(with_namespace(pod, place))
            tenant.ok("wait", "-n", place, "pod/loner", *READY)
        nodes = {tenant.json("get", "pod", "loner", "-n", place)["spec"]["nodeName"] for place in (namespace, other)}
        assert len(nodes) == 1
        second = shell_pod("second", affinity=apart, nodeSelector={"kubernetes.io/hostname": nodes.pop()})
        second["metadata"]["labels"] = {"app": "loner"}
        tenant.apply(with_namespace(second, namespace))

        def said() -> str:
            conditions = tenant.json("get", "pod", "second", "-n", namespace)["status"].get("conditions") or ()
            return next((one.get("message", "") for one in conditions if one["type"] == "PodScheduled"), "")

        eventually(said, lambda text: "anti-affinity" in text)
    finally:
        tenant.ok("delete", "namespace", other, "--wait=false")
