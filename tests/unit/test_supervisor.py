"""The supervisor: order of start and stop, readiness, deaths that are noticed."""

import asyncio
from collections.abc import Callable

import pytest

from vgateway.supervisor import RunnableEnded, Supervisor


class Part:
    """A runnable that writes down what happens to it."""

    def __init__(self, name: str, diary: list[str], *, becomes_ready: bool = True) -> None:
        self.name = name
        self.ready = asyncio.Event()
        self.die = asyncio.Event()
        self.error: Exception | None = None
        self._diary = diary
        self._becomes_ready = becomes_ready

    async def run(self) -> None:
        self._diary.append(f"{self.name} starts")
        if self._becomes_ready:
            self.ready.set()
        try:
            await self.die.wait()
            if self.error:
                raise self.error
        finally:
            self._diary.append(f"{self.name} ends")


async def test_groups_start_in_order_and_the_foundation_outlives_them() -> None:
    diary: list[str] = []
    stop = asyncio.Event()
    supervisor = Supervisor([[Part("a", diary), Part("b", diary)], [Part("c", diary)]], [Part("probes", diary)])

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(supervisor.run(stop))
        await until(lambda: not supervisor.not_ready())
        stop.set()

    assert diary[:4] == ["probes starts", "a starts", "b starts", "c starts"]
    assert set(diary[4:7]) == {"a ends", "b ends", "c ends"}
    assert diary[7:] == ["probes ends"]


async def test_a_stop_before_everything_has_started_ends_what_has() -> None:
    diary: list[str] = []
    stop = asyncio.Event()
    supervisor = Supervisor([[Part("slow", diary, becomes_ready=False)], [Part("next", diary)]])

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(supervisor.run(stop))
        await until(lambda: "slow starts" in diary)
        stop.set()

    assert diary == ["slow starts", "slow ends"]


async def test_a_group_waits_until_the_one_before_it_is_ready() -> None:
    diary: list[str] = []
    stop = asyncio.Event()
    slow = Part("slow", diary, becomes_ready=False)
    supervisor = Supervisor([[slow], [Part("next", diary)]])

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(supervisor.run(stop))
        await until(lambda: "slow starts" in diary)
        assert supervisor.not_ready() == ["slow", "next"]
        assert diary == ["slow starts"]
        slow.ready.set()
        await until(lambda: "next starts" in diary)
        stop.set()


async def test_draining_is_not_ready() -> None:
    stop = asyncio.Event()
    supervisor = Supervisor([[Part("a", [])]])

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(supervisor.run(stop))
        await until(lambda: not supervisor.not_ready())
        stop.set()

    assert supervisor.not_ready() == ["draining"]


@pytest.mark.parametrize("becomes_ready", [True, False], ids=["while-running", "before-it-was-ready"])
async def test_a_part_that_returns_uninvited_ends_everything(becomes_ready: bool) -> None:
    diary: list[str] = []
    first, second = Part("first", diary), Part("second", diary, becomes_ready=becomes_ready)
    second.die.set()

    with pytest.raises(ExceptionGroup) as caught:
        await Supervisor([[first], [second]]).run(asyncio.Event())

    assert caught.group_contains(RunnableEnded, match="second ended by itself")
    assert diary[-1] == "first ends"


async def test_a_part_that_fails_ends_everything_with_its_own_error() -> None:
    broken = Part("broken", [])
    broken.error = OSError("the port is taken")
    broken.die.set()

    with pytest.raises(ExceptionGroup) as caught:
        await Supervisor([[broken]]).run(asyncio.Event())

    assert caught.group_contains(OSError, match="the port is taken")


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while True:
            if holds():
                return
            await asyncio.sleep(0)
