"""By which whoever asked for a relay ends it before it ends by itself. Knows no connection."""

from collections.abc import Callable

from vgateway.errors import GatewayError

End = Callable[[GatewayError], None]


class Ending:
    """Ends one relayed request: refused while nothing was sent, with words where its protocol has any, else cut."""

    __slots__ = ("_end", "_error")

    def __init__(self) -> None:
        self._end: End | None = None
        self._error: GatewayError | None = None

    def attach(self, end: End) -> None:
        """Say how it is ended from now on; at once if that was wanted already."""
        self._end = end
        if self._error is not None:
            end(self._error)

    def end(self, error: GatewayError) -> None:
        """End it; ``error`` is why."""
        self._error = error
        if self._end is not None:
            self._end(error)
