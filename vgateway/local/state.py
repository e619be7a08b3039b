"""What an instance of local clusters consists of, written down *before* it is made.

So after a kill at any point, whatever may exist can be found: by the record, never by guessing.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson

from vgateway.local.addresses import Addresses
from vgateway.local.errors import LocalError
from vgateway.local.files import write_file


@dataclass(frozen=True, slots=True)
class VirtualCluster:
    """A virtual cluster as it was asked for; ``address`` is its pod IP once it has one."""

    index: int
    store: str = "sqlite"
    address: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """The whole instance: its number among those on this machine, and what it has."""

    number: int
    rooted: bool
    nodes: int = 0
    kwok_nodes: int = 0
    storage: bool = False
    virtual: Mapping[str, VirtualCluster] = field(default_factory=dict)

    @property
    def addresses(self) -> Addresses:
        """Where everything of it is."""
        return Addresses(self.number, self.rooted)

    def next_index(self) -> int:
        """Return the lowest index that no virtual cluster has."""
        taken = {cluster.index for cluster in self.virtual.values()}
        return next(index for index in range(1, len(taken) + 2) if index not in taken)


def refuse_strangers(state: State, *, rooted: bool) -> None:
    """Raise LocalError when clusters are to be changed by a user with other rights than they were started with."""
    if state.rooted and not rooted:
        raise LocalError("these clusters were started by root: do this as root, too")
    if rooted and not state.rooted:
        raise LocalError("these clusters were started without root: do this as their user")


def load_state(path: Path) -> State | None:
    """Return what is recorded, None if nothing is. Raises LocalError when the record cannot be read."""
    try:
        return parse_state(orjson.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise LocalError(f"{path}: not a record of local clusters ({error!r})") from error


def parse_state(document: Mapping[str, Any]) -> State:
    """Read a record as ``save_state`` writes it."""
    virtual = {name: VirtualCluster(**cluster) for name, cluster in document["virtual"].items()}
    return State(**{**document, "virtual": virtual})


def save_state(path: Path, state: State) -> None:
    """Write the record; it changes whole or not at all."""
    write_file(path, orjson.dumps(asdict(state), option=orjson.OPT_INDENT_2))
