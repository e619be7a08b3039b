"""What a relayed request looks like on its way up: a value that the handlers build and the relay sends."""

from collections.abc import Callable
from typing import NamedTuple

from vgateway.errors import GatewayError
from vgateway.wire.ending import Ending

# How much of a refused answer's body is read before ``Outgoing.refusal`` is asked.
REFUSAL_LIMIT = 64 * 1024


class Outgoing(NamedTuple):
    """One request as the upstream shall see it.

    ``target`` goes on the wire byte for byte (raw path and query). ``headers`` are end-to-end headers only: the relay
    itself adds Connection, Upgrade, Content-Length and Transfer-Encoding from the client's request, Host (unless one is
    given) and the upstream's own Authorization. ``endless`` says that ending the response at any chunk boundary is
    harmless (a watch): a drain then ends it cleanly. ``quiet``: the handler logs the stream itself.

    With ``refusal``, an answer that is no success (not 2xx; not 101 where an upgrade was asked for) is not relayed: its
    code and the first ``REFUSAL_LIMIT`` bytes of its body go to ``refusal``, and the relay raises what that returns.
    ``ending`` is by what the handler may end it early.
    """

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    endless: bool = False
    quiet: bool = False
    refusal: Callable[[int, bytes], GatewayError] | None = None
    ending: Ending | None = None
