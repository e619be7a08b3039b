"""Series that are about no pod but about the host's node: a list of what may be shown, where that is configured.

Shown is how busy the machine, its kubelet and its runtime are. Never shown: what could name somebody else's pod,
volume, device or address, and what identifies the machine.
"""

import re

from vgateway.kubelet.labels import LabelSet, unquoted, write_labels

_NAMES = re.compile(
    rb"(?:node_(?:cpu_usage_seconds_total|memory_working_set_bytes|swap_usage_bytes)|resource_scrape_error|scrape_error"
    rb"|machine_[a-z_]+|container_scrape_error|machine_scrape_error|kubernetes_build_info|kubelet_node_name"
    rb"|kubelet_(?:running_pods|running_containers|node_config_error|pleg_[a-z_]+|pod_start_[a-z_]+"
    rb"|pod_worker_[a-z_]+|cgroup_manager_[a-z_]+|runtime_operations_[a-z_]+|container_log_[a-z_]*errors_total"
    rb"|certificate_manager_[a-z_]+|evictions|started_[a-z_]+|image_pull_[a-z_]+)"
    rb"|go_[a-z_]+|process_[a-z_]+)(?:_bucket|_sum|_count)?"
)
_ROOT = re.compile(
    rb"container_(?:cpu|memory|processes|threads|tasks|sockets|file_descriptors|oom|pressure|start_time)[a-z_]*"
)
_LABELS = frozenset({
    "build_date", "cache", "code", "compiler", "container_state", "container_type", "cpu", "failure_type",
    "git_commit", "git_tree_state", "git_version", "go_version", "image_size_in_bytes", "le", "level", "major",
    "minor", "mode", "node", "node_id", "operation", "operation_type", "platform", "pod_status", "quantile",
    "scope", "state", "status", "type", "version",
})  # fmt: skip
# Which machine it is, is the host's affair.
_BLANKED = frozenset({"boot_id", "machine_id", "system_uuid"})
_EMPTY_IN_ROOT = frozenset({"container", "image", "name", "namespace", "pod"})


_QUICK = re.compile(_NAMES.pattern + rb"[ {]")


def concerns(line: bytes) -> bool:
    """Say whether a line may be about the node; a quick look, for most lines of a page are not."""
    if line.startswith(b"container_") and b'id="/"' in line:
        return True
    return _QUICK.match(line) is not None


def shown(name: bytes, found: LabelSet | None) -> bytes | None:
    """Return the label set of a series about the node, None for one that is not shown."""
    if found is None:
        return b"" if _NAMES.fullmatch(name) else None
    values = found.values()
    if values.get("id") == "/":
        if not _ROOT.fullmatch(name) or any(values.get(label) for label in _EMPTY_IN_ROOT):
            return None
        allowed = _LABELS | _EMPTY_IN_ROOT | {"id"}
    elif _NAMES.fullmatch(name):
        allowed = _LABELS | _BLANKED
    else:
        return None
    if not allowed.issuperset(values):
        return None
    return write_labels(b"", {raw: "" if unquoted(raw) in _BLANKED else value for raw, value in found.labels})
