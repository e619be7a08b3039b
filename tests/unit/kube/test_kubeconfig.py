"""Kubeconfigs: every way to say who one is, and every way to get it wrong."""

import base64
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.support.authority import Authority
from vgateway.errors import ConfigError
from vgateway.kube.kubeconfig import from_kubeconfig

SERVER = "https://127.0.0.1:6443"


def encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def written(
    directory: Path, *, cluster: dict[str, Any] | None = None, user: dict[str, Any] | None = None, **top: Any
) -> Path:
    document = {
        "kind": "Config",
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": SERVER} | (cluster or {})}],
        "users": [{"name": "u", "user": user or {}}],
    } | top
    path = directory / "kubeconfig"
    path.write_bytes(orjson.dumps(document))  # JSON is YAML
    return path


def test_data_in_the_file_is_used(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    pair = authority.issue("me")
    path = written(
        tmp_path,
        cluster={"certificate-authority-data": encoded(authority.certificate)},
        user={"client-certificate-data": encoded(pair.certificate), "client-key-data": encoded(pair.key)},
    )

    credentials = from_kubeconfig(path)

    assert credentials.server == SERVER
    assert credentials.ssl_context is not None
    assert len(credentials.ssl_context.get_ca_certs()) == 1
    assert credentials.authorization() is None


def test_files_are_relative_to_the_kubeconfig(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    authority.issue("me")
    path = written(
        tmp_path,
        cluster={"certificate-authority": "test-ca.crt"},
        user={"client-certificate": "me.crt", "client-key": "me.key"},
    )

    assert from_kubeconfig(path).ssl_context is not None


@pytest.mark.parametrize(
    ("user", "header"),
    [
        pytest.param({"token": "t1"}, "Bearer t1", id="token"),
        pytest.param({"token": "t1", "tokenFile": "token"}, "Bearer from-file", id="token-file-wins"),
        pytest.param({"username": "a", "password": "b"}, "Basic YTpi", id="basic"),
        pytest.param({}, None, id="nobody"),
    ],
)
def test_who_one_is_becomes_a_header(tmp_path: Path, user: dict[str, str], header: str | None) -> None:
    (tmp_path / "token").write_text("from-file")

    assert from_kubeconfig(written(tmp_path, user=user)).authorization() == header


def test_another_context_may_be_named(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        contexts=[{"name": "there", "context": {"cluster": "c2"}}],
        clusters=[{"name": "c2", "cluster": {"server": "http://10.0.0.1:8080/prefix/"}}],
    )

    assert from_kubeconfig(path, "there").server == "http://10.0.0.1:8080/prefix"


def test_a_server_may_have_another_name_in_its_certificate(tmp_path: Path) -> None:
    assert from_kubeconfig(written(tmp_path, cluster={"tls-server-name": "kubernetes"})).server_name == "kubernetes"


async def test_an_exec_plugin_logs_in_and_nothing_else_loads_the_library(tmp_path: Path) -> None:
    status = {"token": "from-plugin"}
    answer = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}
    plugin = {
        "apiVersion": answer["apiVersion"],
        "command": sys.executable,
        "args": ["-c", f"print({orjson.dumps(answer).decode()!r})"],
    }
    credentials = from_kubeconfig(written(tmp_path, user={"exec": plugin}))
    assert credentials.login is not None
    assert not credentials.login.ready.is_set()

    await credentials.login.refresh()

    assert credentials.authorization() == "Bearer from-plugin"
    assert credentials.login.ready.is_set()


async def test_an_exec_plugin_that_fails_is_named_in_one_line(tmp_path: Path) -> None:
    plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": str(tmp_path / "no-such-plugin")}
    credentials = from_kubeconfig(written(tmp_path, user={"exec": plugin}))
    assert credentials.login is not None

    with pytest.raises(ConfigError, match=r"kubeconfig: login failed: .*no-such-plugin"):
        await credentials.login.refresh()


def test_static_credentials_do_not_load_the_big_library(tmp_path: Path) -> None:
    path = written(tmp_path, user={"token": "t"})
    program = (
        "import sys; from pathlib import Path; from vgateway.kube.kubeconfig import from_kubeconfig; "
        f"from_kubeconfig(Path({str(path)!r})); print('kubernetes_asyncio' in sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        pytest.param({"current-context": "nowhere"}, "contexts has no usable entry named 'nowhere'", id="context"),
        pytest.param({"clusters": []}, "clusters has no usable entry named 'c'", id="cluster"),
        pytest.param({"users": "none"}, "users has no usable entry named 'u'", id="users-of-a-wrong-type"),
        pytest.param({"cluster": {"server": "127.0.0.1"}}, "expected https://host:port", id="address"),
        pytest.param({"cluster": {"server": None}}, "expected https://host:port", id="no-address"),
        pytest.param(
            {"cluster": {"certificate-authority-data": "%"}}, "certificate-authority-data: not base64", id="ca"
        ),
        pytest.param(
            {"cluster": {"certificate-authority-data": "anVuaw=="}},
            "certificate-authority-data: no PEM certificate",
            id="ca-junk",
        ),
        pytest.param(
            {"cluster": {"certificate-authority": "missing.crt"}}, "missing.crt: No such file", id="ca-file-missing"
        ),
        pytest.param(
            {"user": {"client-certificate-data": "anVuaw==", "client-key-data": "anVuaw=="}},
            "client-certificate-data, client-key-data: no PEM certificate with its key",
            id="client-junk",
        ),
    ],
)
def test_a_mistake_is_refused_in_one_line_that_names_it(tmp_path: Path, settings: dict[str, Any], said: str) -> None:
    path = written(tmp_path, **settings)

    with pytest.raises(ConfigError) as refused:
        from_kubeconfig(path)

    assert said in str(refused.value)
    assert str(tmp_path) in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("text", ["[", "just text", "a: 1", ""], ids=["no-yaml", "text", "another-document", "empty"])
def test_what_is_no_kubeconfig_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(text)

    with pytest.raises(ConfigError, match=r"kubeconfig: (not YAML|expected a kubeconfig)"):
        from_kubeconfig(path)
