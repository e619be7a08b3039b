"""The gateway as a contender, a process of its own: ``python -m benchmarks.gateway``.

The real front on a real listener, with the loop, logs and metrics of ``vgateway run`` and nothing else of it.
"""

import argparse
import asyncio
import signal
import ssl
from pathlib import Path

import uvloop
from prometheus_client import CollectorRegistry

from benchmarks.place import HOST
from benchmarks.sampler import sampled
from vgateway.app.logs import configure_logs
from vgateway.proxy.front import Front
from vgateway.proxy.metrics import FrontMetrics
from vgateway.supervisor import Supervisor
from vgateway.wire.server import Listener, TlsFiles
from vgateway.wire.upstream import Upstream

DRAIN_SECONDS = 1.0


def main() -> None:
    """Serve until SIGTERM."""
    options = _options()
    configure_logs("json", "info")
    with sampled(options.profile), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(options))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    for name in ("port", "upstream"):
        parser.add_argument(f"--{name}", type=int, required=True)
    for name in ("certificate", "key", "client-ca", "upstream-ca", "front-proxy-certificate", "front-proxy-key"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--profile", type=Path)
    return parser.parse_args()


async def _serve(options: argparse.Namespace) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    plain, front_proxy = _upstream_tls(options), _upstream_tls(options)
    front_proxy.load_cert_chain(options.front_proxy_certificate, options.front_proxy_key)
    front = Front(
        Upstream(HOST, options.upstream, plain, hop="virtual API server"),
        Upstream(HOST, options.upstream, front_proxy, hop="virtual API server"),
        metrics=FrontMetrics(CollectorRegistry()),
    )
    files = TlsFiles(options.certificate, options.key, options.client_ca)
    listener = Listener("front", front, HOST, options.port, files, drain_seconds=DRAIN_SECONDS)
    await Supervisor([[listener]]).run(stop)


def _upstream_tls(options: argparse.Namespace) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(options.upstream_ca))


if __name__ == "__main__":
    main()
