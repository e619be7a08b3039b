"""The pod of one virtual cluster, as the StatefulSet's template. Pure.

The order of starting is Kubernetes' own, by init containers that keep running (KEP-753, 1.29 and newer): certificates,
then the store and the API server, then what the API server has to be told, then the controllers and the gateway. They
end in the opposite order, so that the gateway drains while its API server still answers.
"""

from collections.abc import Mapping
from typing import Any

from vgateway import __version__
from vgateway.config.model import Config
from vgateway.config.workload import Program
from vgateway.install import programs
from vgateway.install.layout import (
    API_PORT,
    CONFIG,
    DATA,
    GATEWAY_CONFIG,
    RUN,
    SERVICE_CIDR,
    TOKEN,
    Release,
)

USER = 65532
GRACE = 15
"""Seconds that the programs beside the gateway get after its own ``drainSeconds``."""
TOKEN_SECONDS = 3607
"""What Kubernetes gives every pod that does not say."""

CONTAINER_SECURITY: Mapping[str, Any] = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
}
POD_SECURITY: Mapping[str, Any] = {
    "runAsNonRoot": True,
    "runAsUser": USER,
    "runAsGroup": USER,
    "fsGroup": USER,
    "fsGroupChangePolicy": "OnRootMismatch",
    "seccompProfile": {"type": "RuntimeDefault"},
}


def pod_template(release: Release, config: Config, digest: str) -> dict[str, Any]:
    """Return the template; ``digest`` changes with the values, so that a change of them makes the pod anew."""
    workload = config.control_plane.stateful_set
    placing = workload.scheduling
    chosen = {
        "nodeSelector": dict(placing.node_selector),
        "affinity": dict(placing.affinity),
        "tolerations": [dict(one) for one in placing.tolerations],
        "priorityClassName": placing.priority_class_name,
    }
    return {
        "metadata": {
            "labels": {**workload.pods.labels, **release.labels},
            "annotations": {**workload.pods.annotations, "vClusterConfigHash": digest},
        },
        "spec": {
            "serviceAccountName": release.account,
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": int(config.gateway.drain_seconds) + GRACE,
            "securityContext": dict(POD_SECURITY),
            **{name: value for name, value in chosen.items() if value},
            "initContainers": [
                _own(config, "prepare", ["pod", "prepare"], _names(release)),
                _kine(config),
                _apiserver(release, config),
                _own(config, "settle", ["pod", "settle"], []),
            ],
            "containers": [_gateway(config), _controller_manager(config)],
            "volumes": _volumes(release, config),
        },
    }


def _own(config: Config, name: str, arguments: list[str], environment: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a container of our image."""
    workload = config.control_plane.stateful_set
    mounts = [
        {"name": "config", "mountPath": str(CONFIG.parent), "readOnly": True},
        {"name": "run", "mountPath": str(RUN)},
        {"name": "token", "mountPath": str(TOKEN), "readOnly": True},
    ]
    return {
        "name": name,
        "image": workload.image.name(__version__),
        **_pull(config),
        "args": arguments,
        **({"env": environment} if environment else {}),
        "resources": dict(workload.resources),
        "securityContext": dict(CONTAINER_SECURITY),
        "volumeMounts": mounts,
    }


def _names(release: Release) -> list[dict[str, Any]]:
    return [
        {"name": "VGATEWAY_NAME", "value": release.name},
        {"name": "VGATEWAY_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
        {"name": "VGATEWAY_ADDRESS", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
    ]


def _gateway(config: Config) -> dict[str, Any]:
    ports = config.control_plane
    operations = {"port": "operations"}
    return {
        **_own(config, "gateway", ["run", "--config", str(GATEWAY_CONFIG)], []),
        "ports": [
            {"name": "https", "containerPort": ports.proxy.port},
            {"name": "kubelet", "containerPort": ports.kubelet.port},
            {"name": "operations", "containerPort": config.gateway.operations.port},
        ],
        "livenessProbe": {"httpGet": {"path": "/livez", **operations}, "periodSeconds": 10, "failureThreshold": 6},
        "readinessProbe": {"httpGet": {"path": "/readyz", **operations}, "periodSeconds": 2, "failureThreshold": 3},
        "startupProbe": {"httpGet": {"path": "/livez", **operations}, "periodSeconds": 2, "failureThreshold": 150},
    }


def _kine(config: Config) -> dict[str, Any]:
    component = config.control_plane.backing_store.database.embedded
    mounts = [{"name": "data", "mountPath": str(DATA)}, {"name": "scratch", "mountPath": "/tmp"}]  # noqa: S108 - kine's own
    return {**_program(config, "kine", component, programs.kine(config), mounts), "restartPolicy": "Always"}


def _apiserver(release: Release, config: Config) -> dict[str, Any]:
    component = config.control_plane.distro.k8s.api_server
    found = {"secretKeyRef": {"name": release.certificates_secret, "key": SERVICE_CIDR}}
    mounts = [{"name": "run", "mountPath": str(RUN), "readOnly": True}]
    return {
        **_program(config, "kube-apiserver", component, programs.apiserver(config), mounts),
        "restartPolicy": "Always",
        "env": [{"name": programs.SERVICE_CIDR_VARIABLE, "valueFrom": found}],
        "ports": [{"name": "apiserver", "containerPort": API_PORT}],
        "startupProbe": _asked("/readyz", 1, 600),
        "livenessProbe": _asked("/livez", 10, 8),
        "readinessProbe": _asked("/readyz", 2, 3),
    }


def _asked(path: str, period: int, failures: int) -> dict[str, Any]:
    get = {"path": path, "port": "apiserver", "scheme": "HTTPS"}
    return {"httpGet": get, "periodSeconds": period, "failureThreshold": failures, "timeoutSeconds": 15}


def _controller_manager(config: Config) -> dict[str, Any]:
    component = config.control_plane.distro.k8s.controller_manager
    mounts = [{"name": "run", "mountPath": str(RUN), "readOnly": True}]
    return _program(config, "kube-controller-manager", component, programs.controller_manager(config), mounts)


def _program(
    config: Config, name: str, component: Program, arguments: list[str], mounts: list[dict[str, Any]]
) -> dict[str, Any]:
    """Return a container of the virtual control plane; it has no identity on the host."""
    return {
        "name": name,
        "image": component.image.name(config.control_plane.distro.k8s.release),
        **_pull(config),
        "command": [name],
        "args": arguments,
        "resources": dict(component.resources),
        "securityContext": dict(CONTAINER_SECURITY),
        "volumeMounts": mounts,
    }


def _pull(config: Config) -> dict[str, str]:
    policy = config.control_plane.stateful_set.image_pull_policy
    return {"imagePullPolicy": policy} if policy else {}


def _volumes(release: Release, config: Config) -> list[dict[str, Any]]:
    """Return the volumes; the token is an ordinary one, but only our own containers have it."""
    token = {"serviceAccountToken": {"path": "token", "expirationSeconds": TOKEN_SECONDS}}
    authority = {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}}
    kept = config.control_plane.stateful_set.persistence.volume_claim.enabled
    return [
        {"name": "config", "secret": {"secretName": release.config_secret}},
        {"name": "run", "emptyDir": {"medium": "Memory", "sizeLimit": "16Mi"}},
        {"name": "scratch", "emptyDir": {}},
        {"name": "token", "projected": {"sources": [token, authority]}},
        *([] if kept else [{"name": "data", "emptyDir": {}}]),
    ]
