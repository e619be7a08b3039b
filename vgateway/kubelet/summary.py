"""``/stats/summary``: what of a kubelet's summary is the tenant's, and what the tenant's pods amount to on a node.

Pure, over the JSON that a kubelet gives (stats/v1alpha1). Fields are kept by lists: what a later kubelet adds is not
shown before somebody has looked at it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from vgateway.kube.objects import HostKey, get_path
from vgateway.kubelet.residents import Resident, Residents

Stats = dict[str, Any]
POD_FIELDS = ("startTime", "cpu", "memory", "io", "network", "ephemeral-storage", "process_stats", "swap")
CONTAINER_FIELDS = ("name", "startTime", "cpu", "memory", "io", "rootfs", "logs", "swap", "accelerators")
NODE_FIELDS = ("startTime", "cpu", "memory", "io", "fs", "runtime", "rlimit", "swap", "systemContainers")
NETWORK_FIELDS = ("time", "name", "rxBytes", "rxErrors", "txBytes", "txErrors")
SUMS = (("cpu", ("usageNanoCores",)), ("memory", ("usageBytes", "workingSetBytes", "rssBytes")))


def tenant_summary(summary: Mapping[str, Any], residents: Residents, node: str, *, node_metrics: bool) -> Stats:
    """Return the summary that the tenant sees; its node is the pods' sum, with ``node_metrics`` the host's."""
    pods = [said for pod in summary.get("pods") or () if (said := tenant_pod(pod, residents)) is not None]
    whole = summary.get("node") or {}
    return {"node": shown_node(whole, node) if node_metrics else sum_of(pods, node), "pods": pods}


def tenant_pod(pod: Mapping[str, Any], residents: Residents) -> Stats | None:
    """Return a pod's part in the tenant's names, None for another's."""
    ref = pod.get("podRef") or {}
    found = residents.pod(HostKey(ref.get("namespace", ""), ref.get("name", "")))
    if found is None or ref.get("uid") != found.host_uid:
        return None
    said: Stats = {"podRef": {"name": found.virtual.name, "namespace": found.virtual.namespace, "uid": found.uid}}
    said |= _kept(pod, POD_FIELDS)
    said["containers"] = [
        _kept(container, CONTAINER_FIELDS)
        for container in pod.get("containers") or ()
        if container.get("name") in found.images
    ]
    volumes = [kept for volume in pod.get("volume") or () if (kept := tenant_volume(volume, found)) is not None]
    return said | ({"volume": volumes} if volumes else {})


def tenant_volume(volume: Mapping[str, Any], pod: Resident) -> Stats | None:
    """Return a volume's part; None for one that the tenant's spec has not."""
    if volume.get("name") not in pod.volumes:
        return None
    claim = get_path(volume, "pvcRef.name")
    if claim is None:
        return dict(volume)
    if claim not in pod.claims:
        return None
    return {**volume, "pvcRef": {"name": pod.claims[claim], "namespace": pod.virtual.namespace}}


def shown_node(node: Mapping[str, Any], name: str) -> Stats:
    """Return the host's node; its interfaces are other tenants' pods."""
    network = node.get("network")
    return {
        "nodeName": name,
        **_kept(node, NODE_FIELDS),
        **({"network": _kept(network, NETWORK_FIELDS)} if network else {}),
    }


def sum_of(pods: Sequence[Mapping[str, Any]], name: str) -> Stats:
    """Return what the tenant's pods together use of a node, in place of what everybody does."""
    said: Stats = {"nodeName": name}
    if begun := [pod["startTime"] for pod in pods if pod.get("startTime")]:
        said["startTime"] = min(begun)
    for part, fields in SUMS:
        parts = [pod[part] for pod in pods if pod.get(part)]
        if parts:
            said[part] = {"time": max(one.get("time") or "" for one in parts)} | _sums(parts, fields)
    return said


def _sums(parts: Iterable[Mapping[str, Any]], fields: Sequence[str]) -> dict[str, int]:
    known = {field: [part[field] for part in parts if part.get(field) is not None] for field in fields}
    return {field: sum(values) for field, values in known.items() if values}


def _kept(part: Mapping[str, Any], fields: Sequence[str]) -> Stats:
    return {field: part[field] for field in fields if field in part}
