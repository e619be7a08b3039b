"""How many reconciles may be under way at once: as many as the API servers answer gladly.

Grows by one per round of successes; halves when a server asks for patience (429) or cannot be reached, and then
nothing starts for as long as was asked, or for a pause that grows with every such answer in a row. What is tried
after the pause is few, so that a server that comes back is not met by all at once. Pure: the time is an argument.
"""

from dataclasses import dataclass, field

from vgateway.kube.backoff import Backoff

# The longest pause is the longest that a server that came back goes unnoticed.
PAUSES = Backoff(base=0.2, cap=5.0, spread=0.0)


@dataclass(slots=True)
class Pace:
    """A limit between ``least`` and ``most`` that follows the servers' answers; times are in seconds."""

    least: int = 2
    most: int = 32
    limit: float = 16.0
    pauses: Backoff = field(default_factory=lambda: PAUSES)
    in_a_row: int = 0
    _closed_until: float = 0.0

    def allows(self, under_way: int, now: float) -> bool:
        """Say whether one more may start."""
        return under_way < int(self.limit) and now >= self._closed_until

    def opens(self) -> float:
        """Return the time until which nothing may start."""
        return self._closed_until

    def went_well(self) -> None:
        """Take an answer into account that was given gladly."""
        self.in_a_row = 0
        self.limit = min(float(self.most), self.limit + 1.0 / self.limit)

    def slow_down(self, now: float, retry_after: float | None) -> bool:
        """Take a 429 or a failure to answer into account; further ones within the same pause change nothing.

        Return whether a pause began.
        """
        if now < self._closed_until:
            return False
        self.in_a_row += 1
        self.limit = max(float(self.least), self.limit / 2)
        self._closed_until = now + max(retry_after or 0.0, self.pauses.delay(self.in_a_row, 1.0))
        return True
