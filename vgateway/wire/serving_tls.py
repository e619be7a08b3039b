"""The TLS a listener serves with: read from files, and read again when they change."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import structlog

from vgateway.errors import ConfigError

log = structlog.get_logger(__name__)

Stamp = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files of a listener; read again when they change. With ``client_ca`` clients may show a certificate."""

    certificate: Path
    key: Path
    client_ca: Path | None = None


class Serving(Protocol):
    """What a listener needs of its TLS: who makes the certificate is another matter."""

    @property
    def context(self) -> ssl.SSLContext:
        """What the next connection is served with."""
        ...

    def load(self) -> None:
        """Read the files. Raises ``ConfigError`` naming the one that is missing or does not fit."""
        ...

    def reload_if_changed(self) -> None:
        """Read the files again if they changed; keep what is there while the new ones do not fit together."""
        ...


class ServingTls:
    """``context`` is what new connections are served with; established ones keep what they began with."""

    def __init__(self, name: str, files: TlsFiles) -> None:
        self.name = name
        self.files = files
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._stamp: Stamp = ()

    def load(self) -> None:
        """Read the files. Raises ``ConfigError`` naming the one that is missing or does not fit."""
        try:
            self._stamp = _stamp(self.files)
        except OSError as error:
            raise ConfigError(f"{self.name}: cannot use {error.filename}: {error.strerror}") from error
        self.context = self._usable_context()

    def _usable_context(self) -> ssl.SSLContext:
        files = self.files
        context = serving_context()
        try:
            context.load_cert_chain(files.certificate, files.key)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"{self.name}: cannot use {files.certificate} with {files.key}: {error}") from error
        if files.client_ca is not None:
            ask_for_certificates(context, files.client_ca, self.name)
        return context

    def reload_if_changed(self) -> None:
        """Read the files again if they changed; keep the old ones while the new ones do not fit together."""
        try:
            if _stamp(self.files) == self._stamp:
                return
            self.load()
        except (ConfigError, OSError) as error:
            log.warning("TLS files unusable, keeping the old ones", listener=self.name, error=str(error))
        else:
            log.info("TLS files reloaded", listener=self.name)


def serving_context() -> ssl.SSLContext:
    """Build the context of a listener, still without certificates: HTTP/1.1 only, TLS 1.2 or later."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    # A resumed session would carry a certificate that was verified against an older CA, or has expired since.
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION
    context.num_tickets = 0
    # Clients know which cipher their machine is fast at; Go's prefer the cheaper AES-128.
    context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    return context


def ask_for_certificates(context: ssl.SSLContext, client_ca: Path, listener: str) -> None:
    """Let clients show certificates that a bundle signed. Raises ``ConfigError`` for a bundle that is none."""
    try:
        context.load_verify_locations(client_ca)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"{listener}: cannot use {client_ca}: {error}") from error
    context.verify_mode = ssl.CERT_OPTIONAL


def _stamp(files: TlsFiles) -> Stamp:
    return stamp(files.certificate, files.key, *([files.client_ca] if files.client_ca else []))


def stamp(*paths: Path) -> Stamp:
    """Return what changes when a file is replaced, in place or by a symbolic link of a Kubernetes volume."""
    return tuple((stat.st_mtime_ns, stat.st_ino, stat.st_size) for stat in (path.stat() for path in paths))
