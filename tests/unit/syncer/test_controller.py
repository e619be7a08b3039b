import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry

from tests.unit.syncer.world import NAMES, World
from vgateway.errors import TooManyRequests, Unavailable
from vgateway.kube.client import ApiClient
from vgateway.kube.credentials import Credentials
from vgateway.kube.objects import Obj, VirtualKey
from vgateway.syncer.apply import Applier
from vgateway.syncer.controller import Controller
from vgateway.syncer.events import Teller
from vgateway.syncer.kind import DerivedKind
from vgateway.syncer.metrics import SyncerMetrics
from vgateway.syncer.reconciler import Reconciler
from vgateway.syncer.resources import NODES
from vgateway.syncer.view import View


class Scripted(DerivedKind):
    """A kind whose keys fail as a test says, and that wants nothing."""

    resource = NODES

    def __init__(self, failures: dict[str, list[Exception]]) -> None:
        self.failures = failures
        self.looked: list[str] = []

    def desired(self, key: VirtualKey, view: View) -> Obj | None:
        self.looked.append(key.name)
        if self.failures.get(key.name):
            raise self.failures[key.name].pop(0)
        return None


@asynccontextmanager
async def running(kind: Scripted) -> AsyncIterator[Controller]:
    """A controller at work; the API servers behind it are never called, for the kind writes nothing."""
    nowhere = Credentials("http://127.0.0.1:9", None)
    virtual, host = ApiClient(nowhere, "virtual"), ApiClient(nowhere, "host")
    metrics = SyncerMetrics(CollectorRegistry())
    reconciler = Reconciler([kind], World().view, Applier(NAMES, virtual, host, metrics), Teller(virtual, metrics))
    controller = Controller(reconciler, metrics, chance=lambda: 0.0)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(controller.run())
        await controller.ready.wait()
        yield controller
        task.cancel()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 - what is waited for is plain data of the code under test
            await asyncio.sleep(0.005)


def node(name: str) -> tuple[str, VirtualKey]:
    return "nodes", VirtualKey("", name)


async def test_one_bad_object_does_not_stop_the_others_and_is_tried_again() -> None:
    kind = Scripted({"bad": [ValueError("a bug"), Unavailable(503, {})]})
    async with running(kind) as controller:
        for name in ("bad", "good", "also-good"):
            controller.wake(node(name))
        await until(lambda: kind.looked.count("bad") == 3)
    assert {"good", "also-good"} <= set(kind.looked)


async def test_a_429_of_the_host_slows_everything_down_and_the_key_comes_back() -> None:
    kind = Scripted({"a": [TooManyRequests(429, {}, retry_after=0.05)]})
    async with running(kind) as controller:
        before = controller.pace.limit
        controller.wake(node("a"))
        await until(lambda: kind.looked.count("a") == 2)
        assert controller.pace.limit < before


async def test_hints_before_the_start_are_not_lost_and_a_quiet_controller_is_idle() -> None:
    kind = Scripted({})
    async with running(kind) as controller:
        for turn in range(200):
            controller.wake(node(f"n{turn % 50}"))
        await until(lambda: controller.idle)
        assert len(set(kind.looked)) == 50
        assert len(kind.looked) <= 100
