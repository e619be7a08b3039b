"""``policies``: what the tenant's workloads may be, whatever the tenant's own administrators allow."""

from typing import Literal

from vgateway.config.base import NotYet, Section
from vgateway.config.isolation import NetworkPolicy


class Policies(Section):
    """Limits of the whole virtual cluster."""

    pod_security_standard: Literal["privileged", "baseline", "restricted"] | None = None
    """Every namespace of the tenant enforces this Pod Security Standard and warns of it; a stricter label stays."""
    resource_quota: NotYet = NotYet()
    """Not supported yet."""
    limit_range: NotYet = NotYet()
    """Not supported yet."""
    network_policy: NetworkPolicy = NetworkPolicy()
    central_admission: NotYet = NotYet()
    """Not supported yet."""
