"""Nothing is lost: hashes over large streams, each way, again and again; and a slow reader costs no memory."""

import hashlib
import os
import socket
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

import pytest

from tests.integration.conftest import TENANT, with_namespace
from tests.support.clusters import Clusters
from tests.support.kubectl import SPDY, WEBSOCKET, Kubectl
from tests.support.manifests import container, shell_pod
from tests.support.portforward import port_forward

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(3600)]

MIB = 1 << 20
SIZE_MIB = 256
ROUNDS = 10
PROTOCOLS = [SPDY, WEBSOCKET]
DEADLINE = 900.0
SLOW_READER_MAY_COST_MIB = 32

each_round = pytest.mark.parametrize(
    "protocol",
    [
        pytest.param(PROTOCOLS[number % 2], id=f"{number + 1} over {'WebSocket' if number % 2 else 'SPDY'}")
        for number in range(ROUNDS)
    ],
)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A file of noise on this side, and its digest."""
    path = tmp_path_factory.mktemp("source") / "noise"
    with path.open("wb") as file:
        for _ in range(SIZE_MIB):
            file.write(os.urandom(MIB))
    return path, digest(path.open("rb"))


@pytest.fixture(scope="module")
def noise(tenant: Kubectl) -> Iterator[tuple[str, str]]:
    """The namespace of the pod ``noise``, which has noise in a file and serves it, and the digest of it."""
    namespace = f"noise-{os.urandom(4).hex()}"
    script = (
        f"mkdir /www; dd if=/dev/urandom of=/www/noise bs=1M count={SIZE_MIB} 2>/dev/null;"
        "sha256sum /www/noise > /www/digest; httpd -p 8080 -h /www;"
        # Its input stays open: when nc ends its side first, the container runtime ends the other one second later.
        "mkfifo /tmp/open; exec 3<>/tmp/open; while :; do nc -l -p 9000 <&3 | sha256sum; done"
    )
    probe = {"httpGet": {"path": "/digest", "port": 8080}, "periodSeconds": 1}
    pod = shell_pod("noise", container("main", script, readinessProbe=probe), terminationGracePeriodSeconds=0)
    tenant.ok("create", "namespace", namespace)
    tenant.apply(with_namespace(pod, namespace))
    tenant.ok("wait", "-n", namespace, "pod/noise", "--for=condition=Ready", "--timeout=300s")
    yield namespace, tenant.ok("exec", "-n", namespace, "noise", "--", "cat", "/www/digest").split()[0]
    tenant.ok("delete", "namespace", namespace, "--wait=false")


def digest(stream: IO[bytes]) -> str:
    total = hashlib.sha256()
    with stream:
        while chunk := stream.read(MIB):
            total.update(chunk)
    return total.hexdigest()


@each_round
def test_exec_delivers_every_byte_of_a_large_output(
    tenant: Kubectl, noise: tuple[str, str], protocol: Mapping[str, str]
) -> None:
    namespace, expected = noise

    command = ("exec", "-n", namespace, "noise", "--", "cat", "/www/noise")
    with tenant.speaking(protocol).started(*command, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        received = digest(process.stdout)
        code = process.wait(timeout=DEADLINE)

    assert (received, code) == (expected, 0)


@each_round
def test_exec_delivers_every_byte_of_a_large_input(
    tenant: Kubectl, noise: tuple[str, str], source: tuple[Path, str], protocol: Mapping[str, str]
) -> None:
    namespace, _ = noise
    path, expected = source

    command = ("exec", "-i", "-n", namespace, "noise", "--", "sha256sum")
    with path.open("rb") as file, tenant.speaking(protocol).started(*command, stdin=file) as process:
        printed, _ = process.communicate(timeout=DEADLINE)

    assert printed.split()[0].decode() == expected


@each_round
def test_port_forward_delivers_every_byte_of_a_large_answer(
    tenant: Kubectl, noise: tuple[str, str], protocol: Mapping[str, str]
) -> None:
    namespace, expected = noise

    with (
        port_forward(tenant.speaking(protocol), namespace, "pod/noise", 8080) as port,
        socket.create_connection(("127.0.0.1", port), timeout=DEADLINE) as connection,
    ):
        connection.sendall(b"GET /noise HTTP/1.0\r\n\r\n")
        stream = connection.makefile("rb")
        while stream.readline().strip():
            pass
        assert digest(stream) == expected


@each_round
def test_port_forward_delivers_every_byte_of_a_large_request(
    tenant: Kubectl, noise: tuple[str, str], source: tuple[Path, str], protocol: Mapping[str, str]
) -> None:
    namespace, _ = noise
    path, expected = source

    with (
        port_forward(tenant.speaking(protocol), namespace, "pod/noise", 9000) as port,
        socket.create_connection(("127.0.0.1", port), timeout=DEADLINE) as connection,
        path.open("rb") as file,
        tenant.started("logs", "-f", "--tail=0", "-n", namespace, "noise") as logs,
    ):
        connection.sendfile(file)
        connection.shutdown(socket.SHUT_WR)
        assert logs.stdout is not None
        assert logs.stdout.readline().split()[0].decode() == expected


def test_a_reader_that_stops_reading_costs_the_gateway_no_memory(
    clusters: Clusters, tenant: Kubectl, noise: tuple[str, str]
) -> None:
    namespace, expected = noise
    command = ("exec", "-n", namespace, "noise", "--", "cat", "/www/noise")
    seen: list[int] = []
    received = hashlib.sha256()
    gateway = clusters.gateway_pid(TENANT)
    before = resident_mib(gateway)

    with tenant.started(*command, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        # Each small read lets the other side fill every buffer on the way again.
        while chunk := process.stdout.read(MIB):
            received.update(chunk)
            seen.append(resident_mib(gateway))

    assert received.hexdigest() == expected
    assert max(seen) - before < SLOW_READER_MAY_COST_MIB


def resident_mib(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) // 1024
