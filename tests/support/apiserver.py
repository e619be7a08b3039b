"""A real kube-apiserver with its etcd, on loopback and without root, that a test may kill and start again."""

import base64
import contextlib
import signal
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support.authority import Authority, key_pem

READY_WITHIN = 120.0
TOKEN = "test-admin-token"


def free_port() -> int:
    """Return a loopback port that nobody has at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class ApiServer:
    """One etcd and one kube-apiserver. The address, certificates and data survive ``kill`` and ``start``.

    ``flags`` of the API server go over the usual ones; the next start takes them as they are then.
    """

    def __init__(self, programs: Mapping[str, Path], directory: Path, **flags: str) -> None:
        self._programs = programs
        self.flags = {name.replace("_", "-"): value for name, value in flags.items()}
        self._directory = directory
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._etcd_port, self._peer_port, self.port = free_port(), free_port(), free_port()
        self.authority = Authority(directory)
        self._serving = self.authority.issue("kube-apiserver")
        self.admin = self.authority.issue("admin", "system:masters")
        self.server = f"https://127.0.0.1:{self.port}"
        (directory / "sa.key").write_bytes(key_pem(ec.generate_private_key(ec.SECP256R1())))
        self.token_file = directory / "token"
        self.token_file.write_text(TOKEN)
        (directory / "tokens.csv").write_text(f'{TOKEN},tester,tester,"system:masters"\n')

    def start(self) -> None:
        """Start what does not run and wait until the API server is ready."""
        if "etcd" not in self._running:
            self._spawn("etcd", self._etcd_arguments())
        if "kube-apiserver" not in self._running:
            self._spawn("kube-apiserver", self._apiserver_arguments())
        end = time.monotonic() + READY_WITHIN
        while not self._is_ready():
            assert all(process.poll() is None for process in self._running.values()), self._last_words()
            assert time.monotonic() < end, self._last_words()
            time.sleep(0.2)

    def kill(self, name: str = "kube-apiserver") -> None:
        """End a program as a crash would."""
        process = self._running.pop(name)
        process.kill()
        process.wait()

    def stop(self) -> None:
        """End everything."""
        for name in list(self._running):
            self.kill(name)

    def freeze(self) -> None:
        """Keep the API server's connections open and have it say nothing more."""
        self._running["kube-apiserver"].send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen API server go on."""
        self._running["kube-apiserver"].send_signal(signal.SIGCONT)

    def compact(self, revision: int) -> None:
        """Have etcd forget everything before a revision."""
        body = orjson.dumps({"revision": str(revision), "physical": True})
        address = f"http://127.0.0.1:{self._etcd_port}/v3/kv/compaction"
        with urllib.request.urlopen(urllib.request.Request(address, body, method="POST"), timeout=60) as answer:
            answer.read()

    def forget(self, prefix: str) -> None:
        """Remove everything under a key from etcd, behind the API server's back."""
        first, last = prefix.encode(), prefix[:-1].encode() + bytes([ord(prefix[-1]) + 1])
        body = {"key": base64.b64encode(first).decode(), "range_end": base64.b64encode(last).decode()}
        address = f"http://127.0.0.1:{self._etcd_port}/v3/kv/deleterange"
        asked = urllib.request.Request(address, orjson.dumps(body), method="POST")
        with urllib.request.urlopen(asked, timeout=60) as answer:
            answer.read()

    def _is_ready(self) -> bool:
        context = ssl.create_default_context(cafile=str(self.authority.certificate))
        asked = urllib.request.Request(f"{self.server}/readyz", headers={"Authorization": f"Bearer {TOKEN}"})
        try:
            with urllib.request.urlopen(asked, timeout=5, context=context) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def _last_words(self) -> str:
        return "\n".join(log.read_text()[-2000:] for log in self._directory.glob("*.log"))

    def _spawn(self, name: str, arguments: Mapping[str, Any]) -> None:
        line = [str(self._programs[name]), *(f"--{flag}={value}" for flag, value in arguments.items())]
        with (self._directory / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def _etcd_arguments(self) -> Mapping[str, Any]:
        client, peer = f"http://127.0.0.1:{self._etcd_port}", f"http://127.0.0.1:{self._peer_port}"
        return {
            "data-dir": self._directory / "etcd",
            "unsafe-no-fsync": "true",
            "listen-client-urls": client,
            "advertise-client-urls": client,
            "listen-peer-urls": peer,
            "initial-advertise-peer-urls": peer,
            "initial-cluster": f"default={peer}",
            "log-level": "warn",
        }

    def _apiserver_arguments(self) -> Mapping[str, Any]:
        return {
            "etcd-servers": f"http://127.0.0.1:{self._etcd_port}",
            "etcd-compaction-interval": "0",
            "bind-address": "127.0.0.1",
            "advertise-address": "127.0.0.1",
            "secure-port": self.port,
            "endpoint-reconciler-type": "none",
            "service-cluster-ip-range": "10.96.0.0/24",
            "authorization-mode": "RBAC",
            "client-ca-file": self.authority.certificate,
            "tls-cert-file": self._serving.certificate,
            "tls-private-key-file": self._serving.key,
            "token-auth-file": self._directory / "tokens.csv",
            "service-account-issuer": "https://kubernetes.default.svc",
            "service-account-key-file": self._directory / "sa.key",
            "service-account-signing-key-file": self._directory / "sa.key",
            "disable-admission-plugins": "ServiceAccount",
            **self.flags,
        }


@contextlib.contextmanager
def running_apiserver(programs: Mapping[str, Path], directory: Path, **flags: str) -> Iterator[ApiServer]:
    """Give a running API server around the body."""
    server = ApiServer(programs, directory, **flags)
    try:
        server.start()
        yield server
    finally:
        server.stop()
