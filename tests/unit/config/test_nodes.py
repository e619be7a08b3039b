from typing import Any

import pytest

from tests.unit.config.test_load import document
from vgateway.config.load import parse_config, problems_of

SCHEDULER = {"advanced": {"virtualScheduler": {"enabled": True}}}
NODES = {"nodes": {"enabled": True}}


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"controlPlane": SCHEDULER}, "controlPlane.advanced.virtualScheduler needs sync.fromHost.nodes"),
        (
            {"networking": {"advanced": {"proxyKubelets": {"byIP": True}}}},
            "networking.advanced.proxyKubelets.byIP needs gateway.virtualCluster.authorityKey",
        ),
    ],
)
def test_what_needs_another_section_says_which(given: dict[str, Any], line: str) -> None:
    assert problems_of(document(**given)) == [line]


def test_nodes_are_not_patched() -> None:
    patched = {"nodes": {"enabled": True, "patches": [{"path": "metadata.labels.a", "expression": '"b"'}]}}
    (line,) = problems_of(document(sync={"fromHost": patched}))
    assert line.startswith("sync.fromHost.nodes: nodes cannot be patched")


@pytest.mark.parametrize("scheduling", [False, True])
def test_what_is_automatic_is_on_where_the_tenant_schedules(scheduling: bool) -> None:
    given: dict[str, Any] = {"sync": {"fromHost": NODES}} | ({"controlPlane": SCHEDULER} if scheduling else {})
    settled = parse_config(document(**given)).settled_sync.from_host
    switches = (settled.storage_classes, settled.csi_drivers, settled.csi_nodes, settled.csi_storage_capacities)
    assert [switch.enabled for switch in switches] == [scheduling] * 4


def test_what_is_said_is_not_automatic() -> None:
    from_host = NODES | {"csiDrivers": {"enabled": False}}
    own = {"toHost": {"storageClasses": {"enabled": True}}, "fromHost": from_host}
    settled = parse_config(document(sync=own, controlPlane=SCHEDULER)).settled_sync.from_host
    assert settled.csi_drivers.enabled is False
    assert settled.storage_classes.enabled is False, "the tenant's own go the other way"
