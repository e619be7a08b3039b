"""Credentials from files and from the pod: what is read, what is refused in one line, what is followed."""

import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.authority import Authority
from vgateway.errors import ConfigError
from vgateway.kube.credentials import Credentials, from_files, from_pod

SERVER = "https://127.0.0.1:6443"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def test_a_server_and_its_authority_are_enough(authority: Authority) -> None:
    credentials = from_files(SERVER + "/", ca_file=authority.certificate)

    assert credentials.server == SERVER
    assert credentials.authorization() is None
    assert credentials.ssl_context is not None
    assert credentials.ssl_context.verify_mode is ssl.CERT_REQUIRED
    assert credentials.ssl_context.check_hostname
    assert [found["subject"] for found in credentials.ssl_context.get_ca_certs()] == [((("commonName", "test-ca"),),)]


def test_a_plain_server_has_no_tls() -> None:
    assert from_files("http://127.0.0.1:8080").ssl_context is None


def test_a_rotated_token_is_read_anew(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("one\n")
    credentials = from_files(SERVER, token_file=token)
    assert credentials.authorization() == "Bearer one"

    replace_file(token, "two, longer")
    assert credentials.authorization() == "Bearer two, longer"


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: replace_file(path, "")], ids=["missing", "empty"])
def test_a_token_that_is_being_replaced_leaves_the_old_one_in_use(
    tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    token = tmp_path / "token"
    token.write_text("one")
    credentials = from_files(SERVER, token_file=token)
    spoil(token)
    assert credentials.authorization() == "Bearer one"

    replace_file(token, "three")
    assert credentials.authorization() == "Bearer three"


def test_a_rotated_client_certificate_is_shown_by_later_connections(authority: Authority) -> None:
    pair = authority.issue("first", file="client")
    server = authority.issue("server")
    credentials = from_files(
        SERVER, ca_file=authority.certificate, client_certificate=pair.certificate, client_key=pair.key
    )
    assert shown_name(credentials, authority, server.certificate, server.key) == "first"

    authority.issue("second", file="client")
    credentials.authorization()
    assert shown_name(credentials, authority, server.certificate, server.key) == "second"


def test_half_a_rotated_pair_leaves_the_old_one_in_use(authority: Authority) -> None:
    pair = authority.issue("first", file="client")
    server = authority.issue("server")
    credentials = from_files(
        SERVER, ca_file=authority.certificate, client_certificate=pair.certificate, client_key=pair.key
    )
    other = authority.issue("second")
    replace_file(pair.certificate, other.certificate.read_text())
    credentials.authorization()

    assert shown_name(credentials, authority, server.certificate, server.key) == "first"


def test_a_pod_uses_its_service_account(authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_bytes(authority.certificate.read_bytes())
    (tmp_path / "token").write_text("pod-token")

    credentials = from_pod({"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}, tmp_path)

    assert credentials.server == "https://10.96.0.1:443"
    assert credentials.authorization() == "Bearer pod-token"


def test_a_pod_in_an_ipv6_cluster_brackets_the_address(authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_bytes(authority.certificate.read_bytes())
    (tmp_path / "token").write_text("t")

    assert from_pod({"KUBERNETES_SERVICE_HOST": "fd00::1"}, tmp_path).server == "https://[fd00::1]:443"


def test_outside_a_pod_the_pods_credentials_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="KUBERNETES_SERVICE_HOST is not set"):
        from_pod({}, tmp_path)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        pytest.param({"ca_file": "missing.crt"}, "missing.crt: No such file", id="authority-missing"),
        pytest.param({"ca_file": "junk"}, "junk: no PEM certificate", id="authority-no-certificate"),
        pytest.param({"ca_file": "binary"}, "binary: not a text file", id="authority-binary"),
        pytest.param({"client_certificate": "missing.crt"}, "missing.crt: No such file", id="client-missing"),
        pytest.param({"client_certificate": "junk", "client_key": "junk"}, "junk, ", id="client-no-certificate"),
        pytest.param({"token_file": "missing"}, "missing: No such file", id="token-missing"),
        pytest.param({"token_file": "empty"}, "empty: expected a bearer token", id="token-empty"),
        pytest.param({"token_file": "lines"}, "lines: expected a bearer token", id="token-of-several-lines"),
        pytest.param({"token_file": "."}, "Is a directory", id="token-is-a-directory"),
    ],
)
def test_a_bad_file_is_refused_in_one_line_that_names_it(tmp_path: Path, settings: dict[str, str], named: str) -> None:
    (tmp_path / "junk").write_text("junk")
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "lines").write_text("a\nb")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")

    with pytest.raises(ConfigError) as refused:
        from_files(SERVER, **{name: tmp_path / value for name, value in settings.items()})

    assert named in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_address_without_a_scheme_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"server: expected https://host:port"):
        from_files("127.0.0.1:6443")


def replace_file(path: Path, text: str) -> None:
    """Swap a file as Kubernetes does: another inode under the same name."""
    scratch = path.with_suffix(".new")
    scratch.write_text(text)
    scratch.replace(path)


def shown_name(credentials: Credentials, authority: Authority, certificate: Path, key: Path) -> str:
    """Shake hands in memory with a server that asks for a certificate; return the name it was shown."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    server.load_verify_locations(authority.certificate)
    server.verify_mode = ssl.CERT_REQUIRED
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    assert credentials.ssl_context is not None
    near = credentials.ssl_context.wrap_bio(down, up, server_hostname="127.0.0.1")
    far = server.wrap_bio(up, down, server_side=True)
    for _ in range(4):
        for end in (near, far):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    subject = (far.getpeercert() or {}).get("subject", ())
    return dict(pair for rdn in subject for pair in rdn)["commonName"]  # type: ignore[misc]
