"""``controlPlane.statefulSet.highAvailability``: several replicas, of which one syncs."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from vgateway.config.base import Section

Seconds = Annotated[int, Field(ge=1)]


class HighAvailability(Section):
    """How many replicas serve, and how soon another one syncs when the one that does is lost."""

    replicas: Annotated[int, Field(ge=1)] = 1
    """With more than one, each serves and one syncs: it holds a Lease in the host namespace."""
    lease_duration: Seconds = 15
    """Seconds for which a lost replica still counts as the one that syncs; nothing is synced meanwhile."""
    renew_deadline: Seconds = 10
    """Seconds without an answer from the host after which a replica stops to sync; less than ``leaseDuration``."""
    retry_period: Seconds = 2
    """Seconds between two tries to get or to renew the lease, each a read and a write; less than ``renewDeadline``."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.retry_period < self.renew_deadline < self.lease_duration:
            raise ValueError("retryPeriod must be less than renewDeadline, and that less than leaseDuration")
        return self
