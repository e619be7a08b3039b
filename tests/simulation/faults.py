"""What goes wrong between the engine and an API server, drawn from the seed; nothing once it is calm."""

from dataclasses import dataclass, field
from random import Random

SLOW = 20.0


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of one call: seconds there and back, the refusal in place of an answer, and whether it is done."""

    there: float
    back: float
    code: int = 200
    retry_after: str | None = None
    done: bool = True
    answered: bool = True


@dataclass(slots=True)
class Faults:
    """``rate`` is the share of calls that fail; ``down`` names the sides that cannot be reached."""

    chance: Random
    rate: float
    lag: float
    calm: bool = False
    down: set[str] = field(default_factory=set)

    def of_call(self, side: str) -> Fate:
        """Draw what becomes of a call."""
        there, back = self._seconds(), self._seconds()
        if self.calm:
            return Fate(there, back)
        if self.is_down(side):
            return Fate(there, back, done=False, answered=False)
        if self.chance.random() >= self.rate:
            return Fate(there, back)
        match self.chance.randrange(6):
            case 0:
                return Fate(there, back, 429, self.chance.choice([None, "1", "3"]), done=False)
            case 1:
                return Fate(there, back, self.chance.choice([500, 503]), done=False)
            case 2:
                return Fate(there, back, 409, done=False)
            case 3:
                return Fate(there, back + self.chance.random() * SLOW, done=False, answered=False)
            case 4:
                return Fate(there, back, 504)  # done, though the answer says otherwise
        return Fate(there + self.chance.random() * 2, back + self.chance.random() * SLOW, answered=False)

    def of_watch(self, side: str) -> str:
        """Draw what becomes of a watch before its next delivery: "", "breaks", "ends", "expires", "hangs"."""
        if self.calm:
            return ""
        if self.is_down(side):
            return "breaks"
        if self.chance.random() >= self.rate:
            return ""
        return self.chance.choice(["breaks", "breaks", "ends", "expires", "hangs", "repeats", "bookmark"])

    def is_down(self, side: str) -> bool:
        """Say whether a side cannot be reached."""
        return side in self.down and not self.calm

    def _seconds(self) -> float:
        slow = not self.calm and self.chance.random() < 0.05
        return self.chance.random() * (self.lag * 20 if slow else self.lag)
