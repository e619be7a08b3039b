"""Which instances of local clusters this machine has: each reserves a number, and never takes another's.

A reservation is a directory named by the number that holds the owner's state directory; it appears whole by a rename.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterable
from ipaddress import IPv4Network
from pathlib import Path

import orjson

from vgateway.local.addresses import FIRST_CHOICE, STORE_PORT, Addresses
from vgateway.local.errors import LocalError
from vgateway.local.processes import can_listen, run

OWNER = "home"


def reserve(root: Path, home: Path, *, rooted: bool) -> int:
    """Return this state directory's number, reserving one that is free if it has none.

    Raises LocalError when every number is taken.
    """
    mine = reserved(root, home)
    if mine is not None:
        return mine
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    taken = used_networks() if rooted else []
    for number in candidates(rooted=rooted, taken=taken, listens=can_listen):
        if _take(root, home, number):
            return number
    raise LocalError("no network is left for local clusters: `vgateway local down` elsewhere frees one")


def reclaim(root: Path, home: Path, number: int) -> None:
    """Make sure of a number that is recorded as this state directory's: a reboot forgets reservations.

    Raises LocalError when it belongs to another instance by now.
    """
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    owner = root / str(number) / OWNER
    if not _take(root, home, number) and not (owner.exists() and owner.read_text() == str(home)):
        raise LocalError(f"the network of {home} is another instance's by now: `vgateway local down` first")


def reserved(root: Path, home: Path) -> int | None:
    """Return the number that belongs to this state directory, None if it has none."""
    for owner in root.glob(f"*/{OWNER}"):
        if owner.read_text() == str(home):
            return int(owner.parent.name)
    return None


def is_alone(root: Path, number: int) -> bool:
    """Say whether no other instance is on this machine."""
    return all(owner.parent.name == str(number) for owner in root.glob(f"*/{OWNER}"))


def release(root: Path, number: int) -> None:
    """Give a number back, and remove the directory of reservations with the last one."""
    shutil.rmtree(root / str(number), ignore_errors=True)
    try:
        root.rmdir()
    except OSError:
        # Another instance is there.
        return


def candidates(*, rooted: bool, taken: Iterable[IPv4Network], listens: Callable[[str, int], bool]) -> Iterable[int]:
    """Yield the numbers whose network nobody uses, in the order of preference."""
    networks = list(taken)
    for number in FIRST_CHOICE:
        addresses = Addresses(number, rooted)
        if not any(addresses.network.overlaps(network) for network in networks) and listens(
            addresses.store, STORE_PORT
        ):
            yield number


def used_networks() -> list[IPv4Network]:
    """Return the networks that this machine has addresses in or routes to, but for the default route."""
    return parse_routes(run(["ip", "-json", "-4", "route", "show", "table", "all"]))


def parse_routes(output: str) -> list[IPv4Network]:
    """Read the destinations from ``ip -json route``."""
    destinations = [route["dst"] for route in orjson.loads(output or "[]") if route.get("dst") != "default"]
    return [IPv4Network(destination, strict=False) for destination in destinations]


def _take(root: Path, home: Path, number: int) -> bool:
    """Reserve one number; False if somebody was faster."""
    made = Path(tempfile.mkdtemp(prefix=".new-", dir=root))
    (made / OWNER).write_text(str(home))
    try:
        made.rename(root / str(number))
    except OSError:
        shutil.rmtree(made)
        return False
    return True
