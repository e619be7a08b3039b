"""``vgateway run`` on bad days: one line for the operator, and what still works goes on working."""

import signal
import socket
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.support.authority import Authority
from tests.support.eventually import eventually
from tests.support.gateway import Ports, configuration, free_ports, refused, running


@pytest.fixture
def ports() -> Ports:
    return free_ports()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def ask(url: str, trust: Authority | None = None) -> tuple[int, bytes]:
    """Return the status and body of an answer; 0 when nobody listens yet."""
    context = ssl.create_default_context(cafile=str(trust.certificate)) if trust else None
    try:
        with urllib.request.urlopen(url, timeout=30, context=context) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()
    except urllib.error.URLError:
        return 0, b""


def test_with_both_api_servers_down_it_lives_says_what_is_missing_and_refuses_as_an_api_server(
    tmp_path: Path, authority: Authority, ports: Ports
) -> None:
    operations, front = f"http://127.0.0.1:{ports.operations}", f"https://127.0.0.1:{ports.front}"

    with running(tmp_path, configuration(authority, ports)) as process:
        eventually(lambda: ask(f"{operations}/livez"), lambda answer: answer == (200, b"ok\n"))
        code, answer = eventually(lambda: ask(f"{front}/api", authority), lambda answer: answer[0] != 0)
        ready, missing = ask(f"{operations}/readyz")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0

    status: dict[str, Any] = orjson.loads(answer)
    assert (code, status["kind"], status["code"]) == (502, "Status", 502)
    assert status["details"]["causes"][0]["reason"] == "vgateway:virtual API server"
    assert ready == 503
    assert {"not ready: host pods in vgateway-demo", "not ready: virtual pods"} <= set(missing.decode().splitlines())
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_a_port_that_is_taken_is_one_line(tmp_path: Path, authority: Authority, ports: Ports) -> None:
    with socket.create_server(("127.0.0.1", ports.front)):
        code, said = refused(tmp_path, configuration(authority, ports))

    assert code == 2
    assert str(ports.front) in last_line(said)
    assert "Traceback" not in said


@pytest.mark.parametrize("key", ["certificateAuthority", "clientCertificate", "frontProxyKey"])
def test_a_file_that_is_not_there_is_named_in_one_line(
    tmp_path: Path, authority: Authority, ports: Ports, key: str
) -> None:
    document = configuration(authority, ports)
    document["gateway"]["virtualCluster"][key] = str(tmp_path / "absent.pem")

    code, said = refused(tmp_path, document)

    assert (code, said) == (2, f"vgateway: {tmp_path}/absent.pem: No such file or directory\n")


def test_an_authority_that_is_no_certificate_is_named_in_one_line(
    tmp_path: Path, authority: Authority, ports: Ports
) -> None:
    (tmp_path / "wrong.pem").write_text("this is no PEM\n")
    document = configuration(authority, ports)
    document["gateway"]["tls"]["clientCA"] = str(tmp_path / "wrong.pem")

    code, said = refused(tmp_path, document)

    assert code == 2
    assert "wrong.pem" in last_line(said)
    assert "Traceback" not in said


def test_a_key_that_nobody_knows_is_one_line_with_its_path(tmp_path: Path, authority: Authority, ports: Ports) -> None:
    document = configuration(authority, ports) | {"controlPlane": {"prxy": {}}}

    code, said = refused(tmp_path, document)

    assert (code, said) == (2, f"vgateway: {tmp_path}/config.yaml: controlPlane.prxy: unknown key\n")


def last_line(said: str) -> str:
    return said.splitlines()[-1]
