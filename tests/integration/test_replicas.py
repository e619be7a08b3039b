"""Two gateways of one virtual cluster: both serve, one syncs, and the other goes on where it was lost."""

import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.clusters import Clusters
from tests.support.eventually import eventually
from tests.support.kubectl import Kubectl
from tests.support.manifests import shell_pod

pytestmark = pytest.mark.cluster

NAME = "pair"
CONFIGURATION = """
controlPlane:
  statefulSet:
    highAvailability: {replicas: 2, leaseDuration: 8, renewDeadline: 6, retryPeriod: 1}
"""
LEASE = ("get", "lease", f"vgateway-{NAME}", "-n", f"vgateway-{NAME}")
FRONT, KUBELET, OPERATIONS = 18443, 20250, 19440
"""The second gateway's ports; it shares the address of the first, which nobody else has."""


@dataclass(frozen=True)
class Replica:
    """One gateway process, seen from outside."""

    pid: int
    operations: str

    def leads(self) -> bool | None:
        """Say whether it says that it syncs; None if it says nothing."""
        try:
            with urllib.request.urlopen(f"{self.operations}/metrics", timeout=10) as answer:
                text = answer.read().decode()
        except OSError:
            return None
        return "\nvgateway_leader 1.0" in text

    def is_ready(self) -> bool:
        try:
            urllib.request.urlopen(f"{self.operations}/readyz", timeout=10).close()
        except OSError:
            return False
        return True


@pytest.fixture(scope="module")
def pair(clusters: Clusters, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clusters]:
    """A virtual cluster whose gateways stand for election."""
    configuration: Path = tmp_path_factory.mktemp("config") / "vcluster.yaml"
    configuration.write_text(CONFIGURATION)
    clusters.local("up", NAME, "--config", str(configuration))
    yield clusters
    clusters.local("down", NAME)


def first(clusters: Clusters) -> Replica:
    return Replica(clusters.gateway_pid(NAME), _operations(_document(clusters)))


@contextmanager
def second(clusters: Clusters, place: Path) -> Iterator[Replica]:
    """Run another gateway beside the first one, where that one runs; it ends with the body, and with the test."""
    document = _document(clusters)
    document["gateway"]["operations"]["port"] = OPERATIONS
    listeners = document.setdefault("controlPlane", {})
    for part, port in (("proxy", FRONT), ("kubelet", KUBELET)):
        listeners.setdefault(part, {})["port"] = port
    file = place / "second.yaml"
    file.write_text(yaml.safe_dump(document))
    enter = ["nsenter", f"--net=/proc/{clusters.gateway_pid(NAME)}/ns/net", "setpriv", "--pdeathsig", "KILL"]
    with (place / "log").open("wb") as log:
        command = [*enter, sys.executable, "-m", "vgateway", "run", "--config", str(file)]
        process = subprocess.Popen(command, stderr=log, stdout=log)
    replica = Replica(process.pid, _operations(document))
    try:
        eventually(replica.is_ready)
        yield replica
    finally:
        process.kill()
        process.wait()


def _document(clusters: Clusters) -> Any:
    return yaml.safe_load((clusters.home / "virtual" / NAME / "gateway.yaml").read_text())


def _operations(document: Any) -> str:
    place = document["gateway"]["operations"]
    return f"http://{place['address']}:{place['port']}"


def _runs(tenant: Kubectl, *names: str) -> None:
    for name in names:
        tenant.ok("wait", f"pod/{name}", "--for=condition=Ready", "--timeout=180s")


def _twins(host: Kubectl) -> list[str]:
    """Name the copies of the tenant's own pods, in order."""
    pods = host.json("get", "pods", "-n", f"vgateway-{NAME}")["items"]
    names = [pod["metadata"]["annotations"]["vcluster.loft.sh/object-name"] for pod in pods]
    return sorted(name for name in names if not name.startswith("coredns"))


def test_the_loss_of_the_replica_that_syncs_costs_nothing_but_time(
    pair: Clusters, host: Kubectl, tmp_path: Path
) -> None:
    leader, tenant = first(pair), pair.tenant(NAME)
    eventually(leader.leads)
    with second(pair, tmp_path) as other:
        address = _document(pair)["gateway"]["operations"]["address"]
        beside = ("--server", f"https://{address}:{FRONT}")
        tenant.ok(*beside, "create", "-f", "-", stdin=_manifest("one"))
        _runs(tenant, "one")
        assert tenant.ok(*beside, "exec", "one", "--", "echo", "through the other").strip() == "through the other"
        assert (leader.leads(), other.leads()) == (True, False)

        os.kill(leader.pid, signal.SIGKILL)
        tenant.ok(*beside, "delete", "pod", "one", "--wait=false")
        tenant.ok(*beside, "create", "-f", "-", stdin=_manifest("two"))
        eventually(other.leads)
        tenant.ok(*beside, "wait", "pod/two", "--for=condition=Ready", "--timeout=180s")
        eventually(lambda: _twins(host), lambda names: names == ["two"])
        assert host.json(*LEASE)["spec"]["leaseTransitions"] == 1

        pair.local("up", NAME)
        again = first(pair)
        eventually(again.is_ready)
        assert (again.leads(), other.leads()) == (False, True)
        # Its end is announced: the lease is given back, and nobody waits for it to run out.
        os.kill(other.pid, signal.SIGTERM)
        eventually(again.leads)
        tenant.apply(shell_pod("three"))
        _runs(tenant, "two", "three")
        tenant.ok("delete", "pod", "two", "three", "--now")
        eventually(lambda: _twins(host), lambda names: names == [])


def test_a_replica_that_hangs_loses_the_lease_and_does_nothing_more_when_it_comes_back(
    pair: Clusters, host: Kubectl, tmp_path: Path
) -> None:
    leader, tenant = first(pair), pair.tenant(NAME)
    eventually(leader.leads)
    with second(pair, tmp_path) as other:
        os.kill(leader.pid, signal.SIGSTOP)
        try:
            eventually(other.leads)
            tenant.ok("--server", f"https://{_document(pair)['gateway']['operations']['address']}:{FRONT}", "get", "ns")
        finally:
            os.kill(leader.pid, signal.SIGCONT)
        eventually(leader.leads, lambda leads: leads is False)
        tenant.apply(shell_pod("four"))
        _runs(tenant, "four")
        assert _twins(host) == ["four"]
        tenant.ok("delete", "pod", "four", "--now")


def _manifest(name: str) -> bytes:
    return yaml.safe_dump(shell_pod(name)).encode()
