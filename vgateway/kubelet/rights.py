"""What the kubelet of the virtual nodes may do on the host: in the one namespace, and on nodes where that is wanted."""

from typing import Any

# A WebSocket arrives as a GET; hosts of 1.35 and later ask for "create" as well.
STREAM_RULES: tuple[dict[str, Any], ...] = (
    {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]},
    {"apiGroups": [""], "resources": ["pods/exec", "pods/attach", "pods/portforward"], "verbs": ["create", "get"]},
)

# What the tenant's pods use, where the host runs a metrics-server.
USAGE_RULES: tuple[dict[str, Any], ...] = ({"apiGroups": ["metrics.k8s.io"], "resources": ["pods"], "verbs": ["list"]},)

# What everybody's pods together use of a node, where the tenant is to see that.
NODE_USAGE_RULES: tuple[dict[str, Any], ...] = (
    {"apiGroups": ["metrics.k8s.io"], "resources": ["nodes"], "verbs": ["list"]},
)

# The kubelets' pages by way of the API server. Whoever has this could also run commands in any pod of the host, by a
# WebSocket, which is a GET: the gateway asks for pages only.
NODE_RULES: tuple[dict[str, Any], ...] = ({"apiGroups": [""], "resources": ["nodes/proxy"], "verbs": ["get"]},)
