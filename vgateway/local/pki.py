"""Certificates of local clusters: made once, made again only when what they must say has changed.

A key is never written readable for others. A certificate is written after its key, so that one that exists has one.
"""

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from vgateway.local.files import write_file

VALID = datetime.timedelta(days=3650)
SKEW = datetime.timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Identity:
    """What a certificate says: a user and its groups, or a server's names and addresses, or both."""

    name: str
    groups: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KeyPair:
    """The files of a certificate and its key."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority whose files, and those of what it issues, are in one directory."""

    directory: Path
    name: str = "ca"

    @property
    def files(self) -> KeyPair:
        """The authority's own certificate and key."""
        return _files(self.directory, self.name)

    def ensure(self, common_name: str) -> "Authority":
        """Make the authority unless it is there, and return it."""
        files = self.files
        if not (files.certificate.exists() and files.key.exists()):
            key = ec.generate_private_key(ec.SECP256R1())
            subject = _subject(Identity(common_name))
            builder = _builder(subject, subject, key).add_extension(x509.BasicConstraints(True, None), critical=True)
            _write(files, key, builder.add_extension(_key_usage(signs=True), critical=True).sign(key, hashes.SHA256()))
        return self

    def issue(self, file: str, identity: Identity) -> KeyPair:
        """Make a certificate for ``identity``, unless the file says just that already; return its files."""
        files = _files(self.directory, file)
        if not (files.key.exists() and files.certificate.exists() and self._says(files.certificate, identity)):
            key = ec.generate_private_key(ec.SECP256R1())
            _write(files, key, self._certify(key, identity))
        return files

    def _certify(self, key: ec.EllipticCurvePrivateKey, identity: Identity) -> x509.Certificate:
        own = x509.load_pem_x509_certificate(self.files.certificate.read_bytes())
        own_key = serialization.load_pem_private_key(self.files.key.read_bytes(), None)
        assert isinstance(own_key, ec.EllipticCurvePrivateKey)
        builder = _builder(_subject(identity), own.subject, key).add_extension(_key_usage(signs=False), critical=True)
        usages = [ExtendedKeyUsageOID.CLIENT_AUTH, *([ExtendedKeyUsageOID.SERVER_AUTH] if identity.hosts else [])]
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        if identity.hosts:
            builder = builder.add_extension(x509.SubjectAlternativeName(_alternatives(identity)), critical=False)
        return builder.sign(own_key, hashes.SHA256())

    def _says(self, certificate: Path, identity: Identity) -> bool:
        found = x509.load_pem_x509_certificate(certificate.read_bytes())
        own = x509.load_pem_x509_certificate(self.files.certificate.read_bytes())
        hosts: list[x509.GeneralName] = []
        if identity.hosts:
            try:
                hosts = list(found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
            except x509.ExtensionNotFound:
                return False
        return (
            found.subject == _subject(identity)
            and hosts == (_alternatives(identity) if identity.hosts else [])
            and _is_signed_by(found, own)
        )


def ensure_signing_key(directory: Path, name: str = "service-account") -> KeyPair:
    """Make the key pair that signs service-account tokens unless it is there; ``certificate`` is the public key."""
    files = KeyPair(directory / f"{name}.pub", directory / f"{name}.key")
    if not (files.certificate.exists() and files.key.exists()):
        key = ec.generate_private_key(ec.SECP256R1())
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        write_file(files.key, _key_pem(key), 0o600)
        write_file(files.certificate, public, 0o644)
    return files


def _files(directory: Path, name: str) -> KeyPair:
    return KeyPair(directory / f"{name}.crt", directory / f"{name}.key")


def _is_signed_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except Exception:  # noqa: BLE001 - the library raises three unrelated kinds, and each means no
        return False
    return True


def _subject(identity: Identity) -> x509.Name:
    groups = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in identity.groups]
    return x509.Name([*groups, x509.NameAttribute(NameOID.COMMON_NAME, identity.name)])


def _alternatives(identity: Identity) -> list[x509.GeneralName]:
    return [_general_name(host) for host in identity.hosts]


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now + VALID)
    )


def _key_usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _write(files: KeyPair, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
    files.certificate.unlink(missing_ok=True)
    write_file(files.key, _key_pem(key), 0o600)
    write_file(files.certificate, certificate.public_bytes(serialization.Encoding.PEM), 0o644)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
