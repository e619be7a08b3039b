"""The host objects of one installation, in the order in which they are made. Pure.

What Helm's chart renders and what `vgateway create` applies is the same, and tested to be.
"""

import hashlib
from typing import Any

import orjson
import yaml

from vgateway.config.model import Config
from vgateway.config.workload import Marks
from vgateway.install.layout import CONFIG, SERVICE_PORT, Release
from vgateway.install.pod import pod_template
from vgateway.install.rights import installation_rights
from vgateway.install.wiring import config_of
from vgateway.kube.objects import Obj

NONE = Marks()


def manifests(values: dict[str, Any], release: Release) -> list[Obj]:
    """Return the objects that make a virtual cluster of these values. Raises ConfigError naming the wrong key."""
    config = config_of(values, release)
    return [
        _account(release, release.account),
        _account(release, release.workload_account),
        _secret(release, release.config_secret)
        | {"stringData": {CONFIG.name: yaml.safe_dump(values, sort_keys=False)}},
        _secret(release, release.certificates_secret),
        _secret(release, release.kubeconfig_secret),
        *(_labelled(release, one) for one in installation_rights(config, release)),
        _service(release, config),
        _headless_service(release, config),
        *_disruption_budget(release, config),
        *_service_monitor(release, config),
        _stateful_set(release, config, digest(values)),
    ]


def digest(values: dict[str, Any]) -> str:
    """Return what changes when the values change."""
    return hashlib.sha256(orjson.dumps(values, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _meta(release: Release, name: str, marks: Marks = NONE) -> dict[str, Any]:
    annotations = {"annotations": dict(marks.annotations)} if marks.annotations else {}
    return {
        "name": name,
        "namespace": release.namespace,
        "labels": {**marks.labels, **release.labels},
        **annotations,
    }


def _labelled(release: Release, obj: Obj) -> Obj:
    return {**obj, "metadata": {**obj["metadata"], "labels": release.labels}}


def _account(release: Release, name: str) -> Obj:
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": _meta(release, name),
        "automountServiceAccountToken": False,
    }


def _secret(release: Release, name: str) -> Obj:
    """Return a Secret without data: whoever applies it again leaves alone what the pod has put there."""
    return {"apiVersion": "v1", "kind": "Secret", "metadata": _meta(release, name), "type": "Opaque"}


def _service(release: Release, config: Config) -> Obj:
    chosen = config.control_plane.service
    ports = [
        {"name": "https", "port": SERVICE_PORT, "targetPort": "https", "protocol": "TCP"},
        {"name": "kubelet", "port": config.control_plane.kubelet.port, "targetPort": "kubelet", "protocol": "TCP"},
    ]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _meta(release, release.name, chosen),
        "spec": {**chosen.spec, "selector": release.selector, "ports": ports},
    }


def _headless_service(release: Release, config: Config) -> Obj:
    ports = [
        {"name": "https", "port": SERVICE_PORT, "targetPort": "https", "protocol": "TCP"},
        {"name": "operations", "port": config.gateway.operations.port, "targetPort": "operations", "protocol": "TCP"},
    ]
    meta = _meta(release, release.headless_service)
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {**meta, "labels": {**meta["labels"], "vcluster.loft.sh/service": "headless"}},
        "spec": {
            "clusterIP": "None",
            "publishNotReadyAddresses": True,
            "selector": release.selector,
            "ports": ports,
        },
    }


def _disruption_budget(release: Release, config: Config) -> list[Obj]:
    chosen = config.control_plane.advanced.pod_disruption_budget
    if not chosen.enabled:
        return []
    return [
        {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": _meta(release, release.name),
            "spec": {"minAvailable": chosen.min_available, "selector": {"matchLabels": release.selector}},
        }
    ]


def _service_monitor(release: Release, config: Config) -> list[Obj]:
    chosen = config.control_plane.service_monitor
    if not chosen.enabled:
        return []
    selector = {**release.selector, "vcluster.loft.sh/service": "headless"}
    return [
        {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "ServiceMonitor",
            "metadata": _meta(release, release.name, chosen),
            "spec": {
                "selector": {"matchLabels": selector},
                "endpoints": [{"port": "operations", "path": "/metrics", "interval": "30s"}],
            },
        }
    ]


def _stateful_set(release: Release, config: Config, changed: str) -> Obj:
    chosen = config.control_plane.stateful_set
    disk = chosen.persistence.volume_claim
    kept: dict[str, Any] = {}
    if disk.enabled:
        policy = {"whenDeleted": disk.retention_policy, "whenScaled": "Retain"}
        kept = {"persistentVolumeClaimRetentionPolicy": policy, "volumeClaimTemplates": [_claim(release, config)]}
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": _meta(release, release.name, chosen),
        "spec": {
            "replicas": chosen.high_availability.replicas,
            "serviceName": release.headless_service,
            "podManagementPolicy": "Parallel",
            "selector": {"matchLabels": release.selector},
            "template": pod_template(release, config, changed),
            **kept,
        },
    }


def _claim(release: Release, config: Config) -> dict[str, Any]:
    disk = config.control_plane.stateful_set.persistence.volume_claim
    named = {"storageClassName": disk.storage_class} if disk.storage_class else {}
    return {
        "metadata": {"name": "data", "labels": release.selector},
        "spec": {
            "accessModes": list(disk.access_modes),
            "resources": {"requests": {"storage": disk.size}},
            **named,
        },
    }
