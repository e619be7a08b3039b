"""``sync``: which kinds cross between the clusters, and how."""

from typing import Self

from pydantic import model_validator

from vgateway.config.base import Section
from vgateway.config.fromhost import Automatic, FromHost
from vgateway.config.tohost import ToHost

# What speaks of one host namespace, or of names that the host gives in each of its own.
NOT_SPREAD = (
    "service_accounts",
    "persistent_volumes",
    "volume_snapshot_contents",
    "resource_claims",
    "resource_claim_templates",
)


class Sync(Section):
    """Which kinds cross between the clusters."""

    to_host: ToHost = ToHost()
    from_host: FromHost = FromHost()

    def settled(self, *, virtual_scheduler: bool) -> "Sync":
        """Return the same with every ``auto`` decided: what the tenant's own scheduler reads is there for it."""
        own = {"storage_classes"} if self.to_host.storage_classes.enabled else set()
        auto = {
            name: switch.model_copy(update={"enabled": virtual_scheduler and name not in own})
            for name in FromHost.model_fields
            if isinstance(switch := getattr(self.from_host, name), Automatic) and switch.enabled == "auto"
        }
        return self.model_copy(update={"from_host": self.from_host.model_copy(update=auto)})

    @model_validator(mode="after")
    def _alone(self) -> Self:
        for name in NOT_SPREAD:
            if self.to_host.namespaces.enabled and getattr(self.to_host, name).enabled is True:
                raise ValueError(f"toHost.{ToHost.model_fields[name].alias} does not go with toHost.namespaces")
        return self

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        for name in ("storage_classes", "priority_classes"):
            if getattr(self.to_host, name).enabled is True and getattr(self.from_host, name).enabled is True:
                spelled = ToHost.model_fields[name].alias
                raise ValueError(f"toHost.{spelled} and fromHost.{spelled} exclude each other")
        return self

    @model_validator(mode="after")
    def _one_side(self) -> Self:
        both = sorted({*self.to_host.custom_resources} & {*self.from_host.custom_resources})
        if both:
            raise ValueError(f"{both[0]}: either toHost.customResources or fromHost.customResources brings it")
        return self

    @model_validator(mode="after")
    def _not_alone(self) -> Self:
        for name, behind in (
            ("persistent_volumes", "persistent_volume_claims"),
            ("volume_snapshot_contents", "volume_snapshots"),
        ):
            if getattr(self.to_host, name).enabled and not getattr(self.to_host, behind).enabled:
                one, other = (ToHost.model_fields[field].alias for field in (name, behind))
                raise ValueError(f"toHost.{one} needs toHost.{other}: what it brings stands behind those")
        return self
