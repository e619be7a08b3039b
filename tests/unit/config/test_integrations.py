from typing import Any

import pytest

from tests.unit.config.test_load import document
from vgateway.config.convert import convert
from vgateway.config.load import parse_config, problems_of

TRUSTED = {**document()["gateway"]["virtualCluster"], "authorityKey": "ca.key", "frontProxyCA": "front.crt"}


def measured(**section: Any) -> dict[str, Any]:
    gateway = {"virtualCluster": TRUSTED}
    return document(gateway=gateway, integrations={"metricsServer": {"enabled": True, **section}})


def test_it_needs_to_know_front_proxies_and_to_be_known_itself() -> None:
    line = "integrations.metricsServer needs gateway.virtualCluster.authorityKey and frontProxyCA"
    assert problems_of(document(integrations={"metricsServer": {"enabled": True}})) == [line]
    assert problems_of(measured()) == []


def test_the_hosts_service_is_not_to_be_named() -> None:
    default = {"name": "metrics-server", "namespace": "kube-system", "port": 443}
    assert problems_of(measured(apiService={"service": default})) == []
    (line,) = problems_of(measured(apiService={"service": {"namespace": "monitoring"}}))
    assert line.startswith("integrations.metricsServer: apiService.service: leave it out")


def test_other_integrations_are_refused_by_name_unless_they_are_off() -> None:
    assert problems_of(document(integrations={"istio": {"enabled": True}})) == ["integrations.istio: not supported yet"]
    assert problems_of(document(integrations={"kubeVirt": {"enabled": False}})) == []


@pytest.mark.parametrize(
    ("changes", "load"),
    [
        ({}, False),
        ({"sync": {"fromHost": {"nodes": {"enabled": True}}}}, True),
        ({"controlPlane": {"kubelet": {"nodeMetrics": True}}}, True),
    ],
)
def test_everybodys_load_is_shown_of_the_hosts_own_nodes(changes: dict[str, Any], load: bool) -> None:
    assert parse_config({**measured(), **changes}).shows_host_load is load
    assert parse_config({**measured(nodes=False), **changes}).shows_host_load is False


@pytest.mark.parametrize(
    ("older", "today"),
    [
        ({"nodes": {"enabled": True}}, {"enabled": True, "nodes": True, "pods": False}),
        ({"nodes": {"enabled": False}, "pods": {"enabled": True}}, {"enabled": True, "nodes": False, "pods": True}),
        ({"pods": {"enabled": False}}, {"enabled": False}),
    ],
)
def test_the_older_switches_were_one_for_each_resource(older: dict[str, Any], today: dict[str, Any]) -> None:
    converted = convert({"proxy": {"metricsServer": older}})
    assert (converted.document, converted.problems) == ({"integrations": {"metricsServer": today}}, [])
