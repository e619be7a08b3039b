"""Installations on the host: made, found and removed through its API server, with the rights of whoever asks.

What belongs to an installation is what carries its labels, of the kinds that `manifests` makes and no others.
"""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from vgateway.errors import ApiError, Forbidden, NotFound
from vgateway.install.layout import Release
from vgateway.kube.client import ApiClient, PatchKind
from vgateway.kube.names import Names
from vgateway.kube.objects import Obj, Resource, get_path
from vgateway.kube.ownership import MANAGED_BY
from vgateway.syncer.resources import (
    CLAIMS,
    CLUSTERROLEBINDINGS,
    CLUSTERROLES,
    DISRUPTIONBUDGETS,
    PODS,
    PRIORITYCLASSES,
    SECRETS,
    SERVICEACCOUNTS,
    SERVICES,
    STORAGECLASSES,
    VOLUMES,
)

RBAC = "rbac.authorization.k8s.io"
STATEFULSETS = Resource("apps", "v1", "statefulsets", "StatefulSet")
ROLES = Resource(RBAC, "v1", "roles", "Role")
ROLEBINDINGS = Resource(RBAC, "v1", "rolebindings", "RoleBinding")
SERVICEMONITORS = Resource("monitoring.coreos.com", "v1", "servicemonitors", "ServiceMonitor")

MADE: Sequence[Resource] = (
    SERVICES,
    STATEFULSETS,
    DISRUPTIONBUDGETS,
    SERVICEMONITORS,
    ROLEBINDINGS,
    ROLES,
    SERVICEACCOUNTS,
    SECRETS,
    CLUSTERROLEBINDINGS,
    CLUSTERROLES,
)
"""Every kind that an installation is made of, in the order in which it is removed."""
BY_KIND = {resource.kind: resource for resource in MADE}
ALL = "app.kubernetes.io/part-of=vgateway"
MANAGER = "vgateway"
HELM = "meta.helm.sh/release-name"
LEFT = (PRIORITYCLASSES, STORAGECLASSES, VOLUMES)
"""What belongs to no namespace and is made for a tenant whose configuration asks for it."""

Found = tuple[Resource, Obj]


async def install(host: ApiClient, manifests: Iterable[Obj], release: Release) -> None:
    """Make everything as it is wished for, and take away what an earlier configuration had besides."""
    wished = set()
    for manifest in manifests:
        resource, meta = BY_KIND[manifest["kind"]], manifest["metadata"]
        namespace = meta.get("namespace") or ""
        query = {"fieldManager": MANAGER, "force": "true"}
        await host.patch(resource, namespace, meta["name"], manifest, kind=PatchKind.APPLY, **query)
        wished.add((resource, namespace, meta["name"]))
    for resource, obj in await parts(host, release):
        meta = obj["metadata"]
        if (resource, meta.get("namespace") or "", meta["name"]) not in wished:
            await _delete(host, resource, obj)


async def ready(host: ApiClient, release: Release, seconds: int) -> None:
    """Wait until the pod is ready. Raises TimeoutError after so many seconds."""
    query = {"fieldSelector": f"metadata.name={release.name}", "timeoutSeconds": str(seconds)}
    async with asyncio.timeout(seconds):
        async for event in host.watch(STATEFULSETS, release.namespace, **query):
            if is_ready(event["object"]):
                return
    raise TimeoutError


def is_ready(workload: Obj) -> bool:
    """Say whether the StatefulSet's pods are those that it asks for, and ready."""
    status, wished = workload.get("status") or {}, get_path(workload, "spec.replicas")
    current = status.get("observedGeneration") == workload["metadata"].get("generation")
    return bool(current and status.get("updatedReplicas") == wished and status.get("readyReplicas") == wished)


async def parts(host: ApiClient, release: Release) -> list[Found]:
    """Return everything that the release consists of, as far as it may be seen."""
    selector = ",".join(f"{key}={value}" for key, value in release.labels.items())
    found: list[Found] = []
    for resource in MADE:
        namespace = release.namespace if resource.namespaced else ""
        listed = await _listed(host, resource, namespace, selector)
        found += [(resource, one) for one in listed if resource.namespaced or _is_its(one, release)]
    return found


def _is_its(obj: Obj, release: Release) -> bool:
    """Say whether an object of the whole host is of this namespace's release: the name says both."""
    return bool(obj["metadata"]["name"] == Names(release.name, release.namespace).cluster_name("gateway"))


async def workloads(host: ApiClient, namespace: str) -> list[Obj]:
    """Return the StatefulSets of all installations in a namespace, "" for all namespaces."""
    found = await host.list(STATEFULSETS, namespace, labelSelector=ALL)
    return list(found["items"])


async def remove(host: ApiClient, release: Release, *, keep_claim: bool) -> None:
    """Take the release away, and wait until what it had made in its namespace is gone, too."""
    for resource, obj in await parts(host, release):
        await _delete(host, resource, obj)
    if not keep_claim:
        for claim in await _claims(host, release):
            await _delete(host, CLAIMS, claim)
    await _gone(host, release)


async def leftovers(host: ApiClient, release: Release) -> list[str]:
    """Return what of the whole host was made for this tenant and is still there, as far as it may be seen."""
    marker = Names(release.name, release.namespace).cluster_marker
    return [
        f"{resource.plural}/{one['metadata']['name']}"
        for resource in LEFT
        for one in await _listed(host, resource, "", f"{MANAGED_BY}={marker}")
    ]


async def kubeconfig_of(host: ApiClient, release: Release) -> dict[str, str]:
    """Return the data of the Secret with the tenant's kubeconfig, still encoded. Raises NotFound without one."""
    secret = await host.get(SECRETS, release.namespace, release.kubeconfig_secret)
    return dict(secret.get("data") or {})


async def _gone(host: ApiClient, release: Release) -> None:
    """Wait for the end of every pod: of the release's own, and of the tenant's, which the host collects."""
    own = ",".join(f"{key}={value}" for key, value in release.selector.items())
    for selector in (own, f"{MANAGED_BY}={release.name}"):
        left = await host.list(PODS, release.namespace, labelSelector=selector)
        names = {pod["metadata"]["name"] for pod in left["items"]}
        if not names:
            continue
        since = left["metadata"]["resourceVersion"]
        async for event in host.watch(PODS, release.namespace, labelSelector=selector, resourceVersion=since):
            if event["type"] == "DELETED":
                names.discard(event["object"]["metadata"]["name"])
            if not names:
                break


async def _claims(host: ApiClient, release: Release) -> list[Obj]:
    selector = ",".join(f"{key}={value}" for key, value in release.selector.items())
    return await _listed(host, CLAIMS, release.namespace, selector)


async def _listed(host: ApiClient, resource: Resource, namespace: str, selector: str) -> list[Obj]:
    """List what is labelled so; nothing where the host has no such kind, or does not let us see it."""
    try:
        found = await host.list(resource, namespace, labelSelector=selector)
    except (NotFound, Forbidden):
        return []
    return list(found["items"])


async def _delete(host: ApiClient, resource: Resource, obj: Obj) -> None:
    meta: dict[str, Any] = obj["metadata"]
    try:
        await host.delete(
            resource, meta.get("namespace") or "", meta["name"], uid=meta["uid"], propagation="Background"
        )
    except NotFound:
        return
    except ApiError as error:
        if error.code != 409:  # another one has its name by now
            raise
