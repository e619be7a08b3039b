import stat
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from cryptography.x509.oid import NameOID

from vgateway.local.pki import Authority, Identity, ensure_signing_key

SERVER = Identity("server", hosts=("example", "10.0.0.1"))


def test_a_certificate_says_who_and_where_and_is_signed_by_the_authority(tmp_path: Path) -> None:
    authority = Authority(tmp_path).ensure("test")
    files = authority.issue("admin", Identity("admin", ("system:masters", "others"), ("example", "10.0.0.1")))

    certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(authority.files.certificate.read_bytes()))
    groups = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [group.value for group in groups] == ["system:masters", "others"]
    assert names.get_values_for_type(x509.DNSName) == ["example"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["10.0.0.1"]


def test_what_says_the_right_thing_is_kept_and_what_does_not_is_made_again(tmp_path: Path) -> None:
    authority = Authority(tmp_path).ensure("test")
    first = authority.issue("server", SERVER).certificate.read_bytes()
    assert authority.ensure("test").issue("server", SERVER).certificate.read_bytes() == first
    moved = authority.issue("server", Identity("server", hosts=("example", "10.0.0.2"))).certificate.read_bytes()
    assert moved != first
    assert authority.issue("server", Identity("client")).certificate.read_bytes() != moved


def test_a_new_authority_makes_every_certificate_anew(tmp_path: Path) -> None:
    first = Authority(tmp_path).ensure("test").issue("server", SERVER).certificate.read_bytes()
    Authority(tmp_path).files.key.unlink()
    again = Authority(tmp_path).ensure("test").issue("server", SERVER)
    assert again.certificate.read_bytes() != first


def test_a_certificate_whose_key_was_lost_is_made_again(tmp_path: Path) -> None:
    authority = Authority(tmp_path).ensure("test")
    authority.issue("server", SERVER).key.unlink()
    files = authority.issue("server", SERVER)
    certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    key = load_pem_private_key(files.key.read_bytes(), None)
    assert certificate.public_key() == key.public_key()


def test_keys_are_readable_for_their_owner_alone(tmp_path: Path) -> None:
    authority = Authority(tmp_path).ensure("test")
    keys = [authority.files.key, authority.issue("server", SERVER).key, ensure_signing_key(tmp_path).key]
    assert [stat.S_IMODE(key.stat().st_mode) for key in keys] == [0o600] * 3


def test_the_signing_key_is_made_once_and_its_halves_fit(tmp_path: Path) -> None:
    files = ensure_signing_key(tmp_path)
    private = load_pem_private_key(files.key.read_bytes(), None)
    assert load_pem_public_key(files.certificate.read_bytes()) == private.public_key()
    assert ensure_signing_key(tmp_path).key.read_bytes() == files.key.read_bytes()
