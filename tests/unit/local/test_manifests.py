from vgateway.local.kubeapi import KNOWN
from vgateway.local.manifests import gateway_endpoints, gateway_service, kwok_node, tenant_objects

RULES = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]


def test_a_virtual_cluster_has_one_role_in_its_own_namespace_and_nothing_cluster_wide() -> None:
    objects = tenant_objects("demo", RULES)
    assert [obj["kind"] for obj in objects if obj["kind"] != "ServiceAccount"] == [
        "Namespace",
        "Role",
        "RoleBinding",
        "Service",
    ]
    spaces = {obj["metadata"].get("namespace") for obj in objects if obj["kind"] != "Namespace"}
    assert spaces == {"vgateway-demo"}


def test_the_role_is_what_the_gateway_needs_and_not_one_right_more() -> None:
    (role,) = (obj for obj in tenant_objects("demo", RULES) if obj["kind"] == "Role")
    assert role["rules"] == RULES


def test_pods_of_tenants_run_as_an_account_without_rights_or_token() -> None:
    accounts = {
        obj["metadata"]["name"]: obj for obj in tenant_objects("demo", RULES) if obj["kind"] == "ServiceAccount"
    }
    assert accounts["vc-workload-demo"]["automountServiceAccountToken"] is False
    (binding,) = (obj for obj in tenant_objects("demo", RULES) if obj["kind"] == "RoleBinding")
    assert [subject["name"] for subject in binding["subjects"]] == ["vgateway"]


def test_the_service_leads_to_the_gateways_listeners() -> None:
    service, endpoints = gateway_service("demo"), gateway_endpoints("demo", "10.251.65.2")
    assert "selector" not in service["spec"]
    assert {port["name"]: port["targetPort"] for port in service["spec"]["ports"]} == {
        port["name"]: port["port"] for port in endpoints["ports"]
    }
    assert endpoints["metadata"]["labels"]["kubernetes.io/service-name"] == service["metadata"]["name"]


def test_beside_real_nodes_a_kwok_node_takes_only_pods_that_ask_for_it() -> None:
    assert kwok_node("kwok-1", "10.251.0.1", tainted=True)["spec"]["taints"]
    assert kwok_node("kwok-1", "10.251.0.1", tainted=False)["spec"] == {}


def test_every_object_is_one_that_can_be_applied() -> None:
    assert {obj["kind"] for obj in [*tenant_objects("demo", RULES), gateway_endpoints("demo", "1.2.3.4")]} <= set(KNOWN)
