"""Real clusters on this machine, as ``vgateway local`` makes them."""

import os
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import yaml

from tests.support.kubectl import Kubectl
from vgateway.local.manifests import GATEWAY_ACCOUNT

UP_DEADLINE = 3600.0
"""Seconds: the first time on a machine, every Kubernetes program is compiled."""


@dataclass(frozen=True)
class Clusters:
    """The clusters under one state directory."""

    home: Path

    def local(self, *arguments: str, deadline: float = 300.0) -> str:
        """Run ``vgateway local …``; fail with its own words unless it succeeds. Returns standard output."""
        done = subprocess.run(
            [sys.executable, "-m", "vgateway", "local", *arguments],
            capture_output=True,
            timeout=deadline,
            env={**os.environ, "VGATEWAY_HOME": str(self.home)},
            check=False,
        )
        assert done.returncode == 0, f"local {' '.join(arguments)}\n{done.stdout.decode()}{done.stderr.decode()}"
        return done.stdout.decode().strip()

    def up(self, *arguments: str) -> None:
        """Start clusters that end with this process, however it ends."""
        self.local("up", *arguments, "--owner-pid", str(os.getpid()), deadline=UP_DEADLINE)

    def tenant(self, name: str) -> Kubectl:
        """Return the tenant's kubectl, through the gateway."""
        return self._kubectl(name)

    def direct(self, name: str) -> Kubectl:
        """Return the same tenant's kubectl, straight to the virtual API server."""
        return self._kubectl(name, "--direct")

    def host(self) -> Kubectl:
        """Return the host administrator's kubectl."""
        return self._kubectl("--host")

    def status(self) -> Any:
        """Return what runs, decoded from ``local status --json``."""
        return orjson.loads(self.local("status", "--json"))

    def gateway_pid(self, name: str) -> int:
        """Return the process id of a virtual cluster's gateway."""
        return int(self.status()["virtualClusters"][name]["programs"]["gateway"]["pid"])

    def edit(self, name: str, change: Callable[[Any], None]) -> None:
        """Change the configuration file of a running gateway in its place, as an edited ConfigMap would."""
        path = self.home / "virtual" / name / "gateway.yaml"
        document = yaml.safe_load(path.read_text())
        change(document)
        fresh = path.with_name("fresh.yaml")
        fresh.write_text(yaml.safe_dump(document))
        fresh.rename(path)

    def rights(self, name: str) -> bytes:
        """Return the manifests of the rights that a running gateway's configuration needs, for its own account."""
        file = self.home / "virtual" / name / "gateway.yaml"
        command = [sys.executable, "-m", "vgateway", "config", "rbac", str(file), "--account", GATEWAY_ACCOUNT]
        return subprocess.run(command, capture_output=True, timeout=60, check=True).stdout

    def metrics(self, name: str) -> str:
        """Return what a gateway counts, as Prometheus reads it."""
        place = yaml.safe_load((self.home / "virtual" / name / "gateway.yaml").read_text())["gateway"]["operations"]
        with urllib.request.urlopen(f"http://{place['address']}:{place['port']}/metrics", timeout=60) as answer:
            found: bytes = answer.read()
        return found.decode()

    def _kubectl(self, *arguments: str) -> Kubectl:
        program = Path(self.local("programs")) / "kubectl"
        return Kubectl(program, Path(self.local("kubeconfig", *arguments)))


@contextmanager
def running_clusters(home: Path, *arguments: str) -> Iterator[Clusters]:
    """Start clusters around the body and take everything away after it."""
    clusters = Clusters(home)
    try:
        clusters.up(*arguments)
        yield clusters
    finally:
        clusters.local("down")
