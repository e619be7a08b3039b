"""How many reconciles may be under way at once: as many as the host answers gladly.

Grows by one per round of successes, halves when the host says 429, and stands still for as long as the host asked.
Pure: the time is an argument.
"""

from dataclasses import dataclass


@dataclass(slots=True)
class Pace:
    """A limit between ``least`` and ``most`` that follows the host's answers; times are in seconds."""

    least: int = 2
    most: int = 32
    limit: float = 16.0
    _closed_until: float = 0.0

    def allows(self, under_way: int, now: float) -> bool:
        """Say whether one more may start."""
        return under_way < int(self.limit) and now >= self._closed_until

    def opens(self) -> float:
        """Return the time until which nothing may start."""
        return self._closed_until

    def went_well(self) -> None:
        """Take a success into account."""
        self.limit = min(float(self.most), self.limit + 1.0 / self.limit)

    def slow_down(self, now: float, retry_after: float | None) -> None:
        """Take a 429 into account; further ones within the same pause change nothing."""
        if now < self._closed_until:
            return
        self.limit = max(float(self.least), self.limit / 2)
        self._closed_until = now + (retry_after if retry_after is not None else 0.2)
