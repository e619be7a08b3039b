"""What a tenant's controllers make beside Deployments: each kind at work, on real clusters."""

from typing import Any

import pytest

from tests.integration.conftest import with_namespace
from tests.support.eventually import eventually
from tests.support.kubectl import Kubectl
from tests.support.manifests import STAY, container, deployment, shell_pod

pytestmark = pytest.mark.cluster


def job_spec(*containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {"template": {"spec": {"restartPolicy": "Never", "containers": list(containers), **spec}}}


def stateful_set(name: str, replicas: int) -> dict[str, Any]:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": shell_pod(name)["spec"]}
    spec = {"serviceName": name, "replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": name}, "spec": spec}


def headless(name: str) -> dict[str, Any]:
    spec = {"clusterIP": "None", "selector": {"app": name}, "ports": [{"port": 80}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def test_a_cron_job_runs_on_time_and_an_autoscaler_holds_its_least(tenant: Kubectl, namespace: str) -> None:
    cron = {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "tick"}}
    jobs = {"spec": job_spec(container("main", "echo ticked"))}
    least = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "minReplicas": 2,
            "maxReplicas": 3,
        },
    }
    tenant.apply(with_namespace({**cron, "spec": {"schedule": "* * * * *", "jobTemplate": jobs}}, namespace))
    tenant.apply(with_namespace(deployment("web", 1), namespace), with_namespace(least, namespace))

    def ticked() -> str:
        status = tenant.json("get", "cronjob", "tick", "-n", namespace)["status"]
        return str(status.get("lastSuccessfulTime", ""))

    eventually(ticked, deadline=240)
    (job, *_) = tenant.json("get", "jobs", "-n", namespace)["items"]
    assert job["metadata"]["ownerReferences"][0]["kind"] == "CronJob"
    assert tenant.ok("logs", "-n", namespace, f"job/{job['metadata']['name']}") == "ticked\n"

    def ready() -> int:
        return int(tenant.json("get", "deployment", "web", "-n", namespace)["status"].get("readyReplicas", 0))

    eventually(ready, lambda count: count == 2, deadline=240)


def test_a_stateful_set_makes_its_pods_in_order_under_names_that_stay(tenant: Kubectl, namespace: str) -> None:
    tenant.apply(with_namespace(headless("db"), namespace), with_namespace(stateful_set("db", 2), namespace))
    tenant.ok("rollout", "status", "-n", namespace, "statefulset/db", "--timeout=180s")
    made = {
        one["metadata"]["name"]: one for one in tenant.json("get", "pods", "-n", namespace, "-l", "app=db")["items"]
    }
    assert sorted(made) == ["db-0", "db-1"]
    assert tenant.ok("exec", "-n", namespace, "db-1", "--", "hostname") == "db-1\n"

    def addresses() -> set[str]:
        slices = tenant.json("get", "endpointslices", "-n", namespace, "-l", "kubernetes.io/service-name=db")["items"]
        return {address for one in slices for each in one["endpoints"] or () for address in each["addresses"]}

    eventually(addresses, lambda seen: seen == {one["status"]["podIP"] for one in made.values()})
    tenant.ok("delete", "pod", "db-0", "-n", namespace)
    tenant.ok("rollout", "status", "-n", namespace, "statefulset/db", "--timeout=180s")
    again = tenant.json("get", "pod", "db-0", "-n", namespace)
    assert again["metadata"]["uid"] != made["db-0"]["metadata"]["uid"]


def test_a_job_ends_though_a_sidecar_runs_and_counts_what_failed(tenant: Kubectl, namespace: str) -> None:
    sidecar = container("side", STAY, restartPolicy="Always")
    first = container("first", "echo ready > /shared/file", volumeMounts=[{"name": "shared", "mountPath": "/shared"}])
    main = container("main", "test -e /shared/file", volumeMounts=[{"name": "shared", "mountPath": "/shared"}])
    spec = job_spec(main, initContainers=[sidecar, first], volumes=[{"name": "shared", "emptyDir": {}}])
    job = {"apiVersion": "batch/v1", "kind": "Job", "spec": {**spec, "completions": 2, "parallelism": 2}}
    failing = {**job, "spec": {**job_spec(container("main", "exit 3")), "backoffLimit": 0}}
    tenant.apply(with_namespace({**job, "metadata": {"name": "good"}}, namespace))
    tenant.apply(with_namespace({**failing, "metadata": {"name": "bad"}}, namespace))
    tenant.ok("wait", "-n", namespace, "job/good", "--for=condition=Complete", "--timeout=110s")
    tenant.ok("wait", "-n", namespace, "job/bad", "--for=condition=Failed", "--timeout=110s")
    assert tenant.json("get", "job", "good", "-n", namespace)["status"]["succeeded"] == 2
    assert tenant.json("get", "job", "bad", "-n", namespace)["status"]["failed"] == 1
