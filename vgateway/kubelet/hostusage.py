"""The host's ``metrics.k8s.io`` for the one namespace: a namespaced Role is enough to read it.

Asked at most every few seconds, however many nodes and scrapers there are; whether the host has it at all is learnt
from its answers.
"""

import asyncio
from collections.abc import Mapping

from vgateway.errors import ApiError, Forbidden, GatewayError, NotFound
from vgateway.kube.client import ApiClient
from vgateway.kube.names import Names
from vgateway.kube.objects import HostKey
from vgateway.kube.ownership import MANAGED_BY
from vgateway.kubelet.figures import REFUSED_SECONDS, NotGranted
from vgateway.kubelet.rewrite import HOST_HOP
from vgateway.kubelet.usage import POD_METRICS, PodUsage, read_usage
from vgateway.kubelet.verdicts import Verdicts

# A metrics-server looks at its nodes every 15 s.
FRESH_SECONDS = 5.0
Usages = Mapping[HostKey, PodUsage]


class HostUsage:
    """Knows what our pods use, in our namespace or, where they are spread over several, in all."""

    def __init__(self, host: ApiClient, names: Names) -> None:
        self._host = host
        self._names = names
        self._asking = asyncio.Lock()
        self._known: Verdicts[Usages] = Verdicts()
        self._refused: Verdicts[bool] = Verdicts()
        self._key = self._known.key(names.host_namespace)
        self._refused_key = self._refused.key(names.host_namespace)

    async def now(self) -> Usages:
        """Return the usage of pods by host key. ``NotGranted``; ``GatewayError`` 503 when the host does not say."""
        async with self._asking:
            if self._refused.get(self._refused_key):
                raise NotGranted
            known = self._known.get(self._key)
            if known is None:
                known = await self._ask()
                self._known.put(self._key, known, FRESH_SECONDS)
            return known

    async def _ask(self) -> Usages:
        ours = f"{MANAGED_BY}={self._names.marker}"
        where = "" if self._names.spread else self._names.host_namespace
        try:
            found = await self._host.list(POD_METRICS, where, labelSelector=ours)
        except (NotFound, Forbidden) as error:
            self._refused.put(self._refused_key, verdict=True, seconds=REFUSED_SECONDS)
            raise NotGranted from error
        except ApiError as error:
            message = "the host's metrics.k8s.io did not answer"
            raise GatewayError(503, message, hop=HOST_HOP, retry_after=5) from error
        usages = map(read_usage, found.get("items") or ())
        return {usage.pod: usage for usage in usages if usage is not None}
