"""Streams through the reverse proxies that operators put before a gateway, longer idle than those bear."""

import subprocess
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
import yaml

from tests.support.kubectl import SPDY, WEBSOCKET, Kubectl
from tests.support.reverseproxy import COMMANDS, reverse_proxy
from tests.support.streams import streams

pytestmark = pytest.mark.cluster

# kubectl sends a ping every five seconds.
IDLE_SECONDS = 9


@pytest.fixture(scope="module")
def token(tenant: Kubectl) -> Iterator[str]:
    """A token for everything: behind a proxy that ends TLS a client's certificate says nothing."""
    name = f"behind-{uuid.uuid4().hex[:8]}"
    tenant.ok("create", "serviceaccount", name, "-n", "default")
    tenant.ok("create", "clusterrolebinding", name, "--clusterrole=cluster-admin", f"--serviceaccount=default:{name}")
    yield tenant.ok("create", "token", name, "-n", "default").strip()
    tenant.ok("delete", "clusterrolebinding", name)
    tenant.ok("delete", "serviceaccount", name, "-n", "default")


@pytest.fixture(params=[*COMMANDS])
def behind(request: pytest.FixtureRequest, tenant: Kubectl, token: str, tmp_path: Path) -> Iterator[Kubectl]:
    """The tenant's kubectl, through a proxy before the gateway."""
    server = yaml.safe_load(tenant.kubeconfig.read_text())["clusters"][0]["cluster"]["server"]
    with reverse_proxy(request.param, tmp_path, server.removeprefix("https://"), IDLE_SECONDS) as (address, authority):
        document = {
            "current-context": "it",
            "clusters": [{"name": "it", "cluster": {"server": address, "certificate-authority": str(authority)}}],
            "users": [{"name": "it", "user": {"token": token}}],
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
        }
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.touch(mode=0o600)
        kubeconfig.write_bytes(orjson.dumps(document))
        yield replace(tenant, kubeconfig=kubeconfig)


async def test_a_command_lives_on_while_a_stream_without_pings_is_given_up(
    behind: Kubectl, shell: tuple[str, str]
) -> None:
    namespace, pod = shell
    with ExitStack() as stack:
        cat = ("exec", "-i", "-n", namespace, pod, "--", "cat")
        commands = [stack.enter_context(behind.speaking(protocol).started(*cat)) for protocol in (SPDY, WEBSOCKET)]
        for command in commands:
            assert answer(command, b"before\n") == b"before\n"
        # The proxy itself says when its patience was over: it gives up a stream that is as idle, but sends no pings.
        path = f"/api/v1/namespaces/{namespace}/pods/{pod}/exec?container=main&stdin=true&stdout=true&command=cat"
        async with streams(behind) as ways, ways.open(path) as silent:
            await silent.send_bytes(b"\x00hello")
            assert (await silent.receive()).data[1:] in {b"", b"hello"}
            async for _ in silent:
                pass
            assert silent.closed
        for command in commands:
            assert command.poll() is None
            assert answer(command, b"after\n") == b"after\n"
            assert command.communicate(timeout=60) == (b"", b"")
            assert command.returncode == 0


def answer(command: "subprocess.Popen[bytes]", line: bytes) -> bytes:
    """Type a line and return what comes back."""
    assert command.stdin is not None
    assert command.stdout is not None
    command.stdin.write(line)
    command.stdin.flush()
    return command.stdout.readline()
