"""``sync``: which kinds cross between the clusters, and how."""

from vgateway.config.base import Section
from vgateway.config.fromhost import FromHost
from vgateway.config.tohost import ToHost


class Sync(Section):
    """Which kinds cross between the clusters."""

    to_host: ToHost = ToHost()
    from_host: FromHost = FromHost()
