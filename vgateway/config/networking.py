"""``networking``: how names and addresses cross between the clusters."""

from vgateway.config.base import Section


class AdvancedNetworking(Section):
    """Settings that most tenants leave alone."""

    cluster_domain: str = "cluster.local"
    """DNS domain of the virtual cluster, as its pods see it."""


class Networking(Section):
    """How names and addresses cross between the clusters."""

    advanced: AdvancedNetworking = AdvancedNetworking()
