"""The kinds that are synced, and the host rights that follow from them."""

from collections.abc import Sequence
from typing import Any

from vgateway.syncer.kind import Kind
from vgateway.syncer.kinds.configmap import ConfigMapKind
from vgateway.syncer.kinds.endpoints import KubernetesEndpointsKind, KubernetesSliceKind
from vgateway.syncer.kinds.kubernetes import KubernetesServiceKind
from vgateway.syncer.kinds.node import NodeKind
from vgateway.syncer.kinds.pod import PodKind
from vgateway.syncer.kinds.rootca import RootCaKind
from vgateway.syncer.kinds.secret import SecretKind
from vgateway.syncer.kinds.service import ServiceKind

KINDS: tuple[Kind, ...] = (
    PodKind(),
    ConfigMapKind(),
    SecretKind(),
    RootCaKind(),
    ServiceKind(),
    KubernetesServiceKind(),
    KubernetesEndpointsKind(),
    KubernetesSliceKind(),
    NodeKind(),
)


def host_role_rules(kinds: Sequence[Kind]) -> list[dict[str, Any]]:
    """Return the rules of the one namespaced Role that the kinds need on the host; nothing cluster-scoped."""
    verbs: dict[tuple[str, str], set[str]] = {}
    for kind in kinds:
        for resource, rights in kind.host_rights.items():
            for subresource, allowed in rights.items():
                name = f"{resource.plural}/{subresource}" if subresource else resource.plural
                verbs.setdefault((resource.group, name), set()).update(allowed)
    return [
        {"apiGroups": [group], "resources": [name], "verbs": sorted(allowed)}
        for (group, name), allowed in sorted(verbs.items())
    ]
