"""The grammar of paths into an object: ``spec.containers[*].image``, ``metadata.annotations["a.b/c"]``. Pure.

A step is a field's name, an index of a list, or every element of a list or map (``[*]``, ``[]`` or ``*``).
"""

import re
from enum import Enum


class Every(Enum):
    """The step that goes to every element."""

    ELEMENT = "*"


EVERY = Every.ELEMENT
Step = str | int | Every
Path = tuple[Step, ...]

_STEP = re.compile(
    r"""(?P<name>(?:^|\.)[A-Za-z_$][-\w$]*)
      | (?P<star>(?:^|\.)\*)
      | \[ (?: (?P<every>\*?) | (?P<index>\d{1,6}) | "(?P<double>[^"]+)" | '(?P<single>[^']+)' ) \]""",
    re.VERBOSE,
)


def parse_path(text: str) -> Path:
    """Return the steps of a path. Raises ValueError saying where it goes wrong."""
    steps: list[Step] = []
    at = 0
    while at < len(text):
        found = _STEP.match(text, at) if at else _STEP.fullmatch(text, 0, _first_end(text))
        if found is None:
            raise ValueError(f'a step such as .name, [0], [*] or ["a.b"] is expected at {text[at:][:20]!r}')
        steps.append(_step(found))
        at = found.end()
    if not steps:
        raise ValueError("a path is expected")
    return tuple(steps)


def _first_end(text: str) -> int:
    """Return where the first step ends: a path begins with a field, never with a bracket."""
    found = re.match(r"[^.\[]*", text)
    return found.end() if found else 0


def _step(found: re.Match[str]) -> Step:
    if found["name"] is not None:
        return found["name"].removeprefix(".")
    if found["index"] is not None:
        return int(found["index"])
    return found["double"] or found["single"] or EVERY
