"""The life of one process: event loop, signals, exit code."""

import asyncio
import signal
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import structlog
import uvloop

from vgateway.app.build import build
from vgateway.app.logs import configure_logs
from vgateway.config.model import Config
from vgateway.errors import ConfigError

log = structlog.get_logger(__name__)


def run(config: Config, path: Path) -> int:
    """Serve one virtual cluster, whose configuration came from ``path``, until SIGTERM or SIGINT; return the exit code.

    0 after a drain, 1 when a part died uninvited. Raises ConfigError for what only shows at start: a missing
    file, a port that is taken.
    """
    configure_logs(config.logging.encoding, config.logging.level)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_serve(config, path))


async def _serve(config: Config, path: Path) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    process = build(config, path)
    try:
        return await _exit_code(process.supervisor.run(stop))
    finally:
        await process.close()


async def _exit_code(serving: Coroutine[Any, Any, None]) -> int:
    try:
        await serving
    except BaseExceptionGroup as group:
        wrong = group.subgroup(ConfigError)
        if wrong is not None:
            raise _first(wrong) from group
        log.exception("a part of the process died")
        return 1
    return 0


def _first(group: BaseExceptionGroup[Any]) -> BaseException:
    """Return the first leaf: one line is what an operator reads."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
