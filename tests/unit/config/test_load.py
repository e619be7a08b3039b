"""What an operator may write, and what each mistake is answered with."""

from pathlib import Path
from typing import Any

import pytest

from vgateway.config.load import load_config, parse_config
from vgateway.errors import ConfigError


def document(**changes: Any) -> dict[str, Any]:
    gateway: dict[str, Any] = {
        "name": "demo",
        "namespace": "vgateway-demo",
        "address": "10.1.2.3",
        "tls": {"certificate": "tls.crt", "key": "tls.key", "clientCA": "ca.crt"},
        "virtualCluster": {
            "server": "https://127.0.0.1:6443",
            "certificateAuthority": "ca.crt",
            "clientCertificate": "syncer.crt",
            "clientKey": "syncer.key",
            "frontProxyCertificate": "front.crt",
            "frontProxyKey": "front.key",
        },
    }
    gateway.update(changes.pop("gateway", {}))
    return {"gateway": gateway, **changes}


def test_the_smallest_configuration_gets_the_documented_ports_and_the_service_its_own_name() -> None:
    config = parse_config(document())

    assert (config.control_plane.proxy.port, config.control_plane.kubelet.port) == (8443, 10250)
    assert config.gateway.service_name == "demo"


@pytest.mark.parametrize(
    ("given", "line"),
    [
        pytest.param([], "a mapping is expected at the top", id="a list at the top"),
        pytest.param({}, "gateway: this key is required", id="nothing at all"),
        pytest.param(document(gateway={"nme": "x"}), "gateway.nme: unknown key", id="a typing error"),
        pytest.param(document(sink={"pods": {}}), "sink: unknown key", id="a section that nobody has"),
        pytest.param(
            document(sync={"ingresses": {"enabld": True}}),
            "sync.toHost.ingresses.enabld: unknown key (spelled sync.ingresses here)",
            id="a mistake in an older spelling",
        ),
        pytest.param(
            document(experimental={"deploy": {"host": {"manifests": "x"}}}),
            "experimental: not supported yet",
            id="a section we do not have yet",
        ),
        pytest.param(
            document(controlPlane={"proxy": {"port": 99999}}),
            "controlPlane.proxy.port: Input should be less than or equal to 65535, not 99999",
            id="a port out of range",
        ),
        pytest.param(
            document(gateway={"name": "Bad_Name"}),
            "gateway.name: String should match pattern '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$', not 'Bad_Name'",
            id="a name the API would refuse",
        ),
    ],
)
def test_a_mistake_is_one_line_with_the_path_of_the_key(given: Any, line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(given)

    assert str(caught.value) == line


def test_an_address_that_is_not_https_is_refused_with_what_was_expected() -> None:
    wrong = document()
    wrong["gateway"]["virtualCluster"]["server"] = "http://127.0.0.1"

    with pytest.raises(ConfigError, match=r"gateway\.virtualCluster\.server: an https:// address is expected"):
        parse_config(wrong)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.yaml: No such file or directory"):
        load_config(tmp_path / "absent.yaml")


def test_a_file_that_is_not_yaml_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("a: [")

    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "broken.yaml")

    assert "not YAML" in str(caught.value)
    assert "\n" not in str(caught.value)
