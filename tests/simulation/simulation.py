"""One world from one seed: two clusters, a tenant, a host, faults, and the engine between them, crashes included."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random

import orjson
from prometheus_client import CollectorRegistry

from tests.simulation.cluster import EPOCH, Cluster, Happening
from tests.simulation.faults import Faults
from tests.simulation.hostside import HostSide
from tests.simulation.loop import SimulatedLoop
from tests.simulation.others import SYNC, WIDE_FROM, Others, wide_kinds
from tests.simulation.tenant import PLANE, Tenant
from tests.simulation.verdict import Verdict
from tests.simulation.watchful import Watchful
from tests.simulation.wire import SimulatedTransport
from vgateway.kube.client import ApiClient
from vgateway.kube.credentials import Credentials
from vgateway.kube.names import Names
from vgateway.kube.objects import Obj
from vgateway.kube.store import Change, key_of
from vgateway.supervisor import Supervisor
from vgateway.syncer.build import Syncer, build_syncer
from vgateway.syncer.kind import Hint, Side
from vgateway.syncer.registry import KINDS
from vgateway.syncer.settings import SyncerSettings

NAMES = Names("vc", "host-ns")
FRONT = "vc"
SETTINGS = SyncerSettings(NAMES, FRONT, "10.0.0.9", virtual_version=lambda: "v1.36.3")
ACTIONS = 60
SETTLING = 240.0
RESTING = 100.0


@dataclass
class Simulation:
    """Everything of one seed; ``trace`` gets a line for what happens, if anybody reads it."""

    seed: int
    trace: Callable[[str], None] | None = None
    wrong: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chance = Random(self.seed)
        self.loop = SimulatedLoop()
        style = self.chance.random
        rate = self.chance.choice([0.0, 0.02, 0.1, 0.3])
        self.faults = Faults(self._stream(), rate, lag=self.chance.choice([0.01, 0.1, 1.0]))
        inject = style() < 0.3
        self.virtual = Cluster("virtual", self.loop.time, self._stream().randrange)
        self.host = Cluster(
            "host", self.loop.time, self._stream().randrange, mutate=with_sidecar if inject else as_it_is
        )
        self.tenant = Tenant(self.virtual, self._stream())
        self.hostside = HostSide(self.host, self._stream(), NAMES, FRONT, rude=style() < 0.5)
        self.crashes = style() < 0.6
        self.pause = self.chance.choice([0.05, 0.5, 3.0])
        self.watchful = Watchful(
            self.virtual, self.host, lambda obj: NAMES.host_name(obj["metadata"]["name"], obj["metadata"]["namespace"])
        )
        self.host.observers += [self.watchful.on_host, self._traced("host")]
        self.virtual.observers += [self.watchful.on_virtual, self._traced("virtual")]
        self.others: Others | None = None
        if self.seed >= WIDE_FROM:
            # Streams of its own: what a narrow world draws stays as it was.
            own = Random(f"others of {self.seed}")
            self.others = Others(self.virtual, self.host, NAMES, own, self.hostside.rude, self.watchful)
        self.dying = asyncio.Event()
        self.writes_to_live = 0
        self.syncer: Syncer | None = None

    def _stream(self) -> Random:
        """Return a source of chance of its own, so that one part's draws do not move another's."""
        return Random(self.chance.getrandbits(64))

    def _traced(self, side: str) -> Callable[[Happening], None]:
        def observe(one: Happening) -> None:
            if self.trace is not None:
                self.say(f"{side}: {one}")

        return observe

    def say(self, what: str) -> None:
        """Add a line to the trace."""
        if self.trace is not None:
            self.trace(f"{self.loop.now:9.3f} {what}")

    def run(self) -> list[str]:
        """Live through it and return everything that was wrong."""
        try:
            self.loop.run_until_complete(self._live())
        finally:
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            self.loop.close()
        return [*self.watchful.wrong, *self.wrong]

    async def _live(self) -> None:
        self.tenant.prepare()
        if self.others:
            self.others.prepare()
        if self.chance.random() < 0.9:
            self.hostside.prepare()
        async with asyncio.TaskGroup() as tasks:
            engine = tasks.create_task(self._keep_running())
            await self._chaos()
            await self._settle()
            self.judge("after settling")
            await self._rest()
            engine.cancel()

    async def _keep_running(self) -> None:
        """Run the engine; when it crashes, run another that remembers nothing."""
        while True:
            self.dying.clear()
            try:
                async with asyncio.TaskGroup() as tasks:
                    process = tasks.create_task(self._process())
                    await self.dying.wait()
                    self.say("the engine crashes")
                    process.cancel()
            finally:
                self.syncer = None
            await asyncio.sleep(self.chance.random())

    async def _process(self) -> None:
        chance = self._stream()
        virtual, host = self._client(self.virtual, chance), self._client(self.host, chance)
        kinds, settings = (wide_kinds(), replace(SETTINGS, sync=SYNC)) if self.others else (KINDS, SETTINGS)
        self.syncer = build_syncer(
            settings, virtual, host, CollectorRegistry(), kinds, clock=self._clock, chance=chance.random
        )
        await Supervisor(self.syncer.runnables).run(asyncio.Event())

    def _clock(self) -> float:
        return EPOCH + self.loop.now

    def _client(self, cluster: Cluster, chance: Random) -> ApiClient:
        client = ApiClient(Credentials("http://127.0.0.1:9", None), cluster.side)
        client._transport = SimulatedTransport(cluster, self.faults, chance, self.loop, self._wrote)
        return client

    def _wrote(self) -> None:
        if self.writes_to_live:
            self.writes_to_live -= 1
            if not self.writes_to_live:
                self.dying.set()

    async def _chaos(self) -> None:
        for _ in range(ACTIONS):
            await asyncio.sleep(self.chance.expovariate(1.0) * self.pause)
            if self.others:
                await self._live_wider(self.others)
            draw = self.chance.random()
            if draw < 0.45:
                self.tenant.act()
            elif draw < 0.85:
                self.hostside.act()
            elif draw < 0.92:
                self.tenant.control()
            else:
                self._disturb()

    async def _live_wider(self, others: Others) -> None:
        """Have something else happen; now and then a side is gone for minutes, and life goes on at the other."""
        for _ in range(others.chance.randrange(3)):
            others.act()
        if others.chance.random() < 0.01:
            side = others.chance.choice(["virtual", "host"])
            self.faults.down |= {side}
            self.say(f"down for long: {side}")
            for _ in range(others.chance.randrange(1, 12)):
                await asyncio.sleep(others.chance.random() * 60)
                others.act()
                self.tenant.act()
            self.faults.down -= {side}

    def _disturb(self) -> None:
        match self.chance.randrange(4):
            case 0:
                self.chance.choice([self.virtual, self.host]).compact()
            case 1:
                self.faults.down ^= {self.chance.choice(["virtual", "host"])}
                self.say(f"down: {sorted(self.faults.down)}")
            case 2 if self.crashes:
                self.dying.set()
            case _ if self.crashes:
                self.writes_to_live = 1 + self.chance.randrange(4)

    async def _settle(self) -> None:
        self.say("calm")
        self.faults.calm = True
        self.watchful.calm_since = self.loop.now
        self.faults.lag = 0.01
        self.writes_to_live = 0
        if (NAMES.host_namespace, FRONT) not in self.host.of("services"):
            self.hostside.prepare()
        until = self.loop.now + SETTLING
        while self.loop.now < until:
            await asyncio.sleep(1.0 + self.chance.random())
            self.tenant.control()
            self.hostside.carry_on()
            if self.others:
                self.others.settle()

    def judge(self, when: str) -> None:
        """Compare the two sides."""
        verdict = Verdict(self.virtual, self.host, NAMES, FRONT, self.tenant, self.watchful)
        self.wrong += [f"{when}: {fault}" for fault in verdict.faults()]
        self.wrong += [f"{when}: {fault}" for fault in (self.others.faults() if self.others else ())]

    async def _rest(self) -> None:
        """Nothing is written any more: not by itself, not when every key is looked at, not after a restart."""
        await self._writes_nothing("at rest")
        assert self.syncer is not None
        wake_everything(self.syncer)
        await self._writes_nothing("in a further round")
        self.virtual.of("events").clear()
        self.dying.set()
        await self._writes_nothing("after a restart", but=("events",))

    async def _writes_nothing(self, when: str, but: tuple[str, ...] = ()) -> None:
        before = len(self.virtual.history), len(self.host.history)
        await asyncio.sleep(RESTING)
        news = [*self.virtual.history[before[0] :], *self.host.history[before[1] :]]
        self.wrong += [f"{when}: {one}" for one in news if one.plural not in but and one.actor != PLANE]


def wake_everything(syncer: Syncer) -> None:
    """Have every key looked at that any object of either side would wake."""
    view = syncer.view
    for kind in syncer.controller._reconciler.kinds.values():
        for wake in kind.wakes:
            lookup = (view.virtual if wake.side is Side.VIRTUAL else view.host)[wake.resource]
            for obj in lookup:
                hint = Hint(Change(key_of(obj), None, orjson.dumps(obj)))
                for key in wake.keys(hint, view):
                    syncer.controller.wake((kind.name, key))


def as_it_is(_plural: str, _obj: Obj) -> None:
    """Admit an object unchanged."""


def with_sidecar(plural: str, obj: Obj) -> None:
    """Inject a container into every pod, as service meshes do."""
    if plural == "pods":
        obj["spec"]["containers"] = [*obj["spec"]["containers"], {"name": "injected", "image": "proxy"}]
        obj["spec"]["tolerations"] = [*(obj["spec"].get("tolerations") or ()), {"key": "host", "operator": "Exists"}]
