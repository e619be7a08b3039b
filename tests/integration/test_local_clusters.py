"""Local clusters on bad days: whatever is killed, `up` repairs it and `down` leaves nothing."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.clusters import Clusters, running_clusters
from tests.support.eventually import eventually
from tests.support.manifests import container, shell_pod

pytestmark = pytest.mark.cluster

NAME = "victim"
RUN = Path("/run/vgateway")


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clusters]:
    """Clusters that only this module breaks."""
    home = tmp_path_factory.mktemp("local")
    with running_clusters(home, NAME, "--nodes", "1", "--kwok-nodes", "1", "--store", "etcd") as clusters:
        yield clusters
    assert_nothing_is_left(home)


def programs(clusters: Clusters) -> dict[str, int]:
    """Return the process id of every program by scope and name."""
    document = clusters.status()
    parts = {"host": document["host"], **document["nodes"], **document["virtualClusters"]}
    return {
        f"{scope}/{name}": found["pid"] for scope, part in parts.items() for name, found in part["programs"].items()
    }


def processes_of(home: Path) -> list[int]:
    """Return the processes whose environment names this state directory and that are no zombies."""
    marker = f"VGATEWAY_HOME={home}".encode()
    found = []
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            if marker in (directory / "environ").read_bytes().split(b"\0"):
                found.append(int(directory.name))
        except OSError:
            continue
    return found


def node_mounts(clusters: Clusters) -> list[str]:
    """Return the mount points of the system's directories that the first node sees as its own."""
    kept = RUN / str(clusters.status()["number"]) / "node-1" / "mounts"
    seen = subprocess.run(
        ["nsenter", f"--mount={kept}", "cat", "/proc/self/mountinfo"], capture_output=True, check=True
    )
    targets = [line.split()[4] for line in seen.stdout.decode().splitlines()]
    return sorted(target for target in targets if target.startswith(("/run/", "/var/")))


def assert_nothing_is_left(home: Path) -> None:
    assert not home.exists() or list(home.iterdir()) == []
    assert eventually(lambda: processes_of(home), lambda found: not found) == []
    assert str(home) not in Path("/proc/self/mountinfo").read_text()
    assert [owner for owner in RUN.glob("*/home") if owner.read_text() == str(home)] == []


def test_every_program_that_was_killed_runs_again_and_the_pod_never_noticed(own: Clusters) -> None:
    host = own.host()
    # So marked, the pod's process is among those that must not be left when the clusters go.
    marked = [{"name": "VGATEWAY_HOME", "value": str(own.home)}]
    host.apply(shell_pod("steady", container(env=marked)))
    host.ok("wait", "pod/steady", "--for=condition=Ready", "--timeout=180s")
    before = programs(own)

    for pid in before.values():
        os.kill(pid, signal.SIGKILL)
    own.up(NAME)

    after = programs(own)
    assert after.keys() == before.keys()
    assert all(after[name] not in {None, pid} for name, pid in before.items())
    said = eventually(
        lambda: host.run("exec", "steady", "--", "echo", "still here").stdout, lambda said: "still here" in str(said)
    )
    assert "still here" in str(said)
    assert "0" in str(host.ok("get", "pod", "steady", "-o", "jsonpath={.status.containerStatuses[0].restartCount}"))


def test_up_changes_nothing_where_all_is_well(own: Clusters) -> None:
    before = programs(own)
    own.up(NAME)
    assert programs(own) == before


def test_a_virtual_cluster_comes_and_goes_beside_the_others(own: Clusters) -> None:
    own.up("guest")
    before = programs(own)
    own.local("down", "guest")
    assert {name for name in before if not name.startswith("guest/")} == set(programs(own))
    assert "vgateway-guest" not in str(own.host().ok("get", "namespaces", "-o", "name"))


@pytest.mark.parametrize("reached", ["host/etcd", "node-1/containerd", "node-1/kubelet", "virtual-victim/kine"])
def test_after_a_kill_of_up_at_any_point_down_leaves_nothing_and_others_as_they_were(
    own: Clusters, tmp_path: Path, reached: str
) -> None:
    home = tmp_path / "home"
    others = node_mounts(own)
    record = home / "processes" / f"{reached}.stat"
    command = [sys.executable, "-m", "vgateway", "local", "up", NAME]
    environment = {**os.environ, "VGATEWAY_HOME": str(home)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as starting:
        eventually(lambda: record.exists() or starting.poll() is not None, bool)
        starting.kill()
    assert record.exists()

    Clusters(home).local("down")

    assert_nothing_is_left(home)
    assert node_mounts(own) == others


def test_clusters_end_with_the_process_that_they_were_made_for(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as owner:
        Clusters(home).local("up", NAME, "--owner-pid", str(owner.pid))
        assert processes_of(home)
    eventually(home.exists, lambda exists: not exists)
    assert_nothing_is_left(home)


def test_a_taken_port_is_one_line(own: Clusters) -> None:
    pid = programs(own)["host/kwok"]
    address = own.status()["host"]["server"].removeprefix("https://").partition(":")[0]
    os.kill(pid, signal.SIGKILL)
    squatter = [
        sys.executable,
        "-c",
        "import socket, sys; s = socket.create_server((sys.argv[1], 10247)); print(flush=True); sys.stdin.read()",
    ]
    environment = {**os.environ, "VGATEWAY_HOME": str(own.home)}
    with subprocess.Popen([*squatter, address], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as squatting:
        assert squatting.stdout is not None
        squatting.stdout.readline()
        refused = subprocess.run(
            [sys.executable, "-m", "vgateway", "local", "up", NAME], env=environment, capture_output=True, check=False
        )
        squatting.communicate()

    assert refused.returncode == 1
    assert refused.stderr.decode().splitlines()[-1] == (
        f"vgateway: host/kwok: port 10247 of {address} is taken by another program"
    )
    own.up(NAME)
