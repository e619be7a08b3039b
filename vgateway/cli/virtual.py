"""Virtual clusters on any host: ``vgateway create|list|describe|delete|kubeconfig|manifests``, without Helm."""

import asyncio
import base64
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import orjson
import typer
import yaml
from rich.console import Console

from vgateway.cli.explain import Output
from vgateway.config.load import read_document
from vgateway.errors import ApiError, ConfigError, NotFound
from vgateway.install import hostside
from vgateway.install.contexts import with_server
from vgateway.install.layout import Release
from vgateway.install.manifests import manifests as objects
from vgateway.kube.client import ApiClient
from vgateway.kube.kubeconfig import from_kubeconfig, load
from vgateway.kube.objects import Obj, annotations, get_path
from vgateway.local.progress import Progress
from vgateway.syncer.resources import NAMESPACES

T = TypeVar("T")

TAKES = 300
"""Seconds within which a virtual cluster is ready, images pulled."""

Name = Annotated[str, typer.Argument(help="The virtual cluster.")]
Namespace = Annotated[str, typer.Option("--namespace", "-n", help="Its host namespace; the context's if not given.")]
Values = Annotated[Path | None, typer.Option("--values", "-f", help="Its configuration, as in vcluster.yaml.")]
Format = Annotated[Output, typer.Option("--output", "-o", help="For people, or for programs.")]


def create(
    name: Name,
    namespace: Namespace = "",
    values: Values = None,
    upgrade: Annotated[bool, typer.Option("--upgrade", help="Change the one that is there.")] = False,
    create_namespace: Annotated[bool, typer.Option("--create-namespace", help="Make the namespace, too.")] = False,
    wait: Annotated[bool, typer.Option(help="Wait until it is ready.")] = True,
) -> None:
    """Make a virtual cluster in a namespace of the host, or change one."""
    release, progress = release_of(name, namespace), _progress()
    wished = objects(_read(values), release)

    async def work(host: ApiClient) -> None:
        there = [one for one in await hostside.workloads(host, release.namespace) if _name(one) == name]
        if there and not upgrade:
            raise ConfigError(f"{name} is in {release.namespace} already: --upgrade changes it")
        _refuse_helms(there, f"helm upgrade {name} CHART -n {release.namespace}")
        if create_namespace:
            await _make_namespace(host, release.namespace)
        with progress.step(f"{'upgrading' if there else 'making'} {name} in {release.namespace}"):
            await hostside.install(host, wished, release)
        if wait:
            with progress.step(f"waiting for {name}"):
                await hostside.ready(host, release, TAKES)

    try:
        _on_host(work)
    except TimeoutError:
        hint = f"kubectl -n {release.namespace} describe pod {name}-0"
        raise ConfigError(f"{name} is not ready after {TAKES} s: `{hint}` says why") from None
    progress.say(f"vgateway connect {name} -n {release.namespace} leads to it")


def delete(
    name: Name,
    namespace: Namespace = "",
    keep_pvc: Annotated[bool, typer.Option("--keep-pvc", help="Leave the disk with the tenant's objects.")] = False,
    delete_namespace: Annotated[bool, typer.Option("--delete-namespace", help="And the namespace after it.")] = False,
) -> None:
    """Take a virtual cluster away, with everything that its tenant has."""
    release, progress = release_of(name, namespace), _progress()

    async def work(host: ApiClient) -> list[str]:
        there = [one for one in await hostside.workloads(host, release.namespace) if _name(one) == name]
        _refuse_helms(there, f"helm uninstall {name} -n {release.namespace}")
        if not there and not await hostside.parts(host, release):
            raise ConfigError(f"there is no virtual cluster {name} in {release.namespace}")
        with progress.step(f"removing {name} from {release.namespace}"):
            await hostside.remove(host, release, keep_claim=keep_pvc)
        left = await hostside.leftovers(host, release)
        if delete_namespace:
            await host.delete(NAMESPACES, "", release.namespace)
        return left

    for one in _on_host(work):
        progress.say(f"left on the host: {one}")


def list_clusters(
    namespace: Namespace = "",
    all_namespaces: Annotated[bool, typer.Option("--all-namespaces", "-A", help="Of the whole host.")] = False,
    output: Format = Output.text,
) -> None:
    """Say which virtual clusters there are."""
    where = "" if all_namespaces else _namespace(namespace)
    found = [summary(one) for one in _on_host(lambda host: hostside.workloads(host, where))]
    if output is Output.json:
        typer.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2))
        return
    row = "{:<24} {:<24} {:<12} {:<12} {}"
    typer.echo(row.format("NAME", "NAMESPACE", "STATUS", "VERSION", "CREATED"))
    for one in found:
        typer.echo(row.format(*(one[key] for key in ("name", "namespace", "status", "version", "created"))))


def describe(name: Name, namespace: Namespace = "", output: Format = Output.text) -> None:
    """Say what one virtual cluster consists of, and how it is."""
    release = release_of(name, namespace)

    async def work(host: ApiClient) -> dict[str, Any]:
        found = [one for one in await hostside.workloads(host, release.namespace) if _name(one) == name]
        if not found:
            raise ConfigError(f"there is no virtual cluster {name} in {release.namespace}")
        made = await hostside.parts(host, release)
        parts = sorted(f"{resource.kind}/{one['metadata']['name']}" for resource, one in made)
        return {**summary(found[0]), "images": images(found[0]), "parts": parts}

    found = _on_host(work)
    typer.echo(
        orjson.dumps(found, option=orjson.OPT_INDENT_2).decode()
        if output is Output.json
        else yaml.safe_dump(found, sort_keys=False).rstrip()
    )


def kubeconfig(
    name: Name,
    namespace: Namespace = "",
    server: Annotated[str, typer.Option(help="Another address of the virtual cluster.")] = "",
) -> None:
    """Print the kubeconfig of the tenant's administrator, as the virtual cluster keeps it in its Secret."""
    document = exported(release_of(name, namespace))
    typer.echo(yaml.safe_dump(with_server(document, server) if server else document, sort_keys=False), nl=False)


def manifests(name: Name, namespace: Namespace = "", values: Values = None) -> None:
    """Print what `create` would make, for `kubectl apply`."""
    typer.echo(yaml.safe_dump_all(objects(_read(values), release_of(name, namespace)), sort_keys=False), nl=False)


def exported(release: Release) -> dict[str, Any]:
    """Return the kubeconfig that the virtual cluster keeps. Raises ConfigError while it has none."""
    try:
        data = _on_host(lambda host: hostside.kubeconfig_of(host, release))
    except NotFound:
        data = {}
    if "config" not in data:
        raise ConfigError(f"there is no kubeconfig of {release.name} in {release.namespace}, or not yet")
    found: dict[str, Any] = yaml.safe_load(base64.b64decode(data["config"]))
    return found


def summary(workload: Obj) -> dict[str, str]:
    """Return what a line says of a virtual cluster."""
    meta = workload["metadata"]
    asked = get_path(workload, "spec.replicas")
    status = "Paused" if asked == 0 else "Running" if hostside.is_ready(workload) else "Pending"
    version = images(workload).get("kube-apiserver", "").rpartition(":")[2]
    made_by = "Helm" if hostside.HELM in annotations(workload) else "vgateway"
    return {
        "name": meta["name"],
        "namespace": meta["namespace"],
        "status": status,
        "version": version,
        "created": meta["creationTimestamp"],
        "installedBy": made_by,
    }


def images(workload: Obj) -> dict[str, str]:
    """Return the images of the pod by its containers."""
    spec = workload["spec"]["template"]["spec"]
    return {one["name"]: one["image"] for one in (*spec["initContainers"], *spec["containers"])}


def host_kubeconfig() -> Path:
    """Return the host's kubeconfig: the first that ``KUBECONFIG`` names, or the home directory's."""
    named = os.environ.get("KUBECONFIG", "").split(os.pathsep)[0]
    return Path(named) if named else Path.home() / ".kube" / "config"


def _on_host(work: Callable[[ApiClient], Awaitable[T]]) -> T:
    """Do something with the host's API server, as the current context's user."""

    async def done() -> T:
        credentials = from_kubeconfig(host_kubeconfig())
        if credentials.login is not None:
            await credentials.login.refresh()
        host = ApiClient(credentials, "host")
        try:
            return await work(host)
        finally:
            await host.close()

    try:
        return asyncio.run(done())
    except NotFound:
        raise
    except ApiError as error:
        raise ConfigError(f"the host API server: {error}") from error


def _namespace(given: str) -> str:
    if given:
        return given
    document = load(host_kubeconfig())
    for context in document.get("contexts") or ():
        if context["name"] == document.get("current-context"):
            return str((context.get("context") or {}).get("namespace") or "default")
    return "default"


def release_of(name: str, namespace: str) -> Release:
    """Return the release that is meant."""
    return Release(name, _namespace(namespace))


def _read(values: Path | None) -> dict[str, Any]:
    return (read_document(values) or {}) if values else {}


def _refuse_helms(there: list[Obj], instead: str) -> None:
    if any(hostside.HELM in annotations(one) for one in there):
        raise ConfigError(f"Helm has installed it: {instead}")


async def _make_namespace(host: ApiClient, name: str) -> None:
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    try:
        await host.get(NAMESPACES, "", name)
    except NotFound:
        await host.create(NAMESPACES, "", body)


def _name(obj: Obj) -> str:
    return str(obj["metadata"]["name"])


def _progress() -> Progress:
    return Progress(Console(stderr=True))
