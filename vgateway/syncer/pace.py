"""How many reconciles may be under way at once: as many as the API servers answer gladly.

Grows by one per round of successes. Halves when a server asks for patience (429) or cannot be reached, and then
nothing starts for as long as was asked, or for a pause that grows with every such answer in a row; what is tried
after the pause is few, so that a server that comes back is not met by all at once. Where patience was asked for there
is a ceiling, which is tried again only now and then: each try beyond costs a pause. Pure: the time is an argument.
"""

from dataclasses import dataclass, field

from vgateway.kube.backoff import Backoff

# The longest pause is the longest that a server that came back goes unnoticed.
PAUSES = Backoff(base=0.2, cap=5.0, spread=0.0)
# How long a ceiling stands before it is raised, and by what share of itself, though by one at least.
CEILING_SECONDS = 5.0
CEILING_SHARE = 0.25
# One place in so many is kept from a namespace that has all others.
RESERVED = 4


@dataclass(slots=True)
class Pace:
    """A limit between ``least`` and ``most`` that follows the servers' answers; times are in seconds."""

    least: int = 2
    most: int = 32
    limit: float = 16.0
    pauses: Backoff = field(default_factory=lambda: PAUSES)
    in_a_row: int = 0
    ceiling: float = float("inf")
    _closed_until: float = 0.0
    _raised_at: float = 0.0

    def allows(self, under_way: int, now: float) -> bool:
        """Say whether one more may start."""
        return under_way < int(self.limit) and now >= self._closed_until

    def share(self) -> int:
        """Return how many of one namespace may be under way: a few places are for the others, should it hang."""
        most = int(self.limit)
        return most - most // RESERVED

    def opens(self) -> float:
        """Return the time until which nothing may start."""
        return self._closed_until

    def went_well(self, now: float) -> None:
        """Take an answer into account that was given gladly."""
        self.in_a_row = 0
        if now - self._raised_at >= CEILING_SECONDS and self.limit + 1 > self.ceiling:
            self.ceiling += max(1.0, self.ceiling * CEILING_SHARE)
            self._raised_at = now
        self.limit = max(self.limit, min(float(self.most), self.ceiling, self.limit + 1.0 / self.limit))

    def slow_down(self, now: float, retry_after: float | None, *, too_many: bool) -> bool:
        """Take a failure to answer into account, ``too_many`` if it is a 429; further ones in a pause change nothing.

        Return whether a pause began.
        """
        if now < self._closed_until:
            return False
        if too_many:
            self.ceiling = max(float(self.least), int(self.limit) - 1.0)
            self._raised_at = now
        self.in_a_row += 1
        self.limit = max(float(self.least), self.limit / 2)
        self._closed_until = now + max(retry_after or 0.0, self.pauses.delay(self.in_a_row, 1.0))
        return True
