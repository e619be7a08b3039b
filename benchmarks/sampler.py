"""Tells where a process spends its CPU time: looks at the stack once per tick of the CPU clock, on the main thread.

Unlike a tracing profiler it does not make calls dearer than loops, nor charge a sender for being preempted by its
receiver. Time in C code counts for the Python function that called it; the event loop's own for what it calls next.
"""

import contextlib
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

TICK_SECONDS = 0.001
LINES = 45


class Sampler:
    """Counts, by function, the ticks spent in it and the ticks spent in it or in what it called."""

    def __init__(self) -> None:
        self.ticks = 0
        self.own: Counter[str] = Counter()
        self.total: Counter[str] = Counter()

    def tick(self, _signal: int, frame: FrameType | None) -> None:
        """Note the stack."""
        self.ticks += 1
        stack = []
        while frame is not None:
            stack.append(_name(frame))
            frame = frame.f_back
        self.own.update(stack[:1])
        self.total.update(set(stack))

    def table(self) -> str:
        """Return the functions with the most time of their own."""
        rows = [
            f"{count / self.ticks:7.1%} {self.total[name] / self.ticks:7.1%}  {name}"
            for name, count in self.own.most_common(LINES)
        ]
        return "\n".join([f"{self.ticks} ticks of CPU time", "    own   total  function", *rows, ""])


@contextlib.contextmanager
def sampled(path: Path | None) -> Iterator[None]:
    """Sample the body and write the table to ``path``, if there is one."""
    if path is None:
        yield
        return
    sampler = Sampler()
    signal.signal(signal.SIGPROF, sampler.tick)
    signal.setitimer(signal.ITIMER_PROF, TICK_SECONDS, TICK_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        path.write_text(sampler.table())


def _name(frame: FrameType) -> str:
    code = frame.f_code
    return f"{'/'.join(Path(code.co_filename).parts[-2:])}:{code.co_qualname}"
