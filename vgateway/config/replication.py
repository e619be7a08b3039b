"""``networking.replicateServices``: Services that live on both sides under names of the operator's choice."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from vgateway.config.base import Section

_LABEL = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
SERVICE = rf"^({_LABEL}/)?{_LABEL}$"


def split(name: str, namespace: str) -> tuple[str, str]:
    """Return (namespace, name) of ``name`` or ``namespace/name``."""
    where, _, own = name.rpartition("/")
    return where or namespace, own


def _own_namespace(name: str) -> str:
    if "/" in name:
        raise ValueError("a bare name is expected: the copy is made in the virtual cluster's own host namespace")
    return name


ServiceName = Annotated[str, Field(pattern=SERVICE)]


class FromHost(Section):
    """A Service of the host that the tenant sees."""

    from_: Annotated[ServiceName, Field(alias="from")]
    """Which of the host's: ``namespace/name``, or a bare name in the virtual cluster's own host namespace."""
    to: ServiceName
    """What the tenant calls it: ``namespace/name``, or a bare name in ``default``."""


class ToHost(Section):
    """A Service of the tenant's that the host sees."""

    from_: Annotated[ServiceName, Field(alias="from")]
    """Which of the tenant's: ``namespace/name``, or a bare name in ``default``."""
    to: Annotated[ServiceName, AfterValidator(_own_namespace)]
    """What it is called in the virtual cluster's own host namespace."""
    delete_on_removal: bool = False
    """``true``: when this rule goes, so does the host's Service; otherwise it stays as it was last."""


class ReplicateServices(Section):
    """Services that live on both sides."""

    to_host: tuple[ToHost, ...] = ()
    """The tenant's Services on the host; one that is there already and not ours is left alone."""
    from_host: tuple[FromHost, ...] = ()
    """The host's Services in the virtual cluster, with an address of their own; gone when their rule goes."""

    @model_validator(mode="after")
    def _once(self) -> Self:
        inward, outward = [rule.to for rule in self.from_host], [rule.to for rule in self.to_host]
        for spelled, targets in (("fromHost", inward), ("toHost", outward)):
            places = [split(target, "default") for target in targets]
            for target, place in zip(targets, places, strict=True):
                if places.count(place) > 1:
                    raise ValueError(f"{spelled}: two rules lead to {target}")
        return self
