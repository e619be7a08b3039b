"""Debian's Prometheus in a pod of a tenant's, as an operator would run it: a token, and certificates that are verified.

Its package is unpacked into an image and not installed. Debian builds it without discovery in Kubernetes, so it is
given the addresses that this would find: those that nodes advertise, with the port of their kubelets.
"""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson
import yaml
from rich.console import Console

from tests.support.kubectl import Kubectl
from vgateway.local.archive import ImageConfig, write_image_archive
from vgateway.local.debian import download_packages, unpack
from vgateway.local.paths import cache_home
from vgateway.local.progress import Progress

IMAGE = "docker.io/prom/prometheus:debian"
ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
PAGES = ("resource", "cadvisor")
PORT = 9090
# By which of a node's addresses it is scraped.
ADDRESSES = ("InternalIP", "Hostname")


def prometheus_image() -> Path:
    """Return the archive of the image, made once on a machine."""
    finished = cache_home(os.environ) / "images" / "prometheus-debian.tar"
    if not finished.exists():
        finished.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="vgateway-prometheus-") as scratch:
            work, unpacked, root = (Path(scratch) / name for name in ("work", "unpacked", "root"))
            work.mkdir()
            for package in download_packages(["prometheus", "libc6"], work, Progress(Console(stderr=True))):
                unpack(package, unpacked)
            for name in ("lib", "lib64"):
                shutil.copytree(unpacked / name, root / name, symlinks=True)
            (root / "bin").mkdir()
            shutil.copy(unpacked / "usr" / "bin" / "prometheus", root / "bin" / "prometheus")
            write_image_archive(finished, IMAGE, root, ImageConfig(entrypoint=("/bin/prometheus",)))
    return finished


def job(page: str, kind: str) -> str:
    """Return the name of the job that scrapes a page by one kind of address."""
    return f"{page}-by-{kind}"


JOBS = tuple(job(page, kind) for page in PAGES for kind in ADDRESSES)


def target(node: dict[str, Any], kind: str) -> str:
    """Return where a node says that its kubelet is."""
    status = node["status"]
    address = next(one["address"] for one in status["addresses"] if one["type"] == kind)
    return f"{address}:{status['daemonEndpoints']['kubeletEndpoint']['Port']}"


def jobs(nodes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a job for each page and each kind of address."""
    return [
        {
            "job_name": job(page, kind),
            "scheme": "https",
            "metrics_path": f"/metrics/{page}",
            "tls_config": {"ca_file": f"{ACCOUNT}/ca.crt"},
            "authorization": {"credentials_file": f"{ACCOUNT}/token"},
            "static_configs": [{"targets": [target(node, kind) for node in nodes]}],
        }
        for page in PAGES
        for kind in ADDRESSES
    ]


def prometheus_objects(namespace: str, nodes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what runs it: its account, what that may read, its settings and its pod."""
    settings = yaml.safe_dump({"global": {"scrape_interval": "5s"}, "scrape_configs": jobs(nodes)})
    rules = [{"apiGroups": [""], "resources": ["nodes/metrics"], "verbs": ["get"]}]
    rbac, own = "rbac.authorization.k8s.io", {"name": "prometheus", "namespace": namespace}
    options = {"config.file": "/etc/prometheus/prometheus.yml", "storage.tsdb.path": "/data"}
    container = {
        "name": "prometheus",
        "image": IMAGE,
        "imagePullPolicy": "Never",
        "args": [f"--{name}={value}" for name, value in options.items()],
        "ports": [{"containerPort": PORT}],
        "readinessProbe": {"httpGet": {"path": "/-/ready", "port": PORT}, "periodSeconds": 2},
        "volumeMounts": [
            {"name": "settings", "mountPath": "/etc/prometheus"},
            {"name": "data", "mountPath": "/data"},
        ],
    }
    spec = {
        "serviceAccountName": "prometheus",
        "terminationGracePeriodSeconds": 5,
        "containers": [container],
        "volumes": [{"name": "settings", "configMap": {"name": "prometheus"}}, {"name": "data", "emptyDir": {}}],
    }
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": own},
        {"apiVersion": f"{rbac}/v1", "kind": "ClusterRole", "metadata": {"name": "prometheus"}, "rules": rules},
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "prometheus"},
            "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": "prometheus"},
            "subjects": [{"kind": "ServiceAccount", **own}],
        },
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": own, "data": {"prometheus.yml": settings}},
        {"apiVersion": "v1", "kind": "Pod", "metadata": own, "spec": spec},
    ]


def asked(kubectl: Kubectl, namespace: str, path: str, **query: str) -> Any:
    """Return the ``data`` of an answer of its API, by way of the API server; None while it gives none."""
    target = f"/api/v1/namespaces/{namespace}/pods/prometheus:{PORT}/proxy/api/v1/{path}?{urlencode(query)}"
    done = kubectl.run("get", "--raw", target)
    return orjson.loads(done.stdout)["data"] if done.returncode == 0 else None
