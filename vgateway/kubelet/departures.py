"""Nodes that leave take their streams along: each ends with a reason, for nothing would ever come on it again.

A kubelet's streams end with the kubelet. Behind a virtual node there is only the host's API server, which may go on
waiting for a node that has left it too.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from vgateway.errors import GatewayError
from vgateway.kube.store import Change
from vgateway.kubelet.nodes import NodeDirectory
from vgateway.wire.ending import Ending

log = structlog.get_logger(__name__)

GRACE_SECONDS = 2.0
"""A node that is made anew under its name within this time keeps its streams."""


class Departures:
    """Knows the open streams by their nodes; a runnable that ends those whose node has left."""

    name = "departures"

    def __init__(self, nodes: NodeDirectory, grace: float = GRACE_SECONDS) -> None:
        """``grace`` is in seconds."""
        self.ready = asyncio.Event()
        self._nodes = nodes
        self._grace = grace
        self._open: dict[str, set[Ending]] = {}
        self._left = asyncio.Event()

    @contextmanager
    def following(self, node: str) -> Iterator[Ending]:
        """Give what ends a stream to a node, for as long as the body runs."""
        ending = Ending()
        streams = self._open.setdefault(node, set())
        streams.add(ending)
        if self._has_left(node):
            self._left.set()
        try:
            yield ending
        finally:
            streams.discard(ending)
            if not streams and self._open.get(node) is streams:
                del self._open[node]

    def changed(self, change: Change) -> None:
        """Be told of a change to the nodes."""
        if change.went:
            self._left.set()

    async def run(self) -> None:
        """End streams until cancelled."""
        self.ready.set()
        while True:
            await self._left.wait()
            self._left.clear()
            await asyncio.sleep(self._grace)
            for node in [node for node in self._open if self._has_left(node)]:
                self._end(node)

    def _has_left(self, node: str) -> bool:
        """Say whether there is no such node any more; a pod that is bound to none waits for one."""
        return bool(node) and not self._nodes.exists(node)

    def _end(self, node: str) -> None:
        streams = list(self._open[node])
        log.info("node left", node=node, streams=len(streams))
        for ending in streams:
            ending.end(GatewayError(404, f'node "{node}" has left the cluster'))
