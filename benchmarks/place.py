"""Where a run of the benchmarks lives: a directory, its certificates and the token that all clients show."""

import ssl
from dataclasses import dataclass
from pathlib import Path

from tests.support.apiserver import TOKEN
from tests.support.authority import Authority, Pair

HOST = "127.0.0.1"
AUTHORIZATION = f"Bearer {TOKEN}"
SMALL = "/api/v1/namespaces/default/configmaps/small"
LIST = "/api/v1/namespaces/default/configmaps"
WATCH = "/api/v1/namespaces/default/configmaps?watch=1"
EXEC = "/api/v1/namespaces/default/pods/bench/exec"


@dataclass(frozen=True, slots=True)
class Place:
    """Files of one run. ``serving`` is every server's certificate, ``front_proxy`` what proxies show upstream.

    As in production the two authorities are not the same: a front-proxy certificate names no user.
    """

    directory: Path
    authority: Path
    serving: Pair
    front_proxy_authority: Path
    front_proxy: Pair


@dataclass(frozen=True, slots=True)
class Upstream:
    """A TLS server on loopback that contenders are put in front of, and the CA to trust it by."""

    port: int
    authority: Path


def make_place(directory: Path) -> Place:
    """Issue the certificates of a run."""
    authority = Authority(directory, "bench-ca")
    front_proxy = Authority(directory, "bench-front-proxy-ca")
    return Place(
        directory,
        authority.certificate,
        authority.issue("serving"),
        front_proxy.certificate,
        front_proxy.issue("front-proxy"),
    )


def client_tls() -> ssl.SSLContext:
    """Return what the load's own connections use; like wrk they verify nothing, the peers are ours on loopback."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
