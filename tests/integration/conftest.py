"""One set of real clusters for the whole session: a host with a real node, and a virtual cluster beside it."""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.apiserver import ApiServer, running_apiserver
from tests.support.clusters import Clusters, running_clusters
from tests.support.kubectl import Kubectl
from tests.support.manifests import shell_pod
from tests.support.sides import Sides, between, programs, side

TENANT = "tenant"


@pytest.fixture(scope="session")
def clusters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clusters]:
    """Clusters of this session's own; ``VGATEWAY_TEST_HOME`` names running ones to use instead, while developing."""
    running = os.environ.get("VGATEWAY_TEST_HOME")
    if running:
        yield Clusters(Path(running))
        return
    with running_clusters(tmp_path_factory.mktemp("vgateway"), TENANT, "--nodes", "1") as clusters:
        yield clusters


@pytest.fixture(scope="session")
def api_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ApiServer, ApiServer]]:
    """A virtual and a host kube-apiserver and nothing else, for tests that run the engine in this process."""
    found = programs()
    with (
        running_apiserver(found, tmp_path_factory.mktemp("virtual")) as virtual,
        running_apiserver(found, tmp_path_factory.mktemp("host")) as host,
    ):
        yield virtual, host


@pytest.fixture
async def sides(api_servers: tuple[ApiServer, ApiServer]) -> AsyncIterator[Sides]:
    """Both of them, and a host namespace of this test's own between them."""
    for server in api_servers:
        await asyncio.to_thread(server.start)
    async with (
        side("virtual", api_servers[0]) as virtual,
        side("host", api_servers[1]) as host,
        between(virtual, host, f"host-{uuid.uuid4().hex[:6]}") as both,
    ):
        yield both


@pytest.fixture
async def place(sides: Sides) -> str:
    """A namespace of the tenant's between the two of ``sides``."""
    return await sides.make_namespace(f"test-{uuid.uuid4().hex[:6]}")


@pytest.fixture(scope="session")
def tenant(clusters: Clusters) -> Kubectl:
    """The tenant's kubectl, through the gateway."""
    return clusters.tenant(TENANT)


@pytest.fixture(scope="session")
def direct(clusters: Clusters) -> Kubectl:
    """The same tenant's kubectl, straight to the virtual API server."""
    return clusters.direct(TENANT)


@pytest.fixture(scope="session")
def host(clusters: Clusters) -> Kubectl:
    """The host administrator's kubectl."""
    return clusters.host()


@pytest.fixture(scope="session")
def host_namespace() -> str:
    """The host namespace of the session's virtual cluster."""
    return f"vgateway-{TENANT}"


@pytest.fixture
def namespace(tenant: Kubectl) -> Iterator[str]:
    """A namespace of the tenant's for one test."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    tenant.ok("create", "namespace", name)
    yield name
    tenant.ok("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="module")
def shell(tenant: Kubectl) -> Iterator[tuple[str, str]]:
    """The namespace and name of a running pod with a shell, shared by a module's tests."""
    name = f"shell-{uuid.uuid4().hex[:8]}"
    tenant.ok("create", "namespace", name)
    tenant.apply(with_namespace(shell_pod("shell"), name))
    tenant.ok("wait", "-n", name, "pod/shell", "--for=condition=Ready", "--timeout=180s")
    yield name, "shell"
    tenant.ok("delete", "namespace", name, "--wait=false")


def with_namespace(obj: dict[str, Any], namespace: str) -> dict[str, Any]:
    """Return the object, placed in a namespace."""
    return {**obj, "metadata": {**obj["metadata"], "namespace": namespace}}
