"""Thousands of worlds, each from a seed. One that fails is lived through again with:

pytest tests/simulation --seed N
"""

import logging
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

import pytest
import structlog

from tests.simulation.others import WIDE_FROM
from tests.simulation.simulation import Simulation

# Narrow worlds and wide ones.
SEEDS = (*range(1500), *range(WIDE_FROM, WIDE_FROM + 520))
SHOWN = 5
# Each of these once showed a fault of the engine; the sentence says which.
REGRESSIONS = {
    1: "of two objects whose names meet, the second hears nothing; a pod that keeps its node is left without one",
    8: "a stranger's pod that looks like ours makes a virtual node",
    17: "a pod that was started is started again while a watch hangs",
    30: "copies from before the front Service came never get their owner",
    139: "a pod without a node goes at once, though its host pod is drained with grace",
    198: "tokens of a displaced pod stay, and belong to an earlier pod",
    349: "a Service is lost whose host address another of the tenant's keeps, one whose name is taken on the host",
    337: "ephemeral containers of a pod that is yet to be made are lost",
    1400: "tokens of an earlier pod stay while its successor waits",
    2720: "tokens that a stranger's Secret displaced never come back",
    2920: "a headless Service can never take over the copy of one with an address",
    10107: "Endpoints are told of a stranger while the host has no copy of their Service",
}


@pytest.fixture
def quiet() -> Iterator[None]:
    """Leave out the log: formatting it takes longer than the simulation."""
    hush()
    yield
    structlog.reset_defaults()


def hush() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


def live(seed: int) -> list[str]:
    return Simulation(seed).run()


def test_every_world_comes_to_rest_with_all_that_was_wanted_and_nothing_else(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--seed", default=None) is not None:
        pytest.skip("one world is asked for")
    first, asked = request.config.getoption("--first", default=0), request.config.getoption("--seeds", default=None)
    seeds = range(first, first + asked) if asked else SEEDS
    failed: list[str] = []
    workers = min(4, os.cpu_count() or 1)
    spawning = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=spawning, initializer=hush) as pool:
        for seed, wrong in zip(seeds, pool.map(live, seeds, chunksize=20), strict=True):
            if wrong:
                failed.append(f"seed {seed}: {wrong[0]}" + (f" (and {len(wrong) - 1} more)" if wrong[1:] else ""))
    shown = "\n".join(failed[:SHOWN])
    assert not failed, f"{len(failed)} of {len(seeds)} worlds; pytest tests/simulation --seed N shows one:\n{shown}"


def test_one_world_from_the_command_line(request: pytest.FixtureRequest, quiet: None) -> None:
    seed = request.config.getoption("--seed", default=None)
    if seed is None:
        pytest.skip("no --seed")
    trace: list[str] = []
    wrong = Simulation(seed, trace.append).run()
    assert not wrong, "\n".join([f"seed {seed}", *trace, "", *wrong])


@pytest.mark.parametrize("seed", REGRESSIONS)
def test_worlds_that_once_showed_a_fault(seed: int, quiet: None) -> None:
    assert live(seed) == [], REGRESSIONS[seed]


def test_a_seed_replays_exactly_whatever_the_hash_seed() -> None:
    code = (
        "from tests.simulation.test_simulation import hush; from tests.simulation.simulation import Simulation; hush();"
        "[Simulation(seed, print).run() for seed in (3, 4)]"
    )
    told = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            check=True,
            capture_output=True,
            timeout=120,
        ).stdout
        for hash_seed in ("1", "2")
    ]
    assert told[0] == told[1]
