"""The host's ``metrics.k8s.io``: for the pods of the one namespace a namespaced Role is enough to read it.

Asked at most every few seconds, however many nodes and scrapers there are; whether the host has it at all is learnt
from its answers.
"""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any, Generic, TypeVar

from vgateway.errors import ApiError, Forbidden, GatewayError, NotFound
from vgateway.kube.client import ApiClient
from vgateway.kube.names import Names
from vgateway.kube.objects import HostKey, Resource
from vgateway.kube.ownership import MANAGED_BY
from vgateway.kubelet.figures import REFUSED_SECONDS, NotGranted
from vgateway.kubelet.rewrite import HOST_HOP
from vgateway.kubelet.usage import NODE_METRICS, POD_METRICS, NodeUsage, PodUsage, read_node_usage, read_usage
from vgateway.kubelet.verdicts import Verdicts

# A metrics-server looks at its nodes every 15 s.
FRESH_SECONDS = 5.0
K = TypeVar("K")
V = TypeVar("V")


class Usage(Generic[K, V]):
    """One list of the host's, kept for seconds."""

    def __init__(self, host: ApiClient) -> None:
        self._host = host
        self._asking = asyncio.Lock()
        self._known: Verdicts[Mapping[K, V]] = Verdicts()
        self._refused: Verdicts[bool] = Verdicts()
        self._key, self._refused_key = self._known.key(""), self._refused.key("")

    async def now(self) -> Mapping[K, V]:
        """Return what the host says. ``NotGranted``; ``GatewayError`` 503 when it does not."""
        async with self._asking:
            if self._refused.get(self._refused_key):
                raise NotGranted
            known = self._known.get(self._key)
            if known is None:
                known = dict(self._read(await self._ask()))
                self._known.put(self._key, known, FRESH_SECONDS)
            return known

    async def _ask(self) -> list[Mapping[str, Any]]:
        resource, namespace, query = self._question()
        try:
            found = await self._host.list(resource, namespace, **query)
        except (NotFound, Forbidden) as error:
            self._refused.put(self._refused_key, verdict=True, seconds=REFUSED_SECONDS)
            raise NotGranted from error
        except ApiError as error:
            message = "the host's metrics.k8s.io did not answer"
            raise GatewayError(503, message, hop=HOST_HOP, retry_after=5) from error
        return found.get("items") or []

    def _question(self) -> tuple[Resource, str, Mapping[str, str]]:
        """Return what to list: the resource, its namespace and the query."""
        raise NotImplementedError

    def _read(self, items: list[Mapping[str, Any]]) -> Iterator[tuple[K, V]]:
        """Yield what the items say that say everything."""
        raise NotImplementedError


class HostUsage(Usage[HostKey, PodUsage]):
    """Knows what our pods use, in our namespace or, where they are spread over several, in all."""

    def __init__(self, host: ApiClient, names: Names) -> None:
        super().__init__(host)
        self._names = names

    def _question(self) -> tuple[Resource, str, Mapping[str, str]]:
        where = "" if self._names.spread else self._names.host_namespace
        return POD_METRICS, where, {"labelSelector": f"{MANAGED_BY}={self._names.marker}"}

    def _read(self, items: list[Mapping[str, Any]]) -> Iterator[tuple[HostKey, PodUsage]]:
        return ((usage.pod, usage) for usage in map(read_usage, items) if usage is not None)


class HostNodeUsage(Usage[str, NodeUsage]):
    """Knows what everybody's pods together use of each node of the host."""

    def _question(self) -> tuple[Resource, str, Mapping[str, str]]:
        return NODE_METRICS, "", {}

    def _read(self, items: list[Mapping[str, Any]]) -> Iterator[tuple[str, NodeUsage]]:
        return ((usage.node, usage) for usage in map(read_node_usage, items) if usage is not None)
