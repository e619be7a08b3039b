"""kill -9 of the gateway at any moment: after a restart every pod is right, none is left over and none is double."""

import os
import signal
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import TENANT, with_namespace
from tests.support.clusters import Clusters
from tests.support.eventually import eventually
from tests.support.kubectl import Kubectl
from tests.support.manifests import deployment

pytestmark = pytest.mark.cluster

REPLICAS = 8


def kill_gateway(clusters: Clusters) -> None:
    pid = clusters.gateway_pid(TENANT)
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not running(pid))


def running(pid: int) -> bool:
    """Say whether the process still runs; one that ended and was not yet reaped does not."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


def pods(kubectl: Kubectl, *arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = kubectl.json("get", "pods", *arguments)["items"]
    return found


def owners(host: Kubectl, host_namespace: str, namespace: str) -> Counter[str]:
    """Count the host pods of each virtual pod."""
    found = pods(host, "-n", host_namespace, "-l", f"vcluster.loft.sh/namespace={namespace}")
    return Counter(pod["metadata"]["annotations"]["vcluster.loft.sh/object-uid"] for pod in found)


def test_killed_while_pods_come_and_go_it_leaves_no_orphan_and_no_duplicate(
    clusters: Clusters, tenant: Kubectl, direct: Kubectl, host: Kubectl, namespace: str, host_namespace: str
) -> None:
    tenant.apply(with_namespace(deployment("web", REPLICAS), namespace))
    eventually(lambda: len(owners(host, host_namespace, namespace)) > 0)
    kill_gateway(clusters)
    # The tenant's cluster goes on meanwhile: pods are deleted and created behind the gateway's back.
    direct.ok("delete", "pods", "-n", namespace, "-l", "app=web", "--grace-period=0", "--force", "--wait=false")
    direct.ok("scale", "-n", namespace, "deployment/web", f"--replicas={REPLICAS // 2}")
    clusters.local("up", TENANT)

    tenant.ok("rollout", "status", "-n", namespace, "deployment/web", "--timeout=180s")
    wanted = eventually(
        lambda: Counter(pod["metadata"]["uid"] for pod in pods(tenant, "-n", namespace)),
        lambda found: len(found) == REPLICAS // 2,
    )
    assert eventually(lambda: owners(host, host_namespace, namespace), lambda found: found == wanted) == wanted


def test_killed_during_a_stream_the_client_is_told_and_the_next_stream_works(
    clusters: Clusters, tenant: Kubectl, namespace: str
) -> None:
    tenant.apply(with_namespace(deployment("web", 1), namespace))
    tenant.ok("rollout", "status", "-n", namespace, "deployment/web", "--timeout=180s")
    endless = ("exec", "-n", namespace, "deployment/web", "--", "cat", "/dev/zero")

    with tenant.started(*endless, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        process.stdout.read(1_000_000)
        kill_gateway(clusters)
        while process.stdout.read(1_000_000):
            pass
        assert process.wait(timeout=60) != 0
    clusters.local("up", TENANT)

    assert tenant.ok("exec", "-n", namespace, "deployment/web", "--", "echo", "back") == "back\n"


def test_at_rest_nothing_is_written_to_the_host(
    clusters: Clusters, tenant: Kubectl, host: Kubectl, namespace: str, host_namespace: str
) -> None:
    tenant.apply(with_namespace(deployment("web", 2), namespace))
    tenant.ok("rollout", "status", "-n", namespace, "deployment/web", "--timeout=180s")
    mine = ("-n", host_namespace, "-l", f"vcluster.loft.sh/namespace={namespace}")
    kinds = "pods,services,configmaps,secrets"

    def versions() -> dict[str, str]:
        found = host.json("get", kinds, *mine)["items"]
        return {each["metadata"]["uid"]: each["metadata"]["resourceVersion"] for each in found}

    # A restart reads everything anew: if anything were rewritten, this is when.
    settled = eventually(versions, lambda found: found == versions())
    kill_gateway(clusters)
    clusters.local("up", TENANT)
    tenant.ok("get", "pods", "-n", namespace)

    assert versions() == settled
