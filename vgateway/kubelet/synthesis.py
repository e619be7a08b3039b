"""A kubelet's pages made of what the host's ``metrics.k8s.io`` says of the tenant's pods.

For hosts that grant nothing on their nodes. What that API does not say is absent here, and the page says so.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from vgateway.kube.objects import VirtualObj, get_path
from vgateway.kubelet.counters import RateCounters, Reading
from vgateway.kubelet.labels import digest, quoted
from vgateway.kubelet.residents import Resident
from vgateway.kubelet.summary import Stats, sum_of
from vgateway.kubelet.usage import NANO, PodUsage, milliseconds

REMARK = "from the host's metrics.k8s.io: CPU and memory of the tenant's pods is all that it says"
STATUSES = ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses")
HELP = {
    "container_cpu_usage_seconds_total": ("counter", "CPU time of the container since the gateway began to count."),
    "container_memory_working_set_bytes": ("gauge", "Working set of the container in bytes."),
    "container_start_time_seconds": ("gauge", "Start of the container in seconds since the epoch."),
    "node_cpu_usage_seconds_total": ("counter", "CPU time of this cluster's pods on the node."),
    "node_memory_working_set_bytes": ("gauge", "Working set of this cluster's pods on the node in bytes."),
    "pod_cpu_usage_seconds_total": ("counter", "CPU time of the pod since the gateway began to count."),
    "pod_memory_working_set_bytes": ("gauge", "Working set of the pod in bytes."),
}
Sample = tuple[str, Mapping[str, str], str, int]


@dataclass(frozen=True, slots=True)
class Measured:
    """One container of a tenant's pod; ``started`` and ``runtime_id`` are its status', None where that lacks them."""

    name: str
    cpu: Reading
    nanocores: int
    memory: int
    started: str | None
    runtime_id: str | None


@dataclass(frozen=True, slots=True)
class MeasuredPod:
    """One pod of the tenant's with what it used."""

    resident: Resident
    at: int
    started: str | None
    containers: tuple[Measured, ...]

    @property
    def nanoseconds(self) -> int:
        """CPU time of all containers."""
        return sum(one.cpu.nanoseconds for one in self.containers)

    @property
    def nanocores(self) -> int:
        """CPU rate of all containers."""
        return sum(one.nanocores for one in self.containers)

    @property
    def memory(self) -> int:
        """Working set of all containers."""
        return sum(one.memory for one in self.containers)


def measured(virtual: VirtualObj, resident: Resident, usage: PodUsage, counters: RateCounters) -> MeasuredPod:
    """Join a pod with its figures; containers that the tenant's spec has not are left out."""
    statuses = {one["name"]: one for sort in STATUSES for one in get_path(virtual, f"status.{sort}") or ()}
    containers = []
    for name, used in usage.containers.items():
        if name in resident.images:
            status = statuses.get(name) or {}
            runtime_id = str(status.get("containerID") or "").rpartition("/")[2] or None
            key = (resident.uid, name, runtime_id)
            cpu = counters.take(key, usage.at, used.nanocores, usage.window)
            started = get_path(status, "state.running.startedAt")
            containers.append(Measured(name, cpu, used.nanocores, used.memory, started, runtime_id))
    return MeasuredPod(resident, usage.at, get_path(virtual, "status.startTime"), tuple(containers))


def resource_page(pods: Sequence[MeasuredPod], node: Reading) -> bytes:
    """Write ``/metrics/resource``; ``node`` is the counter of the tenant's pods on it."""
    samples = [*_of_containers(pods, _names), *_of_pods(pods)]
    if pods:
        memory = str(sum(pod.memory for pod in pods))
        samples.append(("node_cpu_usage_seconds_total", {}, cpu_seconds(node.nanoseconds), node.at))
        samples.append(("node_memory_working_set_bytes", {}, memory, node.at))
    return written(samples)


def cadvisor_page(pods: Sequence[MeasuredPod]) -> bytes:
    """Write the part of ``/metrics/cadvisor`` that is known, with the labels that rules and dashboards select by."""

    def labels(pod: MeasuredPod, container: Measured) -> dict[str, str]:
        runtime_id = container.runtime_id or digest(f"{pod.resident.uid}/{container.name}")
        group = f"/kubepods/pod{pod.resident.uid}/{runtime_id}"
        image = pod.resident.images[container.name]
        return {"id": group, "image": image, "name": runtime_id, **_names(pod, container)}

    return written(map(_as_cadvisor, _of_containers(pods, labels)))


def _as_cadvisor(sample: Sample) -> Sample:
    name, labels, value, at = sample
    return (name, {"cpu": "total", **labels}, value, at) if name.startswith("container_cpu") else sample


def summary(pods: Sequence[MeasuredPod], node: str) -> Stats:
    """Return ``/stats/summary``."""
    said = [_pod_stats(pod) for pod in pods]
    return {"node": sum_of(said, node), "pods": said}


def written(samples: Iterable[Sample]) -> bytes:
    """Write a page in text 0.0.4, family by family."""
    families: dict[str, list[Sample]] = {}
    for sample in samples:
        families.setdefault(sample[0], []).append(sample)
    lines = [f"# {REMARK}".encode()]
    for name in sorted(families):
        kind, about = HELP[name]
        lines += [f"# HELP {name} {about}".encode(), f"# TYPE {name} {kind}".encode()]
        lines += map(_line, families[name])
    return b"".join(line + b"\n" for line in lines)


def _line(sample: Sample) -> bytes:
    name, labels, value, at = sample
    inner = b",".join(label.encode() + b"=" + quoted(text) for label, text in labels.items())
    said = name.encode() + (b"{" + inner + b"}" if inner else b"") + f" {value}".encode()
    return said + (f" {at}".encode() if at else b"")


def cpu_seconds(nanoseconds: int) -> str:
    """Write nanoseconds as seconds, exactly."""
    return f"{nanoseconds // NANO}.{nanoseconds % NANO:09}"


def rfc3339(at: int) -> str:
    """Write milliseconds since the epoch as Kubernetes writes times."""
    return datetime.fromtimestamp(at // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


Labels = Callable[[MeasuredPod, Measured], Mapping[str, str]]


def _names(pod: MeasuredPod, container: Measured) -> Mapping[str, str]:
    virtual = pod.resident.virtual
    return {"container": container.name, "namespace": virtual.namespace, "pod": virtual.name}


def _of_containers(pods: Iterable[MeasuredPod], labels: Labels) -> Iterator[Sample]:
    for pod in pods:
        for one in pod.containers:
            said = labels(pod, one)
            yield "container_cpu_usage_seconds_total", said, cpu_seconds(one.cpu.nanoseconds), one.cpu.at
            yield "container_memory_working_set_bytes", said, str(one.memory), pod.at
            if (started := milliseconds(one.started)) is not None:
                yield "container_start_time_seconds", said, str(started / 1000), 0


def _of_pods(pods: Iterable[MeasuredPod]) -> Iterator[Sample]:
    for pod in pods:
        virtual = pod.resident.virtual
        said = {"namespace": virtual.namespace, "pod": virtual.name}
        yield "pod_cpu_usage_seconds_total", said, cpu_seconds(pod.nanoseconds), pod.at
        yield "pod_memory_working_set_bytes", said, str(pod.memory), pod.at


def _pod_stats(pod: MeasuredPod) -> Stats:
    virtual, time = pod.resident.virtual, rfc3339(pod.at)
    ref = {"name": virtual.name, "namespace": virtual.namespace, "uid": pod.resident.uid}
    return {
        "podRef": ref,
        **({"startTime": pod.started} if pod.started else {}),
        "containers": [_container_stats(one, time) for one in pod.containers],
        **_stats(time, pod.nanocores, pod.nanoseconds, pod.memory),
    }


def _container_stats(one: Measured, time: str) -> Stats:
    started = {"startTime": one.started} if one.started else {}
    return {"name": one.name, **started, **_stats(time, one.nanocores, one.cpu.nanoseconds, one.memory)}


def _stats(time: str, nanocores: int, nanoseconds: int, memory: int) -> dict[str, Any]:
    return {
        "cpu": {"time": time, "usageNanoCores": nanocores, "usageCoreNanoSeconds": nanoseconds},
        "memory": {"time": time, "workingSetBytes": memory},
    }
