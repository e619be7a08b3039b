"""The host rights of one process: what its synced kinds need, and what its kubelet does."""

from collections.abc import Sequence
from typing import Any

from vgateway.kubelet.rights import STREAM_RULES
from vgateway.syncer.kind import Kind
from vgateway.syncer.registry import host_role_rules


def role_rules(kinds: Sequence[Kind]) -> list[dict[str, Any]]:
    """Return the rules of the one namespaced Role."""
    return [*host_role_rules(kinds), *STREAM_RULES]
