"""Kubernetes' quantities as exact numbers, and what a pod asks of its node."""

import re
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

_QUANTITY = re.compile(r"([+-]?[0-9]*\.?[0-9]*)(?:([eE][+-]?[0-9]+)|([numkMGTPE]?|[KMGTPE]i))")
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {f"{letter}i": 10 * power for power, letter in enumerate("KMGTPE", start=1)}

Amounts = dict[str, Fraction]


def parse_quantity(text: str) -> Fraction:
    """Read a quantity, ``1500m`` or ``2Gi``. Raises ValueError for what is none."""
    found = _QUANTITY.fullmatch(text)
    if found is None or not any(char.isdigit() for char in found[1]):
        raise ValueError(f"{text!r} is no quantity")
    number, exponent, suffix = Fraction(found[1]), found[2], found[3] or ""
    if exponent:
        return number * Fraction(10) ** int(exponent[1:])
    return number * (2 ** _BINARY[suffix] if suffix in _BINARY else Fraction(10) ** _DECIMAL[suffix])


def format_quantity(resource: str, amount: Fraction) -> str:
    """Write an amount, rounded down: processors in thousandths, anything else in whole units."""
    if resource == "cpu":
        return f"{int(amount * 1000 // 1)}m"
    return str(int(amount // 1))


def pod_requests(pod: Mapping[str, Any]) -> Amounts:
    """Return what a scheduler counts a pod as: its containers together, or what its start takes if that is more.

    Sidecars run from their start on, beside what starts after them (KEP-753). Resources of the pod as a whole count
    instead of its containers' (KEP-2837). Each pod is one of ``pods``.
    """
    spec = pod.get("spec") or {}
    running: Amounts = {}
    starting: Amounts = {}
    for container in spec.get("initContainers") or ():
        if container.get("restartPolicy") == "Always":
            running = _sum(running, _requests(container))
            starting = _most(starting, running)
        else:
            starting = _most(starting, _sum(running, _requests(container)))
    for container in spec.get("containers") or ():
        running = _sum(running, _requests(container))
    total = _most(running, starting) | _requests(spec)
    return _sum(_sum(total, _amounts(spec.get("overhead"))), {"pods": Fraction(1)})


def room_left(capacity: Mapping[str, str], taken: Iterable[Amounts]) -> dict[str, str]:
    """Return what of a node's resources is left beside pods; never less than nothing."""
    used: Amounts = {}
    for amounts in taken:
        used = _sum(used, amounts)
    return {
        name: format_quantity(name, max(Fraction(0), parse_quantity(text) - used[name])) if used.get(name) else text
        for name, text in capacity.items()
    }


def _requests(of: Mapping[str, Any]) -> Amounts:
    return _amounts((of.get("resources") or {}).get("requests"))


def _amounts(given: Mapping[str, Any] | None) -> Amounts:
    return {name: parse_quantity(str(value)) for name, value in (given or {}).items()}


def _sum(one: Amounts, other: Amounts) -> Amounts:
    return {name: one.get(name, Fraction(0)) + other.get(name, Fraction(0)) for name in {**one, **other}}


def _most(one: Amounts, other: Amounts) -> Amounts:
    return {name: max(one.get(name, Fraction(0)), other.get(name, Fraction(0))) for name in {**one, **other}}
