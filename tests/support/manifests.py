"""The smallest objects that tests need, as plain data."""

from typing import Any

IMAGE = "docker.io/library/busybox:1.36"

# PID 1 gets no default signal action: without a trap every deletion would wait for the whole grace period.
STAY = "trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done"


def container(name: str = "main", script: str = STAY, **fields: Any) -> dict[str, Any]:
    """Return a container that runs a shell script."""
    return {
        "name": name,
        "image": IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "-c", script],
        **fields,
    }


def shell_pod(name: str, *containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    """Return a pod that stays until it is deleted, with ``main`` as its only container unless others are given."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"terminationGracePeriodSeconds": 5, "containers": list(containers) or [container()], **spec},
    }


def deployment(name: str, replicas: int, *containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    """Return a Deployment of shell pods."""
    template = shell_pod(name, *containers, **spec)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": template["spec"]},
        },
    }
