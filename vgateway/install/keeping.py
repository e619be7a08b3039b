"""What of a pod's files is kept in the Secret of the certificates, and what is found there. Pure."""

import base64
import re
from collections.abc import Mapping

from vgateway.errors import ConfigError

KEPT = (
    "ca.crt",
    "ca.key",
    "front-proxy-ca.crt",
    "front-proxy-ca.key",
    "service-account.pub",
    "service-account.key",
    "admin.crt",
    "admin.key",
)
"""What must stay the same when the pod is made anew; every other certificate is issued again each time."""

_RANGE = re.compile(r"The range of valid IPs is ([0-9a-fA-F.:]+/\d{1,3})")


def decoded(data: Mapping[str, str] | None) -> dict[str, bytes]:
    """Return the contents of a Secret by their keys."""
    return {key: base64.b64decode(value) for key, value in (data or {}).items()}


def encoded(files: Mapping[str, bytes]) -> dict[str, str]:
    """Return contents as a Secret holds them."""
    return {key: base64.b64encode(value).decode() for key, value in files.items()}


def range_in(refusal: str) -> str:
    """Read the range of ClusterIPs from how an API server refuses an address outside of it.

    Raises ConfigError when it does not say.
    """
    found = _RANGE.search(refusal)
    if found is None:
        raise ConfigError(f"networking.serviceCIDR is needed: the host does not say its range of ClusterIPs: {refusal}")
    return found[1].removesuffix(".")


def impossible_service(name: str) -> dict[str, object]:
    """Return a Service whose address no host gives, so that the refusal names those that it gives."""
    spec = {"clusterIP": "1.1.1.1", "ports": [{"name": "https", "port": 443}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"generateName": f"{name}-range-"}, "spec": spec}
