"""Services that a rule copies to the other side: the Service itself, and where it leads.

A copy has an address of its own and no selector of the other side's: its slices are copied with it, or, on the host,
its pods are found by the tenant's selector. Each rule is a kind of its own. A Service that we did not make is left
alone and told of.
"""

from collections.abc import Iterable, Iterator

from vgateway.syncer.kind import Kind
from vgateway.syncer.kinds.replica.copies import Replication
from vgateway.syncer.kinds.replica.fromhost import FromHostReplica, FromHostSlices
from vgateway.syncer.kinds.replica.leftovers import HostLeftovers, Leftovers
from vgateway.syncer.kinds.replica.tohost import ToHostReplica, ToHostSlices
from vgateway.syncer.resources import ENDPOINTSLICES, SERVICES


def replicas(from_host: Iterable[Replication], to_host: Iterable[Replication]) -> Iterator[Kind]:
    """Yield the kinds of the rules, and those that take back what earlier rules have made."""
    outward, inward = tuple(to_host), tuple(from_host)
    for rule in inward:
        yield from (FromHostReplica(rule), FromHostSlices(rule))
    for rule in outward:
        yield from (ToHostReplica(rule), ToHostSlices(rule))
    for resource in (SERVICES, ENDPOINTSLICES):
        yield Leftovers(resource, inward)
        yield HostLeftovers(resource, outward)
