import datetime
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from vgateway.errors import ConfigError
from vgateway.local.pki import Authority
from vgateway.wire.issuing import AuthorityFiles, IssuedTls, issue, read_authority

NOW = datetime.datetime.now(datetime.UTC).timestamp()
DAY = 24 * 3600.0


class Wanted:
    """What the certificate must hold, and the time; both move."""

    def __init__(self, directory: Path) -> None:
        self.authority = Authority(directory).ensure("virtual")
        self.names: tuple[str, ...] = ("localhost", "10.0.0.1")
        self.now = NOW
        own = self.authority.files
        self.files = AuthorityFiles(own.certificate, own.key, own.certificate)
        self.tls = IssuedTls("kubelet", "vgateway-kubelet", self.files, lambda: self.names, lambda: self.now)


def served(context: ssl.SSLContext, authority: Path, hostname: str) -> bool:
    """Shake hands in memory; say whether a client of the CA takes the server for ``hostname``."""
    trusting = ssl.create_default_context(cafile=str(authority))
    a, b = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trusting.wrap_bio(a, b, server_hostname=hostname)
    server = context.wrap_bio(b, a, server_side=True)
    for _ in range(4):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError:
                return False
    return client.getpeercert() is not None


def test_a_new_connection_is_served_with_the_names_of_the_moment(tmp_path: Path) -> None:
    wanted = Wanted(tmp_path)
    wanted.tls.load()
    authority = wanted.files.certificate
    first = wanted.tls.context
    assert served(first, authority, "10.0.0.1")
    assert not served(first, authority, "10.0.0.2")
    assert wanted.tls.context is first, "nothing changed, so nothing is made"

    wanted.names = ("localhost", "10.0.0.2", "fd00::1", "*.nodes.vcluster.com")
    second = wanted.tls.context
    assert all(served(second, authority, name) for name in ("10.0.0.2", "fd00::1", "n.nodes.vcluster.com"))
    assert not served(second, authority, "10.0.0.1")
    assert served(first, authority, "10.0.0.1"), "who has begun goes on as it began"


def test_an_old_certificate_is_made_anew_before_it_ends(tmp_path: Path) -> None:
    wanted = Wanted(tmp_path)
    wanted.tls.load()
    first = wanted.tls.context
    wanted.now += 59 * DAY
    wanted.tls.reload_if_changed()
    assert wanted.tls.context is first
    wanted.now += 2 * DAY
    wanted.tls.reload_if_changed()
    assert wanted.tls.context is not first


def test_while_the_ca_is_unusable_the_certificate_stays(tmp_path: Path) -> None:
    wanted = Wanted(tmp_path)
    wanted.tls.load()
    first = wanted.tls.context
    whole = wanted.files.key.read_bytes()
    wanted.files.key.write_bytes(b"half")
    wanted.tls.reload_if_changed()
    assert wanted.tls.context is first
    wanted.files.key.write_bytes(whole)
    wanted.tls.reload_if_changed()
    assert wanted.tls.context is not first


def test_a_key_of_another_ca_is_refused_at_once(tmp_path: Path) -> None:
    own = Authority(tmp_path / "a").ensure("a").files
    other = Authority(tmp_path / "b").ensure("b").files
    with pytest.raises(ConfigError, match="the key is not the certificate's"):
        read_authority(AuthorityFiles(own.certificate, other.key, own.certificate))


def test_a_certificate_serves_only_and_does_not_outlive_its_ca(tmp_path: Path) -> None:
    own = Authority(tmp_path).ensure("virtual").files
    authority = x509.load_pem_x509_certificate(own.certificate.read_bytes())
    key = serialization.load_pem_private_key(own.key.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    late = authority.not_valid_after_utc - datetime.timedelta(days=1)
    made = x509.load_pem_x509_certificate(issue(authority, key, "n", ["localhost"], late))
    assert made.not_valid_after_utc == authority.not_valid_after_utc
    made.verify_directly_issued_by(authority)
    usages = made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usages) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert not made.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
