"""What a relayed request looks like on its way up: a value that the handlers build and the relay sends."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One request as the upstream shall see it.

    ``target`` goes on the wire byte for byte (raw path and query). ``headers`` are end-to-end headers only: the relay
    itself adds Connection, Upgrade, Content-Length and Transfer-Encoding from the client's request, Host (unless one is
    given) and the upstream's own Authorization. ``endless`` says that ending the response at any chunk boundary is
    harmless (a watch): a drain then ends it cleanly.
    """

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    endless: bool = False
