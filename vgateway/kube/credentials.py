"""How to reach an API server and who we are there: server address, TLS context, bearer token.

Read from explicit files or from the pod we run in; ``kubeconfig.py`` reads kubeconfigs. Speaks no HTTP. Whatever is
unusable is a ``ConfigError`` of one line that names the path.
"""

import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from vgateway.errors import ConfigError
from vgateway.kube.files import Watched, read_text
from vgateway.kube.login import Login

log = structlog.get_logger(__name__)

Authorization = Callable[[], str | None]

POD_MOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


def no_authorization() -> str | None:
    """Send no Authorization header: the client certificate, if any, says who we are."""
    return None


@dataclass(frozen=True, slots=True)
class Credentials:
    """One API server and our identity there.

    ``server`` is ``https://host:port`` without a trailing slash. ``authorization`` gives the header's present value;
    ``ssl_context`` follows its certificate files, since new connections present what it holds at that time.
    """

    server: str
    ssl_context: ssl.SSLContext | None
    authorization: Authorization = no_authorization
    server_name: str | None = None  # what the server's certificate must say, where that is not its host name
    login: Login | None = None  # must run beside whoever uses the rest, and be ready first


def from_files(
    server: str,
    *,
    ca_file: Path | None = None,
    client_certificate: Path | None = None,
    client_key: Path | None = None,
    token_file: Path | None = None,
) -> Credentials:
    """Read explicit settings; without ``ca_file`` the system's authorities are trusted."""
    checked_server(server, "server")
    context = tls_context(ca_file) if server.startswith("https:") else None
    authorization = bearer_file(token_file) if token_file else no_authorization
    if client_certificate and context:
        present(context, client_certificate, client_key)
        authorization = _presenting(context, client_certificate, client_key, authorization)
    if ca_file and context:
        authorization = _trusting(context, ca_file, authorization)
    return Credentials(server.rstrip("/"), context, authorization)


def from_pod(environ: Mapping[str, str], mount: Path = POD_MOUNT) -> Credentials:
    """Use the service account of the pod we run in; its token is read anew when it is rotated."""
    host, port = environ.get("KUBERNETES_SERVICE_HOST"), environ.get("KUBERNETES_SERVICE_PORT", "443")
    if not host:
        raise ConfigError("KUBERNETES_SERVICE_HOST is not set: this is no pod, so name a kubeconfig")
    place = f"[{host}]" if ":" in host else host
    return from_files(f"https://{place}:{port}", ca_file=mount / "ca.crt", token_file=mount / "token")


def tls_context(ca_file: Path | None = None, ca_data: str | None = None) -> ssl.SSLContext:
    """Make a client context that trusts a file, PEM text, or else the system's authorities."""
    if ca_file is not None:
        ca_data = read_text(ca_file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if ca_data is None:
        context.load_default_certs()
    else:
        trust(context, ca_data, str(ca_file or "certificate authority"))
    # Kubernetes speaks HTTP/2 to whoever offers it; upgrades and our transports need HTTP/1.1.
    context.set_alpn_protocols(["http/1.1"])
    return context


def trust(context: ssl.SSLContext, ca_data: str, where: str) -> None:
    """Accept what these authorities have signed."""
    try:
        context.load_verify_locations(cadata=ca_data)
    except (ssl.SSLError, ValueError) as error:
        raise ConfigError(f"{where}: no PEM certificate could be read") from error


def present(context: ssl.SSLContext, certificate: Path, key: Path | None) -> None:
    """Have the context show a client certificate."""
    for path in filter(None, (certificate, key)):
        read_text(path)
    try:
        context.load_cert_chain(certificate, key)
    except (ssl.SSLError, ValueError) as error:
        where = f"{certificate}, {key}" if key else str(certificate)
        raise ConfigError(f"{where}: no PEM certificate with its key could be read") from error


def bearer(token: str) -> Authorization:
    """Return a token that never changes as an ``Authorization`` header."""
    header = f"Bearer {token}"
    return lambda: header


def bearer_file(path: Path) -> Authorization:
    """Return the token in a file as an ``Authorization`` header; a rotated file is read again."""
    watched = Watched((path,))
    header = f"Bearer {_token(path)}"

    def current() -> str | None:
        nonlocal header
        if watched.changed():
            with _keeping_the_old(path):
                header = f"Bearer {_token(path)}"
        return header

    return current


@contextmanager
def _keeping_the_old(path: Path) -> Iterator[None]:
    """A file that is being rotated may be half there: go on with what we have, and look again when it changes."""
    try:
        yield
    except ConfigError as error:
        log.warning("credential not reloaded", path=str(path), error=str(error))


def _token(path: Path) -> str:
    return checked_token(read_text(path).strip(), str(path))


def checked_token(token: str, where: str) -> str:
    """Return the token; ConfigError unless it can stand in a header."""
    if not token or not token.isascii() or not token.isprintable():
        raise ConfigError(f"{where}: expected a bearer token")
    return token


def _presenting(
    context: ssl.SSLContext, certificate: Path, key: Path | None, authorization: Authorization
) -> Authorization:
    """Load a rotated client certificate on the way, since every call asks for its authorization."""
    watched = Watched(tuple(filter(None, (certificate, key))))

    def current() -> str | None:
        if watched.changed():
            with _keeping_the_old(certificate):
                # On a context of its own first: half a pair would spoil the one in use.
                present(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), certificate, key)
                present(context, certificate, key)
        return authorization()

    return current


def _trusting(context: ssl.SSLContext, ca_file: Path, authorization: Authorization) -> Authorization:
    """Trust a rotated authority as well, beside the one before it."""
    watched = Watched((ca_file,))

    def current() -> str | None:
        if watched.changed():
            with _keeping_the_old(ca_file):
                trust(context, read_text(ca_file), str(ca_file))
        return authorization()

    return current


def checked_server(server: str, where: str) -> str:
    """Return the address without a trailing slash; ConfigError unless it is an http(s) origin or prefix."""
    if not server.startswith(("https://", "http://")):
        raise ConfigError(f"{where}: expected https://host:port, not {server!r}")
    return server.rstrip("/")
