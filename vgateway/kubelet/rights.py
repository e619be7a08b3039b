"""What the kubelet of the virtual nodes may do on the host: the streams of pods, in the one namespace."""

from typing import Any

# A WebSocket arrives as a GET; hosts of 1.35 and later ask for "create" as well.
STREAM_RULES: tuple[dict[str, Any], ...] = (
    {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]},
    {"apiGroups": [""], "resources": ["pods/exec", "pods/attach", "pods/portforward"], "verbs": ["create", "get"]},
)
