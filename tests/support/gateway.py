"""``vgateway run`` as a process of its own, with certificates and a configuration made for it."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from tests.support.authority import Authority


@dataclass(frozen=True)
class Ports:
    """The ports of one process, free when they were chosen; nobody listens on ``nobody``."""

    front: int
    kubelet: int
    operations: int
    nobody: int


def free_ports() -> Ports:
    """Choose ports that nothing listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(4)]
    numbers = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return Ports(*numbers)


def configuration(authority: Authority, ports: Ports) -> dict[str, Any]:
    """Return a configuration whose two API servers are both down."""
    ca, serving = str(authority.certificate), authority.issue("gateway")
    syncer, front = authority.issue("syncer", "system:masters"), authority.issue("front-proxy-client")
    return {
        "gateway": {
            "name": "demo",
            "namespace": "vgateway-demo",
            "address": "127.0.0.1",
            "tls": {"certificate": str(serving.certificate), "key": str(serving.key), "clientCA": ca},
            "virtualCluster": {
                "server": f"https://127.0.0.1:{ports.nobody}",
                "certificateAuthority": ca,
                "clientCertificate": str(syncer.certificate),
                "clientKey": str(syncer.key),
                "frontProxyCertificate": str(front.certificate),
                "frontProxyKey": str(front.key),
            },
            "hostCluster": {"kubeconfig": str(host_kubeconfig(authority, ports.nobody))},
            "operations": {"address": "127.0.0.1", "port": ports.operations},
        },
        "controlPlane": {
            "proxy": {"bindAddress": "127.0.0.1", "port": ports.front},
            "kubelet": {"bindAddress": "127.0.0.1", "port": ports.kubelet},
        },
    }


def host_kubeconfig(authority: Authority, port: int) -> Path:
    """Write a kubeconfig for a host API server on a loopback port."""
    cluster = {"server": f"https://127.0.0.1:{port}", "certificate-authority": str(authority.certificate)}
    document = {
        "current-context": "host",
        "contexts": [{"name": "host", "context": {"cluster": "host", "user": "gateway"}}],
        "clusters": [{"name": "host", "cluster": cluster}],
        "users": [{"name": "gateway", "user": {"token": "not-a-token"}}],
    }
    path = authority.directory / "host.kubeconfig"
    path.write_bytes(orjson.dumps(document))
    return path


def command(place: Path, document: dict[str, Any]) -> list[str]:
    """Write the configuration file and return the command that runs it."""
    path = place / "config.yaml"
    path.write_bytes(orjson.dumps(document))
    return [sys.executable, "-m", "vgateway", "run", "--config", str(path)]


def refused(place: Path, document: dict[str, Any]) -> tuple[int, str]:
    """Run to the end a process that cannot start; return its exit code and what it said."""
    done = subprocess.run(command(place, document), capture_output=True, timeout=120, check=False)
    return done.returncode, done.stderr.decode()


@contextmanager
def running(place: Path, document: dict[str, Any]) -> Iterator["subprocess.Popen[bytes]"]:
    """Run the process around the body; it ends with the body."""
    with (place / "log").open("wb") as log:
        process = subprocess.Popen(command(place, document), stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
