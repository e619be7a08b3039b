"""A serving certificate made in memory, by a CA whose key lies beside us: it says what is wanted at the moment.

Neither the certificate nor its key is ever in a file. Connections keep the certificate that they began with.
"""

import datetime
import ipaddress
import os
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from vgateway.errors import ConfigError
from vgateway.wire.serving_tls import Stamp, ask_for_certificates, serving_context, stamp

log = structlog.get_logger(__name__)

VALID = datetime.timedelta(days=90)
RENEWED = datetime.timedelta(days=30)
"""How long before its end a certificate is made anew."""
SKEW = datetime.timedelta(minutes=5)

SigningKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey


@dataclass(frozen=True, slots=True)
class AuthorityFiles:
    """PEM files of a CA: of the certificates the first counts; ``client_ca`` is who may have signed clients'."""

    certificate: Path
    key: Path
    client_ca: Path


class IssuedTls:
    """A listener's TLS. ``names`` says what the certificate must hold: names and addresses, in any order.

    The certificate is compared with them at every new connection, so that nobody is told an address before the
    certificate has it.
    """

    def __init__(
        self,
        name: str,
        common_name: str,
        files: AuthorityFiles,
        names: Callable[[], tuple[str, ...]],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``clock`` gives the seconds since the epoch."""
        self.name = name
        self._common_name = common_name
        self._files = files
        self._names = names
        self._clock = clock
        self._stamp: Stamp = ()
        self._says: tuple[str, ...] = ()
        self._until = 0.0
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)

    @property
    def context(self) -> ssl.SSLContext:
        """What the next connection is served with."""
        if self._names() != self._says:
            self._renew()
        return self._context

    def load(self) -> None:
        """Read the CA and make a certificate. Raises ``ConfigError`` naming the file that cannot be used."""
        files, names, now = self._files, self._names(), self._clock()
        try:
            self._stamp = stamp(files.certificate, files.key, files.client_ca)
            authority, key = read_authority(files)
        except OSError as error:
            raise ConfigError(f"{self.name}: cannot use {error.filename}: {error.strerror}") from error
        context = serving_context()
        moment = datetime.datetime.fromtimestamp(now, datetime.UTC)
        with in_memory(issue(authority, key, self._common_name, names, moment)) as path:
            context.load_cert_chain(path)
        ask_for_certificates(context, files.client_ca, self.name)
        self._context, self._says, self._until = context, names, now + (VALID - RENEWED).total_seconds()
        log.info("certificate made", listener=self.name, names=len(names))

    def reload_if_changed(self) -> None:
        """Make a new certificate when the CA changed or the present one has grown old."""
        files = self._files
        try:
            same = stamp(files.certificate, files.key, files.client_ca) == self._stamp
        except OSError as error:
            log.warning("CA unusable, keeping the certificate", listener=self.name, error=str(error))
            return
        if not same or self._clock() >= self._until:
            self._renew()

    def _renew(self) -> None:
        try:
            self.load()
        except ConfigError as error:
            log.warning("CA unusable, keeping the certificate", listener=self.name, error=str(error))


def read_authority(files: AuthorityFiles) -> tuple[x509.Certificate, SigningKey]:
    """Return a CA's certificate and key. Raises ``ConfigError`` unless they are a pair that signs certificates."""
    try:
        certificate = x509.load_pem_x509_certificates(files.certificate.read_bytes())[0]
        key = serialization.load_pem_private_key(files.key.read_bytes(), None)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"cannot use {files.certificate} with {files.key}: {error}") from error
    if not isinstance(key, SigningKey) or key.public_key() != certificate.public_key():
        raise ConfigError(f"cannot use {files.certificate} with {files.key}: the key is not the certificate's")
    return certificate, key


def issue(
    authority: x509.Certificate, key: SigningKey, common_name: str, names: Sequence[str], now: datetime.datetime
) -> bytes:
    """Return a new key and its serving certificate as PEM."""
    own = ec.generate_private_key(ec.SECP256R1())
    digest = None if isinstance(key, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey) else hashes.SHA256()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)]))
        .issuer_name(authority.subject)
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(min(now + VALID, authority.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(own.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .sign(key, digest)
    )
    secret = own.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return secret + certificate.public_bytes(serialization.Encoding.PEM)


@contextmanager
def in_memory(content: bytes) -> Iterator[str]:
    """Give content a path for as long as the body runs: the ssl module reads files only."""
    descriptor = os.memfd_create("certificate", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, content)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
