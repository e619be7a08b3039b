"""Says what is being done and for how long: a live line on a terminal, plain lines now and then elsewhere.

It only shows; it decides nothing. Steps may run side by side in several threads. A step that fails is shown as
failed and its exception passes through.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress as LiveDisplay
from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

PLAIN_INTERVAL = 20.0
"""Seconds between two plain lines of a step that takes long."""


class Step:
    """One thing being done; ``note`` replaces the detail shown beside its name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.detail = ""
        self.started = time.monotonic()

    def note(self, detail: str) -> None:
        """Say how far it has come; shown with the next refresh."""
        self.detail = detail

    def seconds(self) -> float:
        """Return how long it has been running."""
        return time.monotonic() - self.started


class Progress:
    """Shows steps on ``console``: live when that is a terminal, else one line at the start, at the end and between."""

    def __init__(self, console: Console | None = None, interval: float = PLAIN_INTERVAL) -> None:
        self.console = console or Console()
        self._interval = interval
        self._lock = threading.Lock()
        self._live: LiveDisplay | None = None
        self._shown = 0

    def say(self, text: str) -> None:
        """Print a line, above the live ones if there are any."""
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Show ``name`` as being done until the block ends, then how long it took."""
        step = Step(name)
        try:
            with self._on_terminal(step) if self.console.is_terminal else self._in_lines(step):
                yield step
        except BaseException:
            self.say(f"✗ {name} ({duration(step.seconds())})")
            raise
        self.say(f"✓ {name} ({duration(step.seconds())})")

    @contextmanager
    def _on_terminal(self, step: Step) -> Iterator[None]:
        live = self._enter_live()
        task = live.add_task(step.name, total=None, step=step)
        try:
            yield
        finally:
            live.remove_task(task)
            self._leave_live()

    def _enter_live(self) -> LiveDisplay:
        with self._lock:
            if self._live is None:
                detail = TextColumn("{task.fields[step].detail}", style="dim", markup=False)
                name = TextColumn("{task.description}", markup=False)
                self._live = LiveDisplay(
                    SpinnerColumn(), name, detail, TimeElapsedColumn(), console=self.console, transient=True
                )
                self._live.start()
            self._shown += 1
            return self._live

    def _leave_live(self) -> None:
        with self._lock:
            self._shown -= 1
            if self._shown == 0 and self._live is not None:
                self._live.stop()
                self._live = None

    @contextmanager
    def _in_lines(self, step: Step) -> Iterator[None]:
        ended = threading.Event()
        teller = threading.Thread(target=self._tell, args=(step, ended), daemon=True)
        self.say(f"… {step.name}")
        teller.start()
        try:
            yield
        finally:
            ended.set()
            teller.join()

    def _tell(self, step: Step, ended: threading.Event) -> None:
        while not ended.wait(self._interval):
            detail = f", {step.detail}" if step.detail else ""
            self.say(f"… {step.name}: {duration(step.seconds())}{detail}")


def duration(seconds: float) -> str:
    """Write a duration for people: ``0.8 s``, ``12 s``, ``3:05 min``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d} min"
