"""The informer against a real API server that is killed, frozen, compacted and flooded."""

import asyncio
import contextlib
import os
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.support.apiserver import ApiServer, running_apiserver
from tests.support.cable import Cable
from vgateway.errors import AlreadyExists, Conflict, Gone, NotFound, TooManyRequests, Unavailable
from vgateway.kube.backoff import Backoff
from vgateway.kube.client import ApiClient, PatchKind
from vgateway.kube.credentials import Credentials, from_files
from vgateway.kube.informer import Informer
from vgateway.kube.objects import Obj, Resource
from vgateway.kube.store import Change
from vgateway.local.progress import Progress
from vgateway.local.toolchain import ensure_programs

pytestmark = pytest.mark.cluster

CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")
NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
CRDS = Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False)
WIDGETS = Resource("test.example.com", "v1", "widgets", "Widget")
SHORT = Backoff(base=0.1, cap=1.0)
DEADLINE = 60.0


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vgateway"
    programs = ensure_programs(("etcd", "kube-apiserver"), cache, Progress())
    with running_apiserver(programs, tmp_path_factory.mktemp("apiserver")) as server:
        yield server


@pytest.fixture
def credentials(api: ApiServer) -> Credentials:
    return from_files(
        api.server,
        ca_file=api.authority.certificate,
        client_certificate=api.admin.certificate,
        client_key=api.admin.key,
    )


@asynccontextmanager
async def calling(credentials: Credentials, **options: Any) -> AsyncIterator[ApiClient]:
    client = ApiClient(credentials, "host", **options)
    try:
        yield client
    finally:
        await client.close()


@pytest.fixture
async def client(credentials: Credentials) -> AsyncIterator[ApiClient]:
    async with calling(credentials) as client:
        yield client


@pytest.fixture
async def namespace(client: ApiClient) -> str:
    made = await client.create(NAMESPACES, "", {"metadata": {"generateName": "test-"}})
    name: str = made["metadata"]["name"]
    return name


class Following:
    """An informer that runs around a test, and what it told."""

    def __init__(self, informer: Informer) -> None:
        self.informer = informer
        self.store = informer.store
        self.told: list[Change] = []
        informer.subscribe(self.told.append)

    def names(self) -> set[str]:
        return {obj["metadata"]["name"] for obj in self.store}

    def data(self, name: str) -> object:
        found = [obj.get("data") for obj in self.store if obj["metadata"]["name"] == name]
        return found[0] if found else None


@asynccontextmanager
async def following(informer: Informer) -> AsyncIterator[Following]:
    follower = Following(informer)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(informer.run())
        async with asyncio.timeout(DEADLINE):
            await informer.ready.wait()
        yield follower
        running.cancel()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE):
        while True:
            if holds():
                return
            await asyncio.sleep(0.05)


def config_map(name: str, **data: str) -> Obj:
    return {"metadata": {"name": name}, "data": data}


def follow(
    client: ApiClient, namespace: str, *, page: int = 500, streaming: bool = False
) -> AbstractAsyncContextManager[Following]:
    return following(Informer(client, CONFIG_MAPS, namespace, backoff=SHORT, page=page, streaming=streaming))


def through(cable: Cable, credentials: Credentials) -> Credentials:
    return replace(credentials, server=f"https://127.0.0.1:{cable.port}")


def cable_to(api: ApiServer) -> Cable:
    return Cable(api.port)


async def restart(api: ApiServer) -> None:
    await asyncio.to_thread(api.start)


async def test_it_follows_what_comes_changes_and_goes(client: ApiClient, namespace: str) -> None:
    await client.create(CONFIG_MAPS, namespace, config_map("early"))
    async with follow(client, namespace) as seen:
        assert seen.names() >= {"early"}
        await client.create(CONFIG_MAPS, namespace, config_map("a", x="1"))
        await until(lambda: seen.data("a") == {"x": "1"})
        await client.patch(CONFIG_MAPS, namespace, "a", {"data": {"x": "2"}})
        await until(lambda: seen.data("a") == {"x": "2"})
        await client.delete(CONFIG_MAPS, namespace, "a")
        await until(lambda: "a" not in seen.names())

    assert [str(change) for change in seen.told if change.name == "a"] == [
        f"Change({verb} {namespace}/a)" for verb in ("added", "changed", "removed")
    ]


async def test_selectors_narrow_what_it_follows(client: ApiClient, namespace: str) -> None:
    informer = Informer(client, CONFIG_MAPS, namespace, label_selector="mine=yes", field_selector="metadata.name!=c")
    async with following(informer) as seen:
        for name, mine in (("a", "yes"), ("b", "no"), ("c", "yes"), ("d", "yes")):
            await client.create(CONFIG_MAPS, namespace, {"metadata": {"name": name, "labels": {"mine": mine}}})
        await until(lambda: seen.names() == {"a", "d"})
        await client.patch(CONFIG_MAPS, namespace, "a", {"metadata": {"labels": {"mine": "no"}}})
        await until(lambda: seen.names() == {"d"})


async def test_changes_while_the_server_was_killed_are_made_up_for(
    api: ApiServer, client: ApiClient, namespace: str
) -> None:
    async with follow(client, namespace) as seen:
        await client.create(CONFIG_MAPS, namespace, config_map("before"))
        await until(lambda: "before" in seen.names())
        for round_ in range(2):
            await asyncio.to_thread(api.kill)
            with pytest.raises(Unavailable, match="the host API server cannot be reached"):
                await client.get(CONFIG_MAPS, namespace, "before")
            assert "before" in seen.names(), "readers keep the old content while the server is down"
            await restart(api)
            await client.create(CONFIG_MAPS, namespace, config_map(f"after-{round_}"))
            await until(lambda name=f"after-{round_}": name in seen.names())  # type: ignore[misc]
        await client.delete(CONFIG_MAPS, namespace, "before")
        await until(lambda: "before" not in seen.names())


async def test_a_compacted_version_lists_again_and_tells_what_vanished_meanwhile(
    api: ApiServer, client: ApiClient, credentials: Credentials, namespace: str
) -> None:
    for name in ("goes", "changes", "stays"):
        await client.create(CONFIG_MAPS, namespace, config_map(name, v="1"))
    with capture_logs() as logs:
        async with (
            cable_to(api) as cable,
            calling(through(cable, credentials)) as away,
            follow(away, namespace) as seen,
        ):
            seen.told.clear()
            await cable.cut()
            await client.delete(CONFIG_MAPS, namespace, "goes")
            changed = await client.patch(CONFIG_MAPS, namespace, "changes", {"data": {"v": "2"}})
            # The restart empties the server's own memory of recent events, which outlives a compaction.
            await asyncio.to_thread(api.kill)
            await asyncio.to_thread(api.compact, int(changed["metadata"]["resourceVersion"]))
            await restart(api)
            await cable.mend()
            await until(lambda: seen.data("changes") == {"v": "2"} and "goes" not in seen.names())

    assert sorted(str(change) for change in seen.told) == [
        f"Change(changed {namespace}/changes)",
        f"Change(removed {namespace}/goes)",
    ]
    assert 410 in [entry.get("code") for entry in logs], "it was told that its version had expired"


async def test_a_cut_connection_goes_on_where_it_was(
    api: ApiServer, client: ApiClient, credentials: Credentials, namespace: str
) -> None:
    await client.create(CONFIG_MAPS, namespace, config_map("early"))
    with capture_logs() as logs:
        async with (
            cable_to(api) as cable,
            calling(through(cable, credentials)) as away,
            follow(away, namespace) as seen,
        ):
            seen.told.clear()
            await cable.cut()
            await client.create(CONFIG_MAPS, namespace, config_map("meanwhile"))
            await client.delete(CONFIG_MAPS, namespace, "early")
            await cable.mend()
            await until(lambda: "early" not in seen.names())

    assert [str(change) for change in seen.told] == [
        f"Change(added {namespace}/meanwhile)",
        f"Change(removed {namespace}/early)",
    ]
    assert len([entry for entry in logs if entry["event"] == "listed"]) == 1, "no second list was needed"


async def test_an_expired_version_and_an_expired_page_token_are_gone(
    api: ApiServer, client: ApiClient, namespace: str
) -> None:
    for number in range(3):
        await client.create(CONFIG_MAPS, namespace, config_map(f"c{number}"))
    first = await client.list(CONFIG_MAPS, namespace, limit="1")
    old = first["metadata"]["resourceVersion"]
    await client.patch(CONFIG_MAPS, namespace, "c0", {"data": {"v": "1"}})
    last = await client.patch(CONFIG_MAPS, namespace, "c0", {"data": {"v": "2"}})
    await asyncio.to_thread(api.kill)
    await asyncio.to_thread(api.compact, int(last["metadata"]["resourceVersion"]))
    await restart(api)

    with pytest.raises(Gone):
        async for _ in client.watch(CONFIG_MAPS, namespace, resourceVersion=old):
            pass
    with pytest.raises(Gone):
        await client.list(CONFIG_MAPS, namespace, limit="1", **{"continue": first["metadata"]["continue"]})


@pytest.mark.parametrize("streaming", [False, True], ids=["paged", "streamed"])
async def test_thousands_of_objects_come_in_pages_and_churn_ends_equal(
    client: ApiClient, namespace: str, streaming: bool
) -> None:
    names = [f"c{number}" for number in range(1200)]
    await together(client.create(CONFIG_MAPS, namespace, config_map(name, v="0")) for name in names)
    async with follow(client, namespace, page=100, streaming=streaming) as seen:
        assert set(names) <= seen.names()
        await together(client.patch(CONFIG_MAPS, namespace, name, {"data": {"v": "1"}}) for name in names[:600])
        await together(client.delete(CONFIG_MAPS, namespace, name) for name in names[400:800])
        await together(client.create(CONFIG_MAPS, namespace, config_map(f"late-{n}")) for n in range(100))
        listed = await client.list(CONFIG_MAPS, namespace)
        expected = {item["metadata"]["name"]: item["metadata"]["resourceVersion"] for item in listed["items"]}
        await until(lambda: versions(seen) == expected)


async def test_an_idle_watch_is_kept_fresh_by_bookmarks_and_goes_on_after_its_end(
    client: ApiClient, credentials: Credentials, namespace: str
) -> None:
    async with calling(credentials, watch_seconds=2) as brief, follow(brief, namespace) as seen:
        for number in range(3):
            await asyncio.sleep(2.5)  # long enough for a watch to end by itself
            await client.create(CONFIG_MAPS, namespace, config_map(f"c{number}"))
            await until(lambda name=f"c{number}": name in seen.names())  # type: ignore[misc]


async def test_a_server_that_says_nothing_any_more_is_left(
    api: ApiServer, client: ApiClient, credentials: Credentials, namespace: str
) -> None:
    async with calling(credentials, idle_seconds=1.0) as impatient, follow(impatient, namespace) as seen:
        api.freeze()
        await asyncio.sleep(3)
        api.thaw()
        await client.create(CONFIG_MAPS, namespace, config_map("after"))
        await until(lambda: "after" in seen.names())


async def test_a_resource_that_vanishes_is_waited_for(client: ApiClient, namespace: str) -> None:
    await client.create(CRDS, "", widget_definition())
    await established(client)
    async with following(Informer(client, WIDGETS, namespace, backoff=SHORT)) as seen:
        await client.create(WIDGETS, namespace, {**WIDGET, "metadata": {"name": "one"}})
        await until(lambda: seen.names() == {"one"})
        await client.delete(CRDS, "", "widgets.test.example.com")
        await until(lambda: seen.names() == set())
        await gone(client)
        await client.create(CRDS, "", widget_definition())
        await established(client)
        await client.create(WIDGETS, namespace, {**WIDGET, "metadata": {"name": "two"}})
        await until(lambda: seen.names() == {"two"})
    await client.delete(CRDS, "", "widgets.test.example.com")


async def test_every_call_and_its_failures(client: ApiClient, namespace: str) -> None:
    made = await client.create(CONFIG_MAPS, namespace, config_map("a", x="1"))
    with pytest.raises(AlreadyExists):
        await client.create(CONFIG_MAPS, namespace, config_map("a"))
    applied = await client.patch(
        CONFIG_MAPS,
        namespace,
        "a",
        {"apiVersion": "v1", "kind": "ConfigMap", **config_map("a", y="2")},
        kind=PatchKind.APPLY,
        fieldManager="test",
    )
    assert applied["data"] == {"x": "1", "y": "2"}
    steps = [{"op": "remove", "path": "/data/x"}]
    assert (await client.patch(CONFIG_MAPS, namespace, "a", steps, kind=PatchKind.JSON))["data"] == {"y": "2"}
    with pytest.raises(Conflict):
        await client.update(CONFIG_MAPS, namespace, made)
    with pytest.raises(Conflict):
        await client.delete(CONFIG_MAPS, namespace, "a", uid="0-0-0")
    await client.delete(CONFIG_MAPS, namespace, "a", uid=made["metadata"]["uid"], grace_seconds=0)
    with pytest.raises(NotFound) as failed:
        await client.get(CONFIG_MAPS, namespace, "a")
    assert failed.value.reason == "NotFound"
    assert await client.raw("GET", "/readyz") == "ok"


async def test_a_server_signed_by_somebody_else_is_not_spoken_to(api: ApiServer) -> None:
    client = ApiClient(Credentials(api.server, ssl.create_default_context()), "virtual")
    with pytest.raises(Unavailable, match=r"virtual API server.*certificate") as failed:
        await client.raw("GET", "/version")
    assert failed.value.status["details"]["causes"][0]["reason"] == "vgateway:virtual"
    await client.close()


def versions(seen: Following) -> dict[str, str]:
    return {obj["metadata"]["name"]: obj["metadata"]["resourceVersion"] for obj in seen.store}


async def together(calls: Iterable[Coroutine[None, None, object]]) -> None:
    async with asyncio.TaskGroup() as tasks:
        for call in calls:
            tasks.create_task(call)


async def established(client: ApiClient) -> None:
    async with asyncio.timeout(DEADLINE):
        while True:
            with contextlib.suppress(NotFound, TooManyRequests, Unavailable):
                await client.list(WIDGETS)
                return
            await asyncio.sleep(0.1)


async def gone(client: ApiClient) -> None:
    async with asyncio.timeout(DEADLINE):
        while True:
            try:
                await client.list(WIDGETS)
            except NotFound:
                return
            await asyncio.sleep(0.1)


WIDGET = {"apiVersion": "test.example.com/v1", "kind": "Widget"}


def widget_definition() -> Obj:
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.test.example.com"},
        "spec": {
            "group": "test.example.com",
            "scope": "Namespaced",
            "names": {"plural": "widgets", "singular": "widget", "kind": "Widget"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
        },
    }
