"""``policies.networkPolicy``: who may reach the virtual cluster's pods on the host, and whom they may reach."""

from collections.abc import Mapping
from ipaddress import ip_network
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from vgateway.config.base import Port, Section, wrong_at
from vgateway.config.fromhost import LabelSelector

PRIVATE = ("100.64.0.0/10", "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")


def _cidr(text: str) -> str:
    ip_network(text)
    return text


def within(inner: str, outer: str) -> bool:
    """Say whether one block of addresses lies in another one and is not the same."""
    one, other = ip_network(inner), ip_network(outer)
    return one.version == other.version and one != other and one.subnet_of(other)  # type: ignore[arg-type]  # same version


Cidr = Annotated[str, AfterValidator(_cidr)]


class IpBlock(Section):
    """A block of addresses, less some of them."""

    cidr: Cidr
    """As ``192.0.2.0/24``."""
    except_: tuple[Cidr, ...] = Field(default=(), alias="except")
    """Blocks within it that are not meant."""

    @model_validator(mode="after")
    def _nested(self) -> Self:
        for index, block in enumerate(self.except_):
            if not within(block, self.cidr):
                raise wrong_at(f"except.{index}", f"{block} does not lie in {self.cidr}")
        return self


class Peer(Section):
    """Somebody on the other end, in the host's words: these are labels of the host's pods and namespaces."""

    ip_block: IpBlock | None = None
    """Addresses outside the host cluster."""
    pod_selector: LabelSelector | None = None
    """Pods of the policy's own host namespace, or of those that ``namespaceSelector`` means."""
    namespace_selector: LabelSelector | None = None
    """Namespaces of the host."""

    @model_validator(mode="after")
    def _someone(self) -> Self:
        pods = self.pod_selector is not None or self.namespace_selector is not None
        if pods is (self.ip_block is not None):
            raise ValueError("either ipBlock or podSelector and namespaceSelector are expected")
        return self


class PolicyPort(Section):
    """A port, or a range of them."""

    protocol: Literal["TCP", "UDP", "SCTP"] = "TCP"
    """Of the port, or of all ports."""
    port: Port | str | None = None
    """Number or name; every port of the protocol if it is left out."""
    end_port: Port | None = None
    """The last port of the range that begins with ``port``."""


class Ingress(Section):
    """One rule of who may come in, as a NetworkPolicy of the host has it."""

    from_: tuple[Peer, ...] = Field(default=(), alias="from")
    """Everybody, if it is empty."""
    ports: tuple[PolicyPort, ...] = ()
    """Every port, if it is empty."""


class Egress(Section):
    """One rule of what may be reached, as a NetworkPolicy of the host has it."""

    to: tuple[Peer, ...] = ()
    """Everybody, if it is empty."""
    ports: tuple[PolicyPort, ...] = ()
    """Every port, if it is empty."""


class Additions(Section):
    """What is allowed beside what the virtual cluster needs to work."""

    ingress: tuple[Ingress, ...] = ()
    """Who else may reach these pods."""
    egress: tuple[Egress, ...] = ()
    """What else these pods may reach."""


class PublicEgress(Section):
    """What workloads may reach beyond the cluster."""

    enabled: bool = True
    """``false`` keeps them inside the virtual cluster."""
    cidr: Cidr = "0.0.0.0/0"
    """Addresses that they may reach; one family, and the other by a rule of ``egress``."""
    except_: tuple[Cidr, ...] = Field(default=PRIVATE, alias="except")
    """Left out: private networks, where the host's own pods, nodes and neighbours are."""

    @property
    def block(self) -> IpBlock:
        """The block, with those of the usual exceptions that lie in it."""
        inside = tuple(one for one in self.except_ if within(one, self.cidr))
        return IpBlock.model_validate({"cidr": self.cidr, "except": inside})

    @model_validator(mode="after")
    def _nested(self) -> Self:
        if "except_" in self.model_fields_set:
            IpBlock.model_validate({"cidr": self.cidr, "except": self.except_})
        return self


class Workload(Additions):
    """The tenant's pods."""

    public_egress: PublicEgress = PublicEgress()


class NetworkPolicy(Section):
    """NetworkPolicies of the host around the virtual cluster; they count where the host's network enforces such."""

    enabled: bool = False
    """``true`` writes them; ``false``, if it is said, removes those that were written and needs the right to."""
    labels: Mapping[str, str] = {}
    """Labels that they have beside ours."""
    annotations: Mapping[str, str] = {}
    """Annotations that they have beside ours."""
    control_plane: Additions = Additions()
    workload: Workload = Workload()
