"""``kubectl port-forward`` through the gateway: many connections, some of which break."""

import hashlib
import os
import socket
import struct
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.integration.conftest import with_namespace
from tests.support.eventually import eventually
from tests.support.kubectl import SPDY, WEBSOCKET, Kubectl
from tests.support.manifests import container, shell_pod
from tests.support.portforward import port_forward

pytestmark = pytest.mark.cluster

SIZE = 200_000
# Some connections ask for a page; the others say they would and go away in the middle.
CONNECTIONS = 20


@pytest.fixture
def web(tenant: Kubectl, namespace: str) -> str:
    script = f"mkdir /www; head -c {SIZE} /dev/urandom > /www/noise; exec httpd -f -p 8080 -h /www"
    probe = {"tcpSocket": {"port": 8080}, "periodSeconds": 1}
    pod = shell_pod("web", container("main", script, readinessProbe=probe), terminationGracePeriodSeconds=0)
    tenant.apply(with_namespace(pod, namespace))
    tenant.ok("wait", "-n", namespace, "pod/web", "--for=condition=Ready", "--timeout=180s")
    return namespace


def fetch(port: int) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(b"GET /noise HTTP/1.0\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    return answer.split(b"\r\n\r\n", 1)[1]


def break_off(port: int) -> None:
    """Ask, read a little, and reset the connection."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=60)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.sendall(b"GET /noise HTTP/1.0\r\n\r\n")
    connection.recv(1)
    connection.close()


@pytest.mark.parametrize("protocol", [pytest.param(SPDY, id="SPDY"), pytest.param(WEBSOCKET, id="WebSocket")])
def test_twenty_connections_of_which_some_break_leave_the_others_whole(
    tenant: Kubectl, web: str, protocol: Mapping[str, str]
) -> None:
    kubectl = tenant.speaking(protocol)
    with port_forward(kubectl, web, "pod/web", 8080) as port, ThreadPoolExecutor(CONNECTIONS) as pool:
        whole = fetch(port)
        answers = [pool.submit(break_off if number % 4 == 0 else fetch, port) for number in range(CONNECTIONS)]
        received = [answer.result() for answer in answers]
        after = fetch(port)

    assert len(whole) == SIZE
    assert [body == whole for number, body in enumerate(received) if number % 4] == [True] * 15
    assert after == whole


def test_bytes_sent_through_a_forwarded_port_are_received(tenant: Kubectl, namespace: str) -> None:
    sink = "mkfifo /tmp/open; exec 3<>/tmp/open; nc -l -p 9000 <&3 | sha256sum; sleep 3600"
    pod = shell_pod("sink", container("main", sink), terminationGracePeriodSeconds=0)
    tenant.apply(with_namespace(pod, namespace))
    tenant.ok("wait", "-n", namespace, "pod/sink", "--for=condition=Ready", "--timeout=180s")
    noise = os.urandom(1_000_000)

    with port_forward(tenant, namespace, "pod/sink", 9000) as port:
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            connection.sendall(noise)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass
        printed = eventually(lambda: tenant.ok("logs", "-n", namespace, "sink"))

    assert printed.split()[0] == hashlib.sha256(noise).hexdigest()
