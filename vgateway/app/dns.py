"""The DNS of the running process: the present value, and its files where CoreDNS runs beside the gateway."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog

from vgateway.config.gateway import EmbeddedDns
from vgateway.config.model import Config
from vgateway.dns.corefile import Surroundings, corefile
from vgateway.dns.nodehosts import node_hosts
from vgateway.dns.values import Dns, dns_of
from vgateway.kube.informer import Informer
from vgateway.syncer.kind import Kind
from vgateway.syncer.kinds.dns import DnsKind
from vgateway.syncer.memory import Work
from vgateway.syncer.view import View

log = structlog.get_logger(__name__)

RESOLVER = Path("/etc/resolv.conf")


class CurrentDns:
    """What the DNS is to be now. Raises ConfigError for a configuration that asks a host DNS that nobody knows."""

    def __init__(self, config: Config) -> None:
        self.value = dns_value(config)
        self._heard: list[Callable[[], None]] = []

    def __call__(self) -> Dns:
        """Return the present value."""
        return self.value

    def change(self, value: Dns) -> None:
        """Take another value and tell those who want to know."""
        self.value = value
        for tell in self._heard:
            tell()

    def subscribe(self, tell: Callable[[], None]) -> None:
        """Have ``tell`` called after each change."""
        self._heard.append(tell)


def dns_work(kinds: Sequence[Kind]) -> list[Work]:
    """Return the keys that are to be looked at when the DNS is to be another."""
    return [(kind.name, key) for kind in kinds if isinstance(kind, DnsKind) for key in kind.keys]


def dns_value(config: Config) -> Dns:
    """Return what a configuration asks for. Raises ConfigError if it asks a host DNS that nobody knows."""
    return dns_of(config, RESOLVER.read_text() if RESOLVER.exists() else "")


class DnsFiles:
    """A runnable that keeps Corefile and NodeHosts in a directory; CoreDNS reads them again when they change.

    Ready when they are written for the first time.
    """

    name = "dns files"

    def __init__(self, place: EmbeddedDns, address: str, dns: CurrentDns, nodes: Informer, view: View) -> None:
        self.ready = asyncio.Event()
        self._place = place
        self._dns = dns
        self._nodes = nodes
        self._view = view
        self._changed = asyncio.Event()
        self._around = Surroundings(
            node_hosts=str(place.directory / "NodeHosts"),
            custom="",
            address=address,
            kubeconfig=str(place.kubeconfig),
        )
        dns.subscribe(self._changed.set)
        nodes.subscribe(lambda _change: self._changed.set())

    async def run(self) -> None:
        """Write whenever something has changed, until cancelled."""
        while True:
            self._changed.clear()
            self.write()
            self.ready.set()
            await self._changed.wait()

    def write(self) -> None:
        """Write what differs."""
        found = {
            "NodeHosts": node_hosts(self._nodes.store, self._view.names, self._view.front_address()),
            "Corefile": corefile(self._dns(), self._around),
        }
        for name, text in found.items():
            path = self._place.directory / name
            if not path.exists() or path.read_text() != text:
                _write_whole(path, text)
                log.info("dns settings written", file=str(path))


def _write_whole(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.new")
    partial.write_text(text)
    partial.rename(path)
