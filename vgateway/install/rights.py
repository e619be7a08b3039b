"""The host rights of a configuration as manifests of RBAC. Pure."""

from typing import Any

from vgateway.app.rights import cluster_rules, role_rules
from vgateway.config.model import Config
from vgateway.install.layout import Release
from vgateway.kube.names import Names
from vgateway.syncer.registry import kinds_for
from vgateway.syncer.rights import host_place_rules

RBAC = "rbac.authorization.k8s.io/v1"
GROUP = "rbac.authorization.k8s.io"


def rights(config: Config, account: str, own: list[dict[str, Any]] | None = None) -> list[dict[str, Any]]:
    """Return Role and binding, and those of other namespaces and the whole cluster if needed.

    ``own`` are rules beside those that follow from the kinds. Raises ConfigError for what is not done.
    """
    kinds, gateway = kinds_for(config), config.gateway
    subject = {"kind": "ServiceAccount", "name": account, "namespace": gateway.namespace}
    meta = {"name": f"vc-{gateway.name}", "namespace": gateway.namespace}
    found = _bound("Role", meta, [*role_rules(config, kinds), *(own or ())], subject)
    name = Names(gateway.name, gateway.namespace).cluster_name("gateway")
    for namespace, rules in host_place_rules(kinds).items():
        found += _bound("Role", {"name": name, "namespace": namespace}, rules, subject)
    if wide := cluster_rules(config, kinds):
        found += _bound("ClusterRole", {"name": name}, wide, subject)
    return found


def installation_rights(config: Config, release: Release) -> list[dict[str, Any]]:
    """Return the rights of a gateway in its pod: those, and what it takes to keep its certificates."""
    return rights(config, release.account, own_rules(config, release))


def own_rules(config: Config, release: Release) -> list[dict[str, Any]]:
    """Return what the pod does before it serves: two Secrets filled, its Service's address read, the range found."""
    secrets = [release.certificates_secret, release.kubeconfig_secret]
    found: list[dict[str, Any]] = [
        {"apiGroups": [""], "resources": ["secrets"], "resourceNames": secrets, "verbs": ["get", "patch"]},
        {"apiGroups": [""], "resources": ["services"], "resourceNames": [release.name], "verbs": ["get"]},
    ]
    if not config.networking.service_cidr:
        # A dry run with an address that cannot be had: the refusal says which can.
        found.append({"apiGroups": [""], "resources": ["services"], "verbs": ["create"]})
    return found


def _bound(
    kind: str, meta: dict[str, str], rules: list[dict[str, Any]], subject: dict[str, str]
) -> list[dict[str, Any]]:
    reference = {"apiGroup": GROUP, "kind": kind, "name": meta["name"]}
    return [
        {"apiVersion": RBAC, "kind": kind, "metadata": dict(meta), "rules": rules},
        {
            "apiVersion": RBAC,
            "kind": f"{kind}Binding",
            "metadata": dict(meta),
            "roleRef": reference,
            "subjects": [dict(subject)],
        },
    ]
