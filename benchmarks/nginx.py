"""nginx in two parts: an upstream that costs little, and the contender that everything is compared with.

As a contender it does what the gateway must do (TLS with client certificates on both legs, keep-alive upstream,
upgrades, unbuffered watches) and nothing that the gateway need not do.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from benchmarks import bodies
from benchmarks.place import HOST, LIST, SMALL, Place, Upstream
from benchmarks.processes import running
from tests.support.apiserver import free_port

PROGRAM = "/usr/sbin/nginx"


@contextlib.contextmanager
def static_upstream(place: Place) -> Iterator[Upstream]:
    """Serve the two bodies on a port of their own."""
    port = free_port()
    directory = place.directory / "static"
    directory.mkdir(exist_ok=True)
    for name, body in (("small", bodies.small()), ("list", bodies.large())):
        (directory / name).write_bytes(body)
    with _nginx(place, f"static-{port}", port, _static(place, directory, port)):
        yield Upstream(port, place.authority)


@contextlib.contextmanager
def proxy(place: Place, upstream: Upstream, *, buffering: bool) -> Iterator[tuple[int, int]]:
    """Run nginx in front of ``upstream``; give its port and process id."""
    port = free_port()
    with _nginx(place, f"proxy-{port}", port, _proxy(place, port, upstream, buffering=buffering)) as pid:
        yield port, pid


@contextlib.contextmanager
def _nginx(place: Place, name: str, port: int, server: str) -> Iterator[int]:
    prefix = place.directory / name
    prefix.mkdir()
    configuration = prefix / "nginx.conf"
    configuration.write_text(_main(prefix, server))
    log = prefix / "error.log"
    with running([PROGRAM, "-e", log, "-p", prefix, "-c", configuration], log, port) as pid:
        yield pid


def _main(prefix: Path, server: str) -> str:
    user = "user root;" if os.geteuid() == 0 else ""
    temporary = "\n".join(
        f"  {kind}_temp_path {prefix}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return f"""
daemon off;
{user}
worker_processes 1;
worker_rlimit_nofile 8192;
pid {prefix}/nginx.pid;
error_log {prefix}/error.log warn;
events {{ worker_connections 4096; }}
http {{
{temporary}
  access_log off;
  keepalive_requests 10000000;
  keepalive_timeout 300s;
  ssl_protocols TLSv1.3;
{server}
}}
"""


def _listen(place: Place, port: int, client_authority: Path) -> str:
    return f"""
    listen {HOST}:{port} ssl backlog=2048;
    ssl_certificate {place.serving.certificate};
    ssl_certificate_key {place.serving.key};
    ssl_client_certificate {client_authority};
    ssl_verify_client optional;
"""


def _static(place: Place, directory: Path, port: int) -> str:
    return f"""
  server {{{_listen(place, port, place.front_proxy_authority)}
    default_type application/json;
    open_file_cache max=10 inactive=1h;
    location = {SMALL} {{ alias {directory}/small; }}
    location = {LIST} {{ alias {directory}/list; }}
  }}
"""


def _proxy(place: Place, port: int, upstream: Upstream, *, buffering: bool) -> str:
    return f"""
  map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
  upstream cluster {{
    server {HOST}:{upstream.port};
    keepalive 256;
    keepalive_requests 10000000;
  }}
  server {{{_listen(place, port, place.authority)}
    location / {{
      proxy_pass https://cluster;
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_ssl_certificate {place.front_proxy.certificate};
      proxy_ssl_certificate_key {place.front_proxy.key};
      proxy_ssl_trusted_certificate {upstream.authority};
      proxy_ssl_verify on;
      proxy_ssl_name localhost;
      proxy_ssl_protocols TLSv1.3;
      proxy_read_timeout 1h;
      proxy_send_timeout 1h;
      proxy_buffering {"on" if buffering else "off"};
      proxy_buffer_size 16k;
      proxy_buffers 16 16k;
      proxy_max_temp_file_size 0;
      client_max_body_size 0;
    }}
  }}
"""
