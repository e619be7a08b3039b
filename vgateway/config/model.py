"""The configuration as values: vcluster.yaml's vocabulary, plus ``gateway:``, the wiring of one process.

Every model is frozen and refuses keys it does not know: a typing error must not silently change what tenants get.
Each field says the consequence of its value, and the unit. A section is a module of this package.
"""

from vgateway.config.base import Section
from vgateway.config.controlplane import ControlPlane
from vgateway.config.gateway import Gateway
from vgateway.config.logs import Logging
from vgateway.config.networking import Networking
from vgateway.config.policies import Policies
from vgateway.config.sync import Sync


class Config(Section):
    """One virtual cluster's configuration."""

    gateway: Gateway
    control_plane: ControlPlane = ControlPlane()
    networking: Networking = Networking()
    sync: Sync = Sync()
    policies: Policies = Policies()
    logging: Logging = Logging()
