"""How an API server gives Services their addresses and node ports; few of each, so that they collide."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from vgateway.kube.objects import Obj

ADDRESSES = [f"10.96.0.{last}" for last in range(10, 50)]
NODE_PORTS = list(range(30000, 30040))
Refuse = Callable[..., Exception]
T = TypeVar("T")


def allocate(spec: Obj, others: Sequence[Obj], pick: Callable[[int], int], refuse: Refuse) -> None:
    """Fill in what a Service lacks; refuse what another one has."""
    spec.setdefault("type", "ClusterIP")
    _allocate_address(spec, {other.get("clusterIP") for other in others}, pick, refuse)
    taken = {port["nodePort"] for other in others for port in other.get("ports") or () if "nodePort" in port}
    for port in spec.get("ports") or ():
        if spec["type"] == "ClusterIP":
            port.pop("nodePort", None)
            continue
        if port.get("nodePort") in taken:
            raise refuse(422, "provided port is already allocated", field_path="spec.ports[0].nodePort")
        if "nodePort" not in port:
            port["nodePort"] = _one_of([number for number in NODE_PORTS if number not in taken], pick)
        taken.add(port["nodePort"])


def _allocate_address(spec: Obj, taken: set[str | None], pick: Callable[[int], int], refuse: Refuse) -> None:
    address = spec.get("clusterIP")
    if address and address != "None" and address in taken:
        raise refuse(422, "provided IP is already allocated", field_path="spec.clusterIPs")
    if not address:
        address = _one_of([one for one in ADDRESSES if one not in taken], pick)
    spec |= {
        "clusterIP": address,
        "clusterIPs": [address],
        "ipFamilies": ["IPv4"],
        "ipFamilyPolicy": "SingleStack",
        "internalTrafficPolicy": spec.get("internalTrafficPolicy") or "Cluster",
        "sessionAffinity": spec.get("sessionAffinity") or "None",
    }


def _one_of(free: Sequence[T], pick: Callable[[int], int]) -> T:
    return free[pick(len(free))]


def keep_allocated(old: Obj, new: Obj, refuse: Refuse) -> None:
    """Refuse another address; a port that is patched without its node port keeps it."""
    if new.get("clusterIP") not in (None, "", old["clusterIP"]):
        raise refuse(422, "field is immutable", field_path="spec.clusterIPs[0]")
    new["clusterIP"] = old["clusterIP"]
    known = {(port.get("protocol"), port["port"]): port.get("nodePort") for port in old.get("ports") or ()}
    for port in new.get("ports") or ():
        number = known.get((port.get("protocol"), port["port"]))
        if number and "nodePort" not in port:
            port["nodePort"] = number
