"""One run of the benchmarks, and what a scenario is."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.contenders import Starter
from benchmarks.figures import Samples
from benchmarks.place import Place
from vgateway.local.progress import Progress, Step


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the benchmarks: ``wanted`` holds names of figures, ``samples`` takes what is measured."""

    place: Place
    starter: Starter
    wanted: frozenset[str]
    rounds: int
    samples: Samples
    progress: Progress

    def wants(self, *figures: str) -> bool:
        """Tell whether one of the figures was asked for."""
        return not self.wanted.isdisjoint(figures)

    def wants_row(self, row: str) -> bool:
        """Tell whether a figure of a row was asked for: its name is the row's and one word."""
        return any(figure.rpartition(".")[0] == row for figure in self.wanted)


Measure = Callable[[Run, Step], None]


@dataclass(frozen=True, slots=True)
class Scenario:
    """A name for people, the figures it yields, and how it runs."""

    name: str
    figures: tuple[str, ...]
    run: Measure
