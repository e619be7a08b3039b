"""``policies.networkPolicy`` as it is read, in today's spelling and the one before."""

from typing import Any

import pytest

from tests.unit.config.test_load import document
from vgateway.config.load import parse_config, problems_of
from vgateway.config.model import Config


def config(**network: Any) -> Config:
    return parse_config(document(policies={"networkPolicy": network}))


def test_it_is_off_by_default() -> None:
    assert not parse_config(document()).policies.network_policy.enabled


def test_private_networks_are_not_public() -> None:
    block = config(enabled=True).policies.network_policy.workload.public_egress.block
    assert block.cidr == "0.0.0.0/0"
    assert block.except_ == ("100.64.0.0/10", "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")


def test_only_exceptions_that_lie_in_the_block_are_made() -> None:
    public = config(workload={"publicEgress": {"cidr": "172.0.0.0/8"}}).policies.network_policy.workload.public_egress
    assert public.block.except_ == ("172.16.0.0/12",)


def test_the_spelling_before_is_read() -> None:
    rule = {"to": [{"ipBlock": {"cidr": "192.0.2.0/24"}}]}
    older = config(
        enabled=True,
        fallbackDns="8.8.8.8",
        outgoingConnections={"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]}, "platform": True},
        extraControlPlaneRules=[rule],
        extraWorkloadRules=[rule],
    )
    public = {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]}
    today = config(enabled=True, controlPlane={"egress": [rule]}, workload={"egress": [rule], "publicEgress": public})
    assert older.policies == today.policies


@pytest.mark.parametrize(
    ("network", "says"),
    [
        pytest.param(
            {"workload": {"egress": [{"from": []}]}}, "workload.egress.0.from: unknown key", id="the-other-direction"
        ),
        pytest.param(
            {"workload": {"ingress": [{"from": [{"ipBlock": {"cidr": "x"}}]}]}},
            "workload.ingress.0.from.0.ipBlock.cidr: ",
            id="no-addresses",
        ),
        pytest.param({"workload": {"ingress": [{"from": [{}]}]}}, "either ipBlock or", id="nobody"),
        pytest.param(
            {"workload": {"publicEgress": {"cidr": "10.0.0.0/8", "except": ["192.168.0.0/16"]}}},
            "192.168.0.0/16 does not lie in 10.0.0.0/8",
            id="an-exception-elsewhere",
        ),
        pytest.param({"controlPlane": {"publicEgress": {}}}, "publicEgress: unknown key", id="workloads-only"),
        pytest.param({"fallbackDns": "1.1.1.1"}, "say networking.advanced.fallback", id="a-name-server"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_path(network: dict[str, Any], says: str) -> None:
    (found,) = problems_of(document(policies={"networkPolicy": network}))
    assert found.startswith("policies.networkPolicy.")
    assert says in found
