"""The body of an answer that is not relayed: kept, up to a limit, for whoever words the refusal.

Knows no connection. A body longer than the limit, or cut short, is handed over as far as it goes.
"""

from vgateway.wire.framing import Body, ChunkedBody
from vgateway.wire.outgoing import REFUSAL_LIMIT


class RefusedBody:
    """Collects a body as it arrives."""

    __slots__ = ("_body", "_kept")

    def __init__(self, body: Body) -> None:
        self._body = body
        self._kept = bytearray()

    def feed(self, data: bytes) -> bool:
        """Take bytes of the body; say whether there is enough."""
        taken = self._body.feed(data)
        self._kept += data[: min(taken, REFUSAL_LIMIT - len(self._kept))]
        return self._body.done or len(self._kept) >= REFUSAL_LIMIT

    def content(self) -> bytes:
        """Return what arrived, without the framing of chunks."""
        raw = bytes(self._kept)
        return dechunked(raw) if type(self._body) is ChunkedBody else raw


def dechunked(raw: bytes) -> bytes:
    """Take the data out of well-formed chunks, as many as there are."""
    pieces: list[bytes] = []
    while True:
        line, end, rest = raw.partition(b"\r\n")
        size = int(line, 16) if end else 0
        if not size:
            return b"".join(pieces)
        pieces.append(rest[:size])
        raw = rest[size + 2 :]
