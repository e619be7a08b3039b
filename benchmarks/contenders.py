"""The contenders: direct, nginx and the gateway, each started in front of an upstream and ended after use."""

import contextlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import nginx
from benchmarks.figures import DIRECT, NGINX, VGATEWAY
from benchmarks.place import Place, Upstream
from benchmarks.processes import running
from tests.support.apiserver import free_port


@dataclass(frozen=True, slots=True)
class Contender:
    """One that answers on ``port``; ``pid`` is what its CPU time and memory are read from, None for direct."""

    name: str
    port: int
    pid: int | None = None


@dataclass(frozen=True, slots=True)
class Starter:
    """Starts contenders. ``profile`` is where the gateway writes its profile when it ends, None for no profile."""

    place: Place
    names: Sequence[str]
    profile: Path | None = None

    @contextlib.contextmanager
    def proxies(self, upstream: Upstream, *, buffering: bool = True) -> Iterator[list[Contender]]:
        """Run the contenders that are processes of their own around the body."""
        with contextlib.ExitStack() as stack:
            started = []
            if NGINX in self.names:
                port, pid = stack.enter_context(nginx.proxy(self.place, upstream, buffering=buffering))
                started.append(Contender(NGINX, port, pid))
            if VGATEWAY in self.names:
                started.append(stack.enter_context(self._gateway(upstream)))
            yield started

    @contextlib.contextmanager
    def all(self, upstream: Upstream) -> Iterator[list[Contender]]:
        """Run the proxies around the body, with direct as the first."""
        with self.proxies(upstream) as proxies:
            yield ([Contender(DIRECT, upstream.port)] if DIRECT in self.names else []) + proxies

    @contextlib.contextmanager
    def _gateway(self, upstream: Upstream) -> Iterator[Contender]:
        port = free_port()
        arguments: dict[str, object] = {
            "port": port,
            "certificate": self.place.serving.certificate,
            "key": self.place.serving.key,
            "client-ca": self.place.authority,
            "upstream": upstream.port,
            "upstream-ca": upstream.authority,
            "front-proxy-certificate": self.place.front_proxy.certificate,
            "front-proxy-key": self.place.front_proxy.key,
        }
        if self.profile is not None:
            arguments["profile"] = self.profile
        flags = [f"--{name}={value}" for name, value in arguments.items()]
        command = [sys.executable, "-m", "benchmarks.gateway", *flags]
        with running(command, self.place.directory / f"gateway-{port}.log", port) as pid:
            yield Contender(VGATEWAY, port, pid)
