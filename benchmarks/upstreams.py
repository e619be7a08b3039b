"""The upstreams behind the contenders: a real API server, and a peer for tunnels and watches."""

import contextlib
import os
import ssl
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

from benchmarks.place import AUTHORIZATION, LIST, Place, Upstream
from benchmarks.processes import BenchmarkError, running
from tests.support.apiserver import ApiServer, free_port
from vgateway.local.paths import cache_home
from vgateway.local.progress import Progress
from vgateway.local.toolchain import ensure_programs

NAMESPACE_WITHIN = 30.0


@contextlib.contextmanager
def api_server(place: Place, content: bytes, progress: Progress) -> Iterator[Upstream]:
    """Run a real kube-apiserver with its etcd that holds one ConfigMap, ``content``."""
    programs = ensure_programs(["etcd", "kube-apiserver"], cache_home(os.environ), progress)
    directory = place.directory / "apiserver"
    directory.mkdir()
    server = ApiServer(programs, directory)
    try:
        server.start()
        _create(server, content)
        yield Upstream(server.port, server.authority.certificate)
    except AssertionError as error:  # how it says that it did not start, with its log's last lines
        raise BenchmarkError(f"the API server did not start: {error}") from error
    finally:
        server.stop()


@contextlib.contextmanager
def stream_peer(place: Place) -> Iterator[Upstream]:
    """Run the peer of tunnels and watches."""
    port = free_port()
    files = (f"--certificate={place.serving.certificate}", f"--key={place.serving.key}")
    command = [sys.executable, "-m", "benchmarks.stream_peer", f"--port={port}", *files]
    authority = f"--client-ca={place.front_proxy_authority}"
    with running([*command, authority], place.directory / f"peer-{port}.log", port):
        yield Upstream(port, place.authority)


def _create(server: ApiServer, content: bytes) -> None:
    """Create the ConfigMap, as soon as the API server has made the namespace."""
    context = ssl.create_default_context(cafile=str(server.authority.certificate))
    address = f"{server.server}{LIST}"
    headers = {"Authorization": AUTHORIZATION, "Content-Type": "application/json"}
    end = time.monotonic() + NAMESPACE_WITHIN
    while True:
        try:
            asked = urllib.request.Request(address, content, headers, method="POST")
            urllib.request.urlopen(asked, timeout=10, context=context).close()
        except urllib.error.HTTPError as refused:
            if refused.code not in {403, 404} or time.monotonic() > end:
                raise BenchmarkError(f"the API server refused the ConfigMap: {refused.read().decode()}") from refused
            time.sleep(0.2)
        else:
            return
