from typing import Any

import pytest

from tests.unit.config.test_load import document
from vgateway.config.coredns import Coredns
from vgateway.config.load import parse_config
from vgateway.config.tohost import ToHost
from vgateway.errors import ConfigError
from vgateway.syncer.kind import Side
from vgateway.syncer.kinds.claim import ClaimKind
from vgateway.syncer.kinds.dns import dns_kinds
from vgateway.syncer.kinds.metricsapi import metrics_kinds
from vgateway.syncer.kinds.persistentvolume import BoundClaimKind, VolumeKind
from vgateway.syncer.kinds.shown import ShownVolumeKind
from vgateway.syncer.kinds.volume import FakeVolumeKind
from vgateway.syncer.registry import KINDS, TO_HOST, kinds_for
from vgateway.syncer.resources import CONFIGMAPS, SECRETS, SERVICES
from vgateway.syncer.rights import host_cluster_rules, host_place_rules, host_role_rules
from vgateway.syncer.sources import all_sources


def names(**changes: Any) -> set[str]:
    return {kind.name for kind in kinds_for(parse_config(document(**changes)))}


def test_the_kinds_need_one_namespaced_role_and_nothing_of_the_whole_cluster() -> None:
    resources = {name.split("/")[0] for rule in host_role_rules(KINDS) for name in rule["resources"]}
    assert {"pods", "configmaps", "secrets", "services"} <= resources
    assert host_cluster_rules(KINDS) == []


def test_no_right_is_a_wildcard_and_none_lets_us_act_inside_pods() -> None:
    for rule in [*host_role_rules(KINDS), *host_cluster_rules(KINDS)]:
        assert "*" not in rule["verbs"] + rule["resources"] + rule["apiGroups"]
        assert not {"pods/exec", "pods/attach", "serviceaccounts/token"} & set(rule["resources"])


def test_kinds_have_names_of_their_own() -> None:
    assert len({kind.name for kind in KINDS}) == len(KINDS)


def test_a_configuration_that_says_nothing_gets_the_kinds_of_the_default() -> None:
    assert names() == {kind.name for kind in (*KINDS, *dns_kinds(Coredns()), *metrics_kinds())}


def test_a_switch_takes_its_kind_away_and_the_right_to_write_it() -> None:
    config = parse_config(document(sync={"toHost": {"services": {"enabled": False}}}))
    kinds = kinds_for(config)
    assert "services" not in {kind.name for kind in kinds}
    (rule,) = (rule for rule in host_role_rules(kinds) if rule["resources"] == ["services"])
    assert rule["verbs"] == ["delete", "get", "list", "watch"], "what is left of nodes' addresses is removed"


def test_a_pod_security_standard_brings_the_kind_that_keeps_it() -> None:
    assert names(policies={"podSecurityStandard": "baseline"}) - names() == {"pod-security"}


@pytest.mark.parametrize("switch", sorted(set(ToHost.model_fields) - set(TO_HOST) - {"custom_resources"}))
def test_what_is_switched_on_and_has_nothing_behind_it_is_refused(switch: str) -> None:
    spelled = ToHost.model_fields[switch].alias
    with pytest.raises(ConfigError, match=rf"^sync\.toHost\.{spelled}: not supported yet$"):
        names(sync={"toHost": {spelled: {"enabled": True}}})


def test_every_line_of_the_tables_is_a_switch_of_the_configuration() -> None:
    assert set(TO_HOST) <= set(ToHost.model_fields)


def test_classes_of_the_host_need_a_cluster_role_to_read_them_and_no_more() -> None:
    shown = {"fromHost": {"storageClasses": {"enabled": True, "selector": {"matchLabels": {"for": "tenants"}}}}}
    kinds = kinds_for(parse_config(document(sync=shown)))
    assert host_cluster_rules(kinds) == [
        {"apiGroups": ["storage.k8s.io"], "resources": ["storageclasses"], "verbs": ["get", "list", "watch"]}
    ]


@pytest.mark.parametrize("switch", sorted({"config_maps", "secrets", "services", "endpoints", "endpoint_slices"}))
def test_without_a_kind_what_pods_look_up_is_still_followed(switch: str) -> None:
    spelled = ToHost.model_fields[switch].alias
    kinds = kinds_for(parse_config(document(sync={"toHost": {spelled: {"enabled": False}}})))
    followed = set(all_sources(kinds))
    for resource in (CONFIGMAPS, SECRETS, SERVICES):
        assert {(Side.VIRTUAL, resource), (Side.HOST, resource)} <= followed


def test_a_custom_resource_brings_its_definition_and_the_right_to_read_that_one_from_the_host() -> None:
    custom = {
        "certificates.cert-manager.io": {"enabled": True, "kind": "Certificate", "references": ["spec.secretName"]}
    }
    kinds = kinds_for(parse_config(document(sync={"toHost": {"customResources": custom}})))
    resources = [rule["resources"] for rule in host_cluster_rules(kinds)]
    assert ["certificates"] in [rule["resources"] for rule in host_role_rules(kinds)]
    assert resources == [["customresourcedefinitions"]]
    assert {"certificates.cert-manager.io", "definition of certificates.cert-manager.io"} <= {one.name for one in kinds}


def test_the_same_class_both_ways_is_refused_and_one_way_needs_a_cluster_role() -> None:
    kinds = kinds_for(parse_config(document(sync={"toHost": {"priorityClasses": {"enabled": True}}})))
    (rule,) = host_cluster_rules(kinds)
    assert rule["resources"] == ["priorityclasses"]
    assert "create" in rule["verbs"]


def test_custom_resources_of_the_host_need_their_definitions_and_no_more_than_what_is_shown() -> None:
    custom = {
        "issuers.example.io": {"enabled": True, "kind": "Issuer", "scope": "Cluster"},
        "recipes.example.io": {"enabled": True, "kind": "Recipe", "mappings": {"byName": {"shared/pie": "a/pie"}}},
    }
    kinds = kinds_for(parse_config(document(sync={"fromHost": {"customResources": custom}})))
    assert [rule["resources"] for rule in host_cluster_rules(kinds)] == [["customresourcedefinitions"], ["issuers"]]
    (rule,) = host_place_rules(kinds)["shared"]
    assert (rule["resources"], rule["resourceNames"]) == (["recipes"], ["pie"])
    assert {rule["verbs"] == ["get", "list", "watch"] for rule in host_cluster_rules(kinds)} == {True}


def test_real_volumes_take_the_place_of_looks() -> None:
    kinds = kinds_for(parse_config(document(sync={"toHost": {"persistentVolumes": {"enabled": True}}})))
    made = {type(kind) for kind in kinds}
    assert {BoundClaimKind, VolumeKind, ShownVolumeKind} <= made
    assert not {ClaimKind, FakeVolumeKind} & made
    assert [rule["resources"] for rule in host_cluster_rules(kinds)] == [["persistentvolumes"]]
