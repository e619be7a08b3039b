"""A real metrics-server for one cluster, as a process beside it that its API server aggregates."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

from tests.support.gateway import free_ports
from tests.support.kubectl import Kubectl
from vgateway.local.paths import cache_home
from vgateway.local.progress import Progress
from vgateway.local.toolchain import ensure_programs

NAME = "metrics-server"
API_SERVICE = "v1beta1.metrics.k8s.io"


@contextmanager
def metrics_server(kubectl: Kubectl, authority: Path, reached_at: str, directory: Path) -> Iterator[None]:
    """Run it around the body. ``authority`` signed the kubelets; the API server reaches it at ``reached_at``."""
    port = free_ports().nobody
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(command(kubectl.kubeconfig, authority, port, directory), stderr=log)
    try:
        kubectl.apply(*registration(reached_at, port))
        kubectl.ok("wait", "apiservice", API_SERVICE, "--for=condition=Available", "--timeout=180s", deadline=200)
        yield
    finally:
        kubectl.run("delete", "apiservice", API_SERVICE)
        kubectl.run("delete", "service", "-n", "kube-system", NAME)
        process.kill()
        process.wait()


def command(kubeconfig: Path, authority: Path, port: int, directory: Path) -> list[str]:
    """Return the command; every node is asked at its InternalIP, and its certificate must be good."""
    program = ensure_programs([NAME], cache_home(os.environ), Progress(Console(stderr=True)))[NAME]
    options = {
        "kubeconfig": kubeconfig,
        "authentication-kubeconfig": kubeconfig,
        "authorization-kubeconfig": kubeconfig,
        "bind-address": "0.0.0.0",
        "secure-port": port,
        "cert-dir": directory,
        "kubelet-certificate-authority": authority,
        "kubelet-preferred-address-types": "InternalIP",
        "metric-resolution": "15s",
    }
    return [str(program), *(f"--{name}={value}" for name, value in options.items())]


def registration(reached_at: str, port: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the Service that leads out of the cluster, and the APIService over it."""
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": NAME, "namespace": "kube-system"},
        "spec": {"type": "ExternalName", "externalName": reached_at},
    }
    spec = {
        "group": "metrics.k8s.io",
        "version": "v1beta1",
        "service": {"name": NAME, "namespace": "kube-system", "port": port},
        "insecureSkipTLSVerify": True,
        "groupPriorityMinimum": 100,
        "versionPriority": 100,
    }
    api = {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": API_SERVICE}}
    return service, {**api, "spec": spec}
