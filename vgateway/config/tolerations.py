"""The grammar of ``enforceTolerations``: ``*``, ``key``, ``key:effect``, ``key=value`` and ``key=value:effect``.

A key without a value tolerates every value of that taint. An entry that Kubernetes would refuse is refused here.
"""

import re
from collections.abc import Mapping

EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_PART = r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_KEY = re.compile(rf"([a-z0-9]([-a-z0-9.]{{0,251}}[a-z0-9])?/)?{_PART}")
_VALUE = re.compile(rf"({_PART})?")


def parse_toleration(text: str) -> Mapping[str, str]:
    """Return the toleration that an entry stands for. Raises ValueError saying what is wrong with it."""
    taint, colon, effect = text.partition(":")
    if colon and effect not in EFFECTS:
        raise ValueError(f"the effect must be one of {', '.join(EFFECTS)}")
    return {**_taint(taint), **({"effect": effect} if effect else {})}


def _taint(taint: str) -> dict[str, str]:
    if taint == "*":
        return {"operator": "Exists"}
    key, equals, value = taint.partition("=")
    if not _KEY.fullmatch(key):
        raise ValueError("key, key:effect, key=value, key=value:effect or * is expected")
    if not _VALUE.fullmatch(value):
        raise ValueError("the value of a taint is at most 63 letters, digits, '-', '_' and '.'")
    return {"key": key, "operator": "Equal", "value": value} if equals else {"key": key, "operator": "Exists"}
