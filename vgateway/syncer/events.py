"""Events on the tenant's objects: what happened to them on the host, said once and not per retry.

The same sentence about the same object is written again only after many others or a restart.
"""

import re
from collections import OrderedDict
from datetime import UTC, datetime
from uuid import uuid4

import structlog

from vgateway.errors import ApiError
from vgateway.kube.client import ApiClient
from vgateway.kube.objects import HostObj, Obj, Resource, VirtualObj, metadata, uid
from vgateway.syncer.metrics import SyncerMetrics
from vgateway.syncer.resources import EVENTS

log = structlog.get_logger(__name__)

SOURCE = "vgateway"
REMEMBERED = 10_000
_FIGURES = re.compile(r"\d+")
# The API server's limit on an Event's message.
MESSAGE_BYTES = 1024


def event_body(
    resource: Resource, about: VirtualObj | HostObj, reason: str, message: str, *, warning: bool, at: str
) -> Obj:
    """Build the core/v1 Event about an object of the same cluster; ``at`` is its RFC 3339 time."""
    meta = metadata(about)
    namespace = meta.get("namespace") or "default"
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{meta['name'][:200]}.{uuid4().hex[:16]}", "namespace": namespace},
        "involvedObject": {
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "name": meta["name"],
            **({"namespace": meta["namespace"]} if meta.get("namespace") else {}),
            "uid": uid(about),
        },
        "reason": reason,
        "message": message.encode()[:MESSAGE_BYTES].decode(errors="ignore"),
        "type": "Warning" if warning else "Normal",
        "source": {"component": SOURCE},
        "reportingComponent": SOURCE,
        "reportingInstance": SOURCE,
        "firstTimestamp": at,
        "lastTimestamp": at,
        "count": 1,
    }


class Teller:
    """Writes Events into the tenant's cluster. An Event that cannot be written is logged and dropped."""

    def __init__(self, virtual: ApiClient, metrics: SyncerMetrics) -> None:
        self._virtual = virtual
        self._metrics = metrics
        self._told: OrderedDict[tuple[str, str, str], None] = OrderedDict()

    async def tell(
        self, resource: Resource, virtual: VirtualObj, reason: str, message: str, *, warning: bool = True
    ) -> None:
        """Write the Event unless the same was said of this object before."""
        # A quota's figures move with every try; the sentence stays the same.
        sentence = (uid(virtual), reason, _FIGURES.sub("#", message))
        if sentence in self._told:
            self._told.move_to_end(sentence)
            return
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        body = event_body(resource, virtual, reason, message, warning=warning, at=now)
        try:
            await self._virtual.create(EVENTS, body["metadata"]["namespace"], body)
        except ApiError as error:
            log.warning("event not written", reason=reason, object=metadata(virtual)["name"], error=str(error))
            return
        self._metrics.events.labels(reason).inc()
        self._told[sentence] = None
        if len(self._told) > REMEMBERED:
            self._told.popitem(last=False)
