"""What became of the keys of before vcluster.yaml."""

from typing import Any

import pytest

from tests.unit.config.test_load import document
from vgateway.config.convert import convert
from vgateway.config.load import parse_config, problems_of
from vgateway.config.older import FLAGS, MOVES


@pytest.mark.parametrize(
    ("older", "today"),
    [
        pytest.param(
            {"mapServices": {"fromHost": [{"from": "a/b", "to": "c/d"}], "fromVirtual": [{"from": "c/d", "to": "e"}]}},
            {
                "networking": {
                    "replicateServices": {
                        "fromHost": [{"from": "a/b", "to": "c/d"}],
                        "toHost": [{"from": "c/d", "to": "e"}],
                    }
                }
            },
            id="mapped services",
        ),
        pytest.param(
            {"fallbackHostDns": True},
            {"networking": {"advanced": {"fallbackHostCluster": True}}},
            id="the host's DNS as fallback",
        ),
        pytest.param(
            {
                "sync": {
                    "configmaps": {"enabled": True, "all": True},
                    "ingressclasses": {"enabled": False},
                    "hoststorageclasses": {"enabled": True},
                    "pods": {"enabled": True, "ephemeralContainers": True, "status": False},
                }
            },
            {
                "sync": {
                    "toHost": {"configMaps": {"enabled": True, "all": True}, "pods": {"enabled": True}},
                    "fromHost": {"ingressClasses": {"enabled": False}, "storageClasses": {"enabled": True}},
                }
            },
            id="kinds, each in its direction",
        ),
        pytest.param(
            {
                "sync": {
                    "nodes": {
                        "enabled": True,
                        "fakeKubeletIPs": False,
                        "syncAllNodes": False,
                        "nodeSelector": "pool=a, zone=b",
                        "enableScheduler": True,
                        "syncNodeChanges": True,
                    }
                }
            },
            {
                "sync": {
                    "fromHost": {
                        "nodes": {
                            "enabled": True,
                            "syncBackChanges": True,
                            "selector": {"all": False, "labels": {"pool": "a", "zone": "b"}},
                        }
                    }
                },
                "networking": {"advanced": {"proxyKubelets": {"byIP": False}}},
                "controlPlane": {"advanced": {"virtualScheduler": {"enabled": True}}},
            },
            id="nodes",
        ),
        pytest.param(
            {"isolation": {"enabled": True, "limitRange": {"enabled": False}, "networkPolicy": {"enabled": False}}},
            {
                "policies": {
                    "podSecurityStandard": "baseline",
                    "resourceQuota": {"enabled": True},
                    "limitRange": {"enabled": False},
                    "networkPolicy": {"enabled": False},
                }
            },
            id="isolation turned most of itself on",
        ),
        pytest.param(
            {"isolation": {"enabled": False, "podSecurityStandard": "restricted"}}, {}, id="isolation that was off"
        ),
        pytest.param(
            {
                "syncer": {
                    "extraArgs": [
                        "--tls-san=a.example",
                        "--tls-san=b.example",
                        "--translate-image=nginx=mirror/nginx",
                        "--enforce-toleration=*",
                        "--disable-fake-kubelets",
                        "--fake-kubelet-ips=false",
                        "--node-selector=pool=a",
                        "--lease-duration=30",
                    ]
                }
            },
            {
                "controlPlane": {
                    "proxy": {"extraSANs": ["a.example", "b.example"]},
                    "statefulSet": {"highAvailability": {"leaseDuration": 30}},
                },
                "sync": {
                    "toHost": {
                        "pods": {"translateImage": {"nginx": "mirror/nginx"}, "enforceTolerations": ["*"]},
                    },
                    "fromHost": {"nodes": {"enabled": True, "selector": {"labels": {"pool": "a"}}}},
                },
                "networking": {"advanced": {"proxyKubelets": {"byHostname": False, "byIP": False}}},
            },
            id="flags of the syncer",
        ),
        pytest.param(
            {"telemetry": {"disabled": True}, "coredns": {"replicas": 2, "service": {"type": "ClusterIP"}}},
            {
                "telemetry": {"enabled": False},
                "controlPlane": {
                    "coredns": {"deployment": {"replicas": 2}, "service": {"spec": {"type": "ClusterIP"}}}
                },
            },
            id="a switch that was the other way round",
        ),
        pytest.param(
            {"sync": {"toHost": {"pods": {"enabled": True}}}},
            {"sync": {"toHost": {"pods": {"enabled": True}}}},
            id="today's spelling stays",
        ),
    ],
)
def test_an_older_key_is_spelled_in_todays_vocabulary(older: dict[str, Any], today: dict[str, Any]) -> None:
    converted = convert(older)

    assert converted.problems == []
    assert converted.document == today
    assert convert(converted.document).document == today


@pytest.mark.parametrize(
    ("older", "problem"),
    [
        pytest.param(
            {"syncer": {"extraArgs": ["--tls-san=a", "--kaboom"]}},
            "syncer.extraArgs[1]: --kaboom is not supported",
            id="an unknown flag",
        ),
        pytest.param(
            {"fallbackHostDns": True, "networking": {"advanced": {"fallbackHostCluster": False}}},
            "fallbackHostDns: says otherwise than networking.advanced.fallbackHostCluster, which is today's spelling",
            id="both spellings, and they differ",
        ),
        pytest.param(
            {"sync": {"nodes": {"nodeSelector": "pool"}}},
            "sync.nodes.nodeSelector: labels are expected as name=value,name=value, not 'pool'",
            id="a selector that is more than labels",
        ),
        pytest.param(
            {"coredns": {"plugin": {"enabled": True}}},
            "coredns.plugin.enabled: not supported: there are no plugins",
            id="what has no successor",
        ),
        pytest.param({"isolation": True}, "isolation: a mapping is expected", id="a section that is none"),
        pytest.param({"isolation": {"enabld": True}}, "isolation.enabld: unknown key", id="a typing error"),
    ],
)
def test_what_cannot_go_over_is_said_with_its_own_path(older: dict[str, Any], problem: str) -> None:
    assert convert(older).problems == [problem]
    assert problem in problems_of(document(**older))


def test_an_older_file_is_read_as_it_is() -> None:
    config = parse_config(document(sync={"configmaps": {"enabled": True, "all": True}}))

    assert config.sync.to_host.config_maps.all


def test_a_problem_in_an_older_key_is_told_with_both_spellings() -> None:
    (problem,) = problems_of(document(sync={"secrets": {"all": 7}}))

    assert problem.startswith("sync.toHost.secrets.all: ")
    assert problem.endswith("(spelled sync.secrets here)")


def test_what_says_nothing_today_is_left_out_with_a_reason() -> None:
    assert convert({"sync": {"fake-nodes": {"enabled": True}}}).dropped == [
        "sync.fake-nodes.enabled: left out: nodes are the tenant's own unless sync.fromHost.nodes is on"
    ]


def test_no_older_key_has_two_rules() -> None:
    spelled = [move.old for move in (*MOVES, *FLAGS.values())]
    assert len(spelled) == len(set(spelled))
