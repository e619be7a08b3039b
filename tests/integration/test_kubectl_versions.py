"""kubectl of other releases: three before the cluster's, and the one after it."""

import os
import socket
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.conftest import with_namespace
from tests.support.kubectl import SPDY, WEBSOCKET, Kubectl
from tests.support.manifests import container, shell_pod
from tests.support.otherkubectl import OTHERS, other_kubectl
from tests.support.portforward import port_forward

pytestmark = pytest.mark.cluster

PAGE = b"as it was written\n"


@pytest.fixture(scope="module")
def web(tenant: Kubectl) -> Iterator[str]:
    """The namespace of a running pod that serves a page and says a word in its log, called ``web``."""
    name = f"test-{os.urandom(4).hex()}"
    script = f"mkdir /www; printf '{PAGE.decode().strip()}\\n' > /www/page; echo serving; exec httpd -f -p 8080 -h /www"
    probe = {"tcpSocket": {"port": 8080}, "periodSeconds": 1}
    pod = shell_pod("web", container("main", script, readinessProbe=probe), terminationGracePeriodSeconds=0)
    tenant.ok("create", "namespace", name)
    tenant.apply(with_namespace(pod, name))
    tenant.ok("wait", "-n", name, "pod/web", "--for=condition=Ready", "--timeout=180s")
    yield name
    tenant.ok("delete", "namespace", name, "--wait=false")


@pytest.fixture(params=[*OTHERS])
def other(request: pytest.FixtureRequest, tenant: Kubectl) -> Kubectl:
    """The tenant's kubeconfig with a kubectl of another release."""
    kubectl = replace(tenant, program=other_kubectl(request.param))
    assert kubectl.json("version", "--client")["clientVersion"]["gitVersion"].startswith(f"v{request.param}.")
    return kubectl


@pytest.mark.parametrize("protocol", [pytest.param(SPDY, id="SPDY"), pytest.param(WEBSOCKET, id="WebSocket")])
def test_every_way_into_a_pod_is_open_to_it(
    other: Kubectl, web: str, protocol: Mapping[str, str], tmp_path: Path
) -> None:
    kubectl = other.speaking(protocol)
    assert kubectl.ok("get", "pods", "-n", web, "--no-headers").split()[:2] == ["web", "1/1"]
    assert kubectl.ok("logs", "-n", web, "web") == "serving\n"

    script = "cat; echo err >&2; exit 7"
    done = kubectl.run("exec", "-i", "-n", web, "web", "--", "sh", "-c", script, stdin=b"out\n")
    assert (done.stdout, done.returncode) == (b"out\n", 7)
    assert done.stderr == b"err\ncommand terminated with exit code 7\n"

    noise = os.urandom(300_000)
    (tmp_path / "there").write_bytes(noise)
    kubectl.ok("cp", "-n", web, str(tmp_path / "there"), "web:/tmp/noise")
    kubectl.ok("cp", "-n", web, "web:/tmp/noise", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == noise

    with (
        port_forward(kubectl, web, "pod/web", 8080) as port,
        socket.create_connection(("127.0.0.1", port), timeout=60) as connection,
    ):
        connection.sendall(b"GET /page HTTP/1.0\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.endswith(b"\r\n\r\n" + PAGE)
