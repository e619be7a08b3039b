"""Follows the configuration file while the process runs: some sections are applied at once, of others we say so.

The file is looked at every second rather than waited for: mounted ConfigMaps change by a swapped link, which tells
those who wait for the file nothing. A file that is wrong changes nothing; what is wrong with it is logged and counted.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry, Counter

from vgateway.app.live import changed_paths, needs_restart, with_live_parts
from vgateway.app.notices import Say
from vgateway.config.load import load_config
from vgateway.config.model import Config
from vgateway.errors import ConfigError
from vgateway.kube.files import Watched

log = structlog.get_logger(__name__)

LOOK_SECONDS = 1.0


class ConfigWatcher:
    """A runnable that tells ``apply`` of each new configuration; that may raise ConfigError to refuse it.

    ``say`` tells operators what became of a changed file.
    """

    name = "configuration"

    def __init__(
        self, path: Path, config: Config, apply: Callable[[Config], None], registry: CollectorRegistry, say: Say
    ) -> None:
        self.ready = asyncio.Event()
        self.config = config
        self._path = path
        self._apply = apply
        self._say = say
        self._file = Watched((path,))
        self._loads = Counter(
            "vgateway_configuration_loads",
            "Times that the changed configuration file was read, by what became of it.",
            ["outcome"],
            registry=registry,
        )

    async def run(self) -> None:
        """Look until cancelled."""
        self.ready.set()
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self.look()

    def look(self) -> None:
        """Read the file if it has changed, and apply what may be applied."""
        if not self._file.changed():
            return
        try:
            outcome = self._take(load_config(self._path))
        except ConfigError as error:
            log.warning("the changed configuration is refused, the earlier one stays", reason=str(error))
            self._say("ConfigurationRefused", f"{error}; the earlier configuration stays", True)
            outcome = "refused"
        self._loads.labels(outcome).inc()

    def _take(self, wanted: Config) -> str:
        paths = changed_paths(self.config, wanted)
        later = needs_restart(paths)
        if later:
            log.warning("the configuration has changed where that takes a restart", paths=list(later))
            self._say("RestartNeeded", f"changed where that takes a restart: {', '.join(later)}", True)
        if set(paths) == set(later):
            return "restart needed" if later else "unchanged"
        running = with_live_parts(self.config, wanted)
        self._apply(running)
        self.config = running
        applied = sorted(set(paths) - set(later))
        log.info("the changed configuration is applied", paths=applied)
        self._say("ConfigurationApplied", ", ".join(applied), False)
        return "applied"
