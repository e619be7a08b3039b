"""The host rights of one process: what its synced kinds need, what its kubelet does, and to tell operators of it."""

from collections.abc import Sequence
from typing import Any

from vgateway.app import notices
from vgateway.config.model import Config
from vgateway.kubelet.rights import NODE_RULES, STREAM_RULES, USAGE_RULES
from vgateway.syncer.kind import Kind
from vgateway.syncer.rights import host_cluster_rules, host_role_rules, is_spread


def role_rules(kinds: Sequence[Kind]) -> list[dict[str, Any]]:
    """Return the rules of the one namespaced Role."""
    return [*host_role_rules(kinds), *STREAM_RULES, *USAGE_RULES, *notices.RULES]


def cluster_rules(config: Config, kinds: Sequence[Kind]) -> list[dict[str, Any]]:
    """Return the rules of the ClusterRole; none, and there is no ClusterRole."""
    nodes = NODE_RULES if config.control_plane.kubelet.node_metrics else ()
    streams = [*STREAM_RULES, *USAGE_RULES] if is_spread(kinds) else ()
    return [*host_cluster_rules(kinds), *nodes, *streams]
