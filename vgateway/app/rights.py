"""The host rights of one process: what its synced kinds need, what its kubelet does, and to tell operators of it."""

from collections.abc import Sequence
from typing import Any

from vgateway.config.model import Config
from vgateway.kube.election import LEASES
from vgateway.kubelet.rights import NODE_RULES, NODE_USAGE_RULES, STREAM_RULES, USAGE_RULES
from vgateway.syncer.kind import Kind
from vgateway.syncer.rights import host_cluster_rules, host_role_rules, is_spread

ELECTION_RULES = [{"apiGroups": [LEASES.group], "resources": [LEASES.plural], "verbs": ["get", "create", "update"]}]
# What ``app/notices`` tells operators, as Events on the host.
NOTICE_RULES: tuple[dict[str, Any], ...] = ({"apiGroups": [""], "resources": ["events"], "verbs": ["create"]},)


def role_rules(config: Config, kinds: Sequence[Kind]) -> list[dict[str, Any]]:
    """Return the rules of the one namespaced Role."""
    election = ELECTION_RULES if config.control_plane.stateful_set.high_availability.replicas > 1 else ()
    return [*host_role_rules(kinds), *STREAM_RULES, *USAGE_RULES, *NOTICE_RULES, *election]


def cluster_rules(config: Config, kinds: Sequence[Kind]) -> list[dict[str, Any]]:
    """Return the rules of the ClusterRole; none, and there is no ClusterRole."""
    pages = NODE_RULES if asks_nodes(config) else ()
    load = NODE_USAGE_RULES if config.shows_host_load else ()
    streams = [*STREAM_RULES, *USAGE_RULES] if is_spread(kinds) else ()
    return [*host_cluster_rules(kinds), *pages, *load, *streams]


def asks_nodes(config: Config) -> bool:
    """Say whether pages of the host's kubelets are wanted: of its own nodes those that can be told apart have pages."""
    kubelets = config.networking.advanced.proxy_kubelets
    synced = config.sync.from_host.nodes.enabled and (kubelets.by_hostname or kubelets.by_ip)
    return config.control_plane.kubelet.node_metrics or synced
