"""What operators are told on the host: Events on the Service in front of the gateway, which ``kubectl describe`` shows.

Written in the background, in their order; an Event that cannot be written has its line in the log all the same.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime

import structlog
from prometheus_client import CollectorRegistry, Counter

from vgateway.errors import ApiError, Forbidden
from vgateway.kube.client import ApiClient
from vgateway.kube.objects import HostObj, Resource
from vgateway.syncer.events import event_body
from vgateway.syncer.resources import EVENTS, SERVICES
from vgateway.syncer.view import Place

log = structlog.get_logger(__name__)

# More than anybody reads at once: what is older is in the log.
KEPT = 50

Say = Callable[[str, str, bool], None]
"""Tells operators something: a reason in CamelCase, a sentence, and whether it is a warning."""


class Notices:
    """A runnable that writes what was said; ``service`` finds the Service that it is about."""

    name = "notices"

    def __init__(self, host: ApiClient, service: Callable[[], HostObj | None], registry: CollectorRegistry) -> None:
        self.ready = asyncio.Event()
        self._host = host
        self._service = service
        self._said: deque[tuple[str, str, bool]] = deque(maxlen=KEPT)
        self._news = asyncio.Event()
        self._counted = Counter(
            "vgateway_notices",
            "What operators were told by Events on the host, by reason.",
            ["reason"],
            registry=registry,
        )

    def say(self, reason: str, message: str, warning: bool) -> None:
        """Have an Event written soon."""
        self._counted.labels(reason).inc()
        self._said.append((reason, message, warning))
        self._news.set()

    def complain(self, resource: Resource, place: Place, error: ApiError) -> None:
        """Tell of a place of the host that we may not read."""
        if isinstance(error, Forbidden):
            where = f"{resource.plural} {place.namespace or 'of the own namespace'}/{place.name or '*'}"
            rights = "`vgateway config rbac` prints the rights that the configuration needs"
            self.say("RightMissing", f"{where} cannot be read: {error}; {rights}", True)

    async def run(self) -> None:
        """Write until cancelled."""
        self.ready.set()
        while True:
            await self._news.wait()
            self._news.clear()
            while self._said:
                await self._write(*self._said.popleft())

    async def _write(self, reason: str, message: str, warning: bool) -> None:
        about = self._service()
        if about is None:
            log.warning("no Service to tell it on", reason=reason, message=message)
            return
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        body = event_body(SERVICES, about, reason, message, warning=warning, at=now)
        try:
            await self._host.create(EVENTS, body["metadata"]["namespace"], body)
        except ApiError as error:
            log.warning("event not written", reason=reason, message=message, error=str(error))
