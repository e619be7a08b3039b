import io
import time

import pytest
from rich.console import Console

from vgateway.local.progress import Progress, duration


def recorded(*, terminal: bool) -> tuple[Progress, io.StringIO]:
    output = io.StringIO()
    return Progress(Console(file=output, force_terminal=terminal, width=100), interval=0.01), output


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (9.4, "9.4 s"), (12.3, "12 s"), (60, "1:00 min"), (185, "3:05 min")]
)
def test_durations_are_written_for_people(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_without_a_terminal_a_long_step_says_now_and_then_how_far_it_is() -> None:
    progress, output = recorded(terminal=False)
    with progress.step("building [x]") as step:
        step.note("7 packages compiled")
        while "7 packages" not in output.getvalue():
            time.sleep(0.001)
    first, *between, last = output.getvalue().splitlines()
    assert first == "… building [x]"
    assert between[-1].endswith("7 packages compiled")
    assert last.startswith("✓ building [x] (")


@pytest.mark.parametrize("terminal", [True, False])
def test_a_failed_step_is_shown_and_its_error_passes_through(terminal: bool) -> None:
    progress, output = recorded(terminal=terminal)
    with pytest.raises(ZeroDivisionError), progress.step("dividing"):
        _ = 1 / 0
    assert "✗ dividing" in output.getvalue()


def test_steps_on_a_terminal_share_one_display() -> None:
    progress, output = recorded(terminal=True)
    with progress.step("outer"), progress.step("inner"):
        progress.say("a line between")
    text = output.getvalue()
    assert text.index("a line between") < text.index("✓ inner") < text.index("✓ outer")
