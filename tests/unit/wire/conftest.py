"""Both event loops, and one authority for the session."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import pytest
import uvloop

from tests.support.authority import Authority
from tests.unit.wire.gateway import Pki, make_pki

T = TypeVar("T")
Run = Callable[[Coroutine[Any, Any, T]], T]


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return make_pki(Authority(tmp_path_factory.mktemp("wire-pki")))


def runner(factory: Callable[[], asyncio.AbstractEventLoop]) -> Run[Any]:
    def run(main: Coroutine[Any, Any, Any]) -> Any:
        with asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(main)

    return run


@pytest.fixture(params=["uvloop", "asyncio"])
def run(request: pytest.FixtureRequest) -> Run[Any]:
    """Run a coroutine on a loop of either kind."""
    return runner(uvloop.new_event_loop if request.param == "uvloop" else asyncio.new_event_loop)


@pytest.fixture
def run_fast() -> Run[Any]:
    """Run a coroutine on uvloop, where the loop makes no difference."""
    return runner(uvloop.new_event_loop)
