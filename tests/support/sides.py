"""Two real API servers with the syncer between them, in this process: no gateway, no nodes, no controllers.

What controllers and kubelets would do a test does itself, so that nothing else writes.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from tests.support.apiserver import ApiServer
from vgateway.errors import NotFound
from vgateway.kube.client import ApiClient
from vgateway.kube.credentials import from_files
from vgateway.kube.metrics import KubeMetrics
from vgateway.kube.names import Names
from vgateway.kube.objects import Obj, Resource, annotations
from vgateway.kube.ownership import OBJECT_NAME, OBJECT_NAMESPACE
from vgateway.local.progress import Progress
from vgateway.local.toolchain import ensure_programs
from vgateway.supervisor import Supervisor
from vgateway.syncer.build import Syncer, build_syncer
from vgateway.syncer.kind import Kind
from vgateway.syncer.registry import KINDS
from vgateway.syncer.resources import CONFIGMAPS, NAMESPACES, PODS, SECRETS, SERVICEACCOUNTS, SERVICES
from vgateway.syncer.settings import SyncerSettings

DEADLINE = 120.0
FRONT = "vc"
ENGINE = "engine"
RBAC = "rbac.authorization.k8s.io"
ROLE_BINDINGS = Resource(RBAC, "v1", "clusterrolebindings", "ClusterRoleBinding", namespaced=False)
SYNCED = (PODS, SERVICES, CONFIGMAPS, SECRETS, SERVICEACCOUNTS)


def programs() -> Mapping[str, Path]:
    """Return the programs of an API server, compiled unless they are cached."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vgateway"
    return ensure_programs(("etcd", "kube-apiserver"), cache, Progress())


@dataclass
class Side:
    """One API server: ``admin`` is the test's own client, and ``port`` where the engine dials it."""

    name: str
    api: ApiServer
    admin: ApiClient
    port: int = 0

    def engine_client(self, **options: Any) -> ApiClient:
        """Return a client of the engine's own identity; whoever is a system master is never asked to slow down."""
        who = self.api.authority.issue(ENGINE, "engines")
        credentials = from_files(
            f"https://127.0.0.1:{self.port or self.api.port}",
            ca_file=self.api.authority.certificate,
            client_certificate=who.certificate,
            client_key=who.key,
        )
        return ApiClient(credentials, self.name, **options)


@asynccontextmanager
async def side(name: str, api: ApiServer) -> AsyncIterator[Side]:
    """Give an API server with an administrator's client, and let the engine do what it wants there."""
    credentials = from_files(
        api.server,
        ca_file=api.authority.certificate,
        client_certificate=api.admin.certificate,
        client_key=api.admin.key,
    )
    admin = ApiClient(credentials, name)
    binding = {
        "metadata": {"name": "engines"},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"apiGroup": RBAC, "kind": "Group", "name": "engines"}],
    }
    try:
        await ensure(admin, ROLE_BINDINGS, "", binding)
        yield Side(name, api, admin)
    finally:
        await admin.close()


@dataclass
class Sides:
    """Both sides and the host namespace between them; ``registry`` has what the engine counted."""

    virtual: Side
    host: Side
    names: Names

    async def twins(self, resource: Resource, namespace: str = "") -> dict[tuple[str, str], Obj]:
        """Return the host copies by namespace and name of the tenant's objects; no two of one are allowed."""
        found: dict[tuple[str, str], Obj] = {}
        labels = f"vcluster.loft.sh/managed-by={self.names.virtual_cluster}"
        for obj in (await self.host.admin.list(resource, self.names.host_namespace, labelSelector=labels))["items"]:
            marks = annotations(obj)
            key = (marks.get(OBJECT_NAMESPACE, ""), marks.get(OBJECT_NAME, ""))
            if not namespace or key[0] == namespace:
                assert key not in found, f"{resource.plural} {key} has two copies"
                found[key] = obj
        return found

    async def twin(self, resource: Resource, namespace: str, name: str) -> Obj | None:
        """Return one host copy, None if there is none."""
        return (await self.twins(resource, namespace)).get((namespace, name))

    async def make_namespace(self, name: str) -> str:
        """Make a namespace of the tenant's."""
        await ensure(self.virtual.admin, NAMESPACES, "", {"metadata": {"name": name}})
        return name

    async def events(self, namespace: str, name: str) -> list[Obj]:
        """Return what the tenant was told about an object."""
        found = await self.virtual.admin.list(
            Resource("", "v1", "events", "Event"), namespace, fieldSelector=f"involvedObject.name={name}"
        )
        items: list[Obj] = found["items"]
        return items

    async def clear(self) -> None:
        """Remove what the tenant made; nobody else does, for there are no controllers."""
        at_once = {"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0}
        for resource in SYNCED:
            found = (await self.virtual.admin.list(resource))["items"]
            for namespace in {obj["metadata"]["namespace"] for obj in found}:
                only = {"fieldSelector": "metadata.name!=kubernetes"}
                await self.virtual.admin.raw("DELETE", resource.path(namespace), query=only, body=at_once)


async def ensure(client: ApiClient, resource: Resource, namespace: str, body: Obj) -> Obj:
    """Return the object of that name, made if need be."""
    try:
        return await client.get(resource, namespace, body["metadata"]["name"])
    except NotFound:
        return await client.create(resource, namespace, body)


@asynccontextmanager
async def between(virtual: Side, host: Side, host_namespace: str) -> AsyncIterator[Sides]:
    """Give both sides with a host namespace of their own, and the Service in front of the gateway in it."""
    sides = Sides(virtual, host, Names("vc", host_namespace))
    await ensure(host.admin, NAMESPACES, "", {"metadata": {"name": host_namespace}})
    front = {"metadata": {"name": FRONT}, "spec": {"ports": [{"name": "https", "port": 443}]}}
    await ensure(host.admin, SERVICES, host_namespace, front)
    try:
        yield sides
    finally:
        virtual.api.start()
        await sides.clear()


@dataclass(frozen=True)
class Running:
    """The engine at work, and its figures."""

    syncer: Syncer
    registry: CollectorRegistry

    def figure(self, name: str, **labels: str) -> float:
        """Return one figure, 0 if it was never counted."""
        return self.registry.get_sample_value(name, labels) or 0.0


@asynccontextmanager
async def syncing(
    sides: Sides, kinds: Sequence[Kind] = KINDS, settings: SyncerSettings | None = None, **options: Any
) -> AsyncIterator[Running]:
    """Run the engine around the body; ``options`` are of its clients."""
    registry = CollectorRegistry()
    settings = settings or SyncerSettings(sides.names, FRONT, "10.0.0.9", virtual_version=lambda: "v1.36.0")
    settings = replace(settings, names=sides.names)
    metrics = KubeMetrics(registry)
    virtual = sides.virtual.engine_client(metrics=metrics, **options)
    host = sides.host.engine_client(metrics=metrics, **options)
    syncer = build_syncer(settings, virtual, host, registry, kinds)
    stop = asyncio.Event()
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(Supervisor(syncer.runnables).run(stop))
            await until(syncer.controller.ready.is_set)
            yield Running(syncer, registry)
            stop.set()
    finally:
        await virtual.close()
        await host.close()


async def until(holds: Callable[[], Any], *, deadline: float = DEADLINE, every: float = 0.05) -> None:
    """Wait until something holds; a coroutine's result counts."""
    async with asyncio.timeout(deadline):
        while True:
            found = holds()
            if asyncio.iscoroutine(found):
                found = await found
            if found:
                return
            await asyncio.sleep(every)


async def together(calls: Iterable[Any], at_once: int = 16) -> None:
    """Make calls, a few at a time."""
    slots = asyncio.Semaphore(at_once)

    async def one(call: Any) -> None:
        async with slots:
            await call

    async with asyncio.TaskGroup() as tasks:
        for call in calls:
            tasks.create_task(one(call))


def pod(name: str, **spec: Any) -> Obj:
    """Return the smallest pod."""
    return {"metadata": {"name": name}, "spec": {"containers": [{"name": "main", "image": "busybox"}], **spec}}
