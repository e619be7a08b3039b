"""How long to wait after failures in a row: growing, capped and spread, so that many waiters do not return at once.

Decides only; who waits, and the chance in it, are the caller's.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Delays in seconds: ``base`` after the first failure, ``factor`` times more after each further one, up to ``cap``.

    Of each delay the last ``spread`` (a share of it) is left to chance.
    """

    base: float = 0.5
    cap: float = 30.0
    factor: float = 2.0
    spread: float = 0.5

    def delay(self, failures: int, chance: float) -> float:
        """Return the seconds to wait after so many failures in a row; ``chance`` is from 0 to 1."""
        if failures <= 0:
            return 0.0
        # The exponent is bounded so that a fault of weeks does not overflow a float.
        full = min(self.cap, self.base * self.factor ** min(failures - 1, 64))
        return full * (1 - self.spread * (1 - chance))
