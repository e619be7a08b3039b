"""What must hold once all is quiet: the end of the oracle. Judges the two clusters, not the engine's own view."""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.simulation.cluster import Cluster, Key
from tests.simulation.tenant import ROOT_CA, Tenant
from tests.simulation.watchful import TERMINAL, Watchful, is_marked
from vgateway.kube.names import Names
from vgateway.kube.objects import HostKey, Obj, VirtualKey, annotations, get_path, is_deleting, labels, uid
from vgateway.kube.ownership import OBJECT_KIND, OBJECT_NAME, OBJECT_NAMESPACE, OBJECT_UID
from vgateway.syncer.kinds.nodeaddress import FAKE_NODE
from vgateway.syncer.kinds.references import references

KINDS = {"pods": "Pod", "configmaps": "ConfigMap", "secrets": "Secret", "services": "Service"}


@dataclass(slots=True)
class Verdict:
    """Compares both sides."""

    virtual: Cluster
    host: Cluster
    names: Names
    front: str
    tenant: Tenant
    seen: Watchful

    def faults(self) -> Iterator[str]:
        """Say everything that is not as it should be."""
        yield from self._kept()
        for plural in KINDS:
            for key, obj in self.virtual.of(plural).items():
                yield from self._twins(plural, key, obj)
            yield from self._orphans(plural)
        yield from self._nodes()
        yield from self._kubernetes()

    def _kept(self) -> Iterator[str]:
        for (plural, key), was in self.tenant.wanted.items():
            if was in self.seen.excused and plural == "pods":
                continue
            now = self.virtual.of(plural).get(key)
            if now is None or (uid(now) != was and plural != "services"):
                yield f"the tenant's {plural} {key} is gone"
        for plural, key in self.tenant.unwanted:
            there = self.virtual.of(plural).get(key)
            if there is not None and not is_deleting(there):
                yield f"the tenant's {plural} {key} is back"

    def wanted(self, plural: str, key: Key, obj: Obj) -> bool:
        """Say whether the host should have a copy."""
        if plural == "services":
            return key != ("default", "kubernetes")
        if plural in ("configmaps", "secrets"):
            return key[1] != ROOT_CA and self._referenced(plural, key, obj)
        return True

    def _referenced(self, plural: str, key: Key, obj: Obj) -> bool:
        if annotations(obj).get("vcluster.loft.sh/force-sync") == "true":
            return True
        every = self.virtual.of("pods").items()
        return any(
            (kind.plural, name) == (plural, key[1])
            for at, pod in every
            if at[0] == key[0]
            for kind, name in references(pod)
        )

    def where(self, key: Key) -> HostKey:
        return self.names.host_key(VirtualKey(*key))

    def twin(self, plural: str, key: Key) -> Obj | None:
        """Return the host object of the twin's name, whosever it is."""
        at = self.where(key)
        return self.host.of(plural).get((at.namespace, at.name))

    def is_twin(self, plural: str, key: Key, there: Obj) -> bool:
        marks = annotations(there)
        whose = (marks.get(OBJECT_NAMESPACE), marks.get(OBJECT_NAME))
        kind = marks.get(OBJECT_KIND) == f"/v1, Kind={KINDS[plural]}"
        return is_marked(there) and uid(there) not in self.seen.foreign and kind and whose == key

    def _twins(self, plural: str, key: Key, obj: Obj) -> Iterator[str]:
        there = self.twin(plural, key)
        at = f"{plural} {'/'.join(key)}"
        if not self.wanted(plural, key, obj):
            if there is not None and self.is_twin(plural, key, there):
                yield f"{at} has a copy that nothing needs"
            return
        if there is not None and not self.is_twin(plural, key, there):
            yield from self._told(key, obj, at)
            return
        if plural == "pods":
            yield from self._pods(at, obj, there)
        elif there is None:
            yield f"{at} has no copy"
        elif plural == "services":
            yield from self._services(at, obj, there)
        elif (obj.get("data") or {}) != (there.get("data") or {}):
            yield f"{at}: the copy's data differ: {obj.get('data')} {there.get('data')}"
        if there is not None:
            yield from self._labels(at, obj, there)

    def _told(self, key: Key, obj: Obj, at: str) -> Iterator[str]:
        """A name that somebody else has: the tenant must have heard of it."""
        ended = is_deleting(obj) or get_path(obj, "status.phase") in TERMINAL
        waits = any(VirtualKey(key[0], name) for _, name in references(obj)) if "spec" in obj else False
        heard = any(get_path(event, "involvedObject.uid") == uid(obj) for event in self.virtual.of("events").values())
        if not ended and not waits and not heard:
            yield f"{at}: its name on the host is taken, and nobody told"

    def _labels(self, at: str, obj: Obj, there: Obj) -> Iterator[str]:
        have = labels(there)
        for name, value in labels(obj).items():
            if not name.startswith("vcluster.loft.sh") and name != "release" and have.get(name) != value:
                yield f"{at}: label {name} is {have.get(name)} on the host and {value} for the tenant"

    def _pods(self, at: str, pod: Obj, there: Obj | None) -> Iterator[str]:
        ended = get_path(pod, "status.phase") in TERMINAL
        if there is None:
            held = is_deleting(pod) and pod["metadata"].get("finalizers")
            if not ended and not held and not self._blocked(pod):
                yield f"{at} runs nowhere"
            return
        if is_deleting(pod):
            yield f"{at} is being deleted and still runs"
        if annotations(there).get(OBJECT_UID) != uid(pod):
            yield f"{at}: an earlier pod's twin is left"
        for path in ("spec.nodeName", "status.phase", "status.podIP", "status.startTime"):
            if get_path(pod, path) != get_path(there, path):
                yield f"{at}: {path} is {get_path(pod, path)}, and on the host {get_path(there, path)}"
        if self._images(pod) != self._images(there):
            yield f"{at}: images differ"
        if len(get_path(pod, "spec.ephemeralContainers") or ()) != len(
            get_path(there, "spec.ephemeralContainers") or ()
        ):
            yield f"{at}: ephemeral containers differ"

    def _blocked(self, pod: Obj) -> bool:
        """Say whether a pod waits for a copy whose name somebody else has."""
        namespace = pod["metadata"]["namespace"]
        for resource, name in references(pod):
            there = self.twin(resource.plural, (namespace, name))
            if there is not None and not self.is_twin(resource.plural, (namespace, name), there):
                return True
        token = f"{self.names.host_name(pod['metadata']['name'], namespace)}-sa-token"
        secret = self.host.of("secrets").get((self.names.host_namespace, token))
        root = self.host.of("configmaps").get((self.names.host_namespace, self.names.root_ca))
        whose = annotations(secret).get(OBJECT_UID, uid(pod)) if secret else uid(pod)
        foreign = (one for one in (secret, root) if one is not None)
        return whose != uid(pod) or any(uid(one) in self.seen.foreign or not is_marked(one) for one in foreign)

    def _images(self, pod: Obj) -> dict[str, str]:
        return {one["name"]: one["image"] for one in pod["spec"]["containers"] if one["name"] != "injected"}

    def _services(self, at: str, service: Obj, there: Obj) -> Iterator[str]:
        for path in ("spec.clusterIP", "spec.type", "spec.ports", "spec.publishNotReadyAddresses"):
            if get_path(service, path) != get_path(there, path):
                yield f"{at}: {path} is {get_path(service, path)}, and on the host {get_path(there, path)}"

    def _orphans(self, plural: str) -> Iterator[str]:
        for key, there in self.host.of(plural).items():
            marks = annotations(there)
            whose = (marks.get(OBJECT_NAMESPACE, ""), marks.get(OBJECT_NAME, ""))
            if uid(there) in self.seen.foreign or not is_marked(there) or key[1] == self.names.root_ca:
                continue
            kind = "pods" if key[1].endswith("-sa-token") and plural == "secrets" else plural
            owner = self.virtual.of(kind).get(whose)
            if owner is None:
                yield f"{plural} {key[1]} on the host is left over"
            elif marks.get(OBJECT_UID) != uid(owner):
                yield f"{plural} {key[1]} on the host belongs to an earlier object"

    def _nodes(self) -> Iterator[str]:
        ours = [pod for pod in self.host.of("pods").values() if is_marked(pod) and uid(pod) not in self.seen.foreign]
        needed = {pod["spec"]["nodeName"] for pod in ours if pod["spec"].get("nodeName")}
        there = {key[1] for key, node in self.virtual.of("nodes").items() if labels(node).get(FAKE_NODE) == "true"}
        if needed != there:
            yield f"nodes are {sorted(there)} and should be {sorted(needed)}"
        for key, node in self.virtual.of("nodes").items():
            if any(taint["key"].startswith("node.kubernetes.io") for taint in node["spec"].get("taints") or ()):
                yield f"node {key[1]} is tainted"

    def _kubernetes(self) -> Iterator[str]:
        front = self.host.of("services").get((self.names.host_namespace, self.front))
        key = ("default", "kubernetes")
        service = self.virtual.of("services").get(key)
        if front is None or service is None:
            return
        if get_path(service, "spec.clusterIP") != get_path(front, "spec.clusterIP"):
            yield "default/kubernetes does not lead to the gateway"
        for plural in ("endpoints", "endpointslices"):
            if key not in self.virtual.of(plural):
                yield f"default/kubernetes has no {plural}"
