"""Label and field selectors as API clients write them in a query.

The grammar is that of ``k8s.io/apimachinery/pkg/labels``: ``a=b``, ``a==b``, ``a!=b``, ``a in (b,c)``,
``a notin (b,c)``, ``a``, ``!a``, ``a>1``, ``a<1``, joined by commas that all must hold.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

_KEY = r"(?:[A-Za-z0-9.-]{1,253}/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_VALUE = r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?"
_TERM = re.compile(
    rf"\s*(?:!\s*(?P<absent>{_KEY})"
    rf"|(?P<key>{_KEY})(?:\s*(?P<sign>==|=|!=|>|<)\s*(?P<value>{_VALUE})"
    rf"|\s+(?P<set>in|notin)\s*\((?P<values>[^()]*)\))?)\s*(?:,|$)"
)
_WHOLE_VALUE = re.compile(_VALUE)
_NUMBER = re.compile(r"-?[0-9]{1,19}")
_FIELD = re.compile(r"([a-z][A-Za-z.]*)(==|=|!=)([^=!,]*)")


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition. ``operator`` is one of ``in``, ``notin``, ``exists``, ``absent``, ``>`` and ``<``."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Say whether labels fulfil it; what has no such label has none of the values either."""
        value = labels.get(self.key)
        match self.operator:
            case "exists":
                return value is not None
            case "absent":
                return value is None
            case "in":
                return value in self.values
            case "notin":
                return value not in self.values
        if value is None or not _NUMBER.fullmatch(value):
            return False
        compared = int(value), int(self.values[0])
        return compared[0] > compared[1] if self.operator == ">" else compared[0] < compared[1]


Selector = tuple[Requirement, ...]


def parse_selector(text: str) -> Selector:
    """Read a label selector, "" for everything. Raises ValueError for what is none."""
    found = []
    at = 0
    while at < len(text):
        term = _TERM.match(text, at)
        if term is None:
            raise ValueError(f"unable to parse {text!r} as a label selector at {text[at:][:40]!r}")
        found.append(_requirement(term))
        at = term.end()
    if text.rstrip().endswith(","):
        raise ValueError(f"unable to parse {text!r} as a label selector: it ends with a comma")
    return tuple(found)


def _requirement(term: "re.Match[str]") -> Requirement:
    if term["absent"]:
        return Requirement(term["absent"], "absent")
    if term["set"]:
        values = tuple(value.strip() for value in term["values"].split(","))
        if not all(map(_WHOLE_VALUE.fullmatch, values)):
            raise ValueError(f"unable to parse {term['values']!r} as values of labels")
        return Requirement(term["key"], term["set"], values)
    match term["sign"]:
        case None:
            return Requirement(term["key"], "exists")
        case "=" | "==":
            return Requirement(term["key"], "in", (term["value"],))
        case "!=":
            return Requirement(term["key"], "notin", (term["value"],))
    if not _NUMBER.fullmatch(term["value"]):
        raise ValueError(f"unable to compare labels with {term['value']!r}: a number is expected")
    return Requirement(term["key"], term["sign"], (term["value"],))


def selects(selector: Selector, labels: Mapping[str, str]) -> bool:
    """Say whether labels fulfil all of a selector."""
    return all(requirement.holds(labels) for requirement in selector)


def parse_fields(text: str, known: Collection[str]) -> Selector:
    """Read a field selector over the fields in ``known``. Raises ValueError for another field or what is none."""
    return tuple(_field(term, known) for term in filter(None, (term.strip() for term in text.split(","))))


def _field(term: str, known: Collection[str]) -> Requirement:
    found = _FIELD.fullmatch(term)
    if found is None:
        raise ValueError(f"unable to parse {term!r} as a field selector")
    if found[1] not in known:
        raise ValueError(f"field label not supported: {found[1]}")
    return Requirement(found[1], "notin" if found[2] == "!=" else "in", (found[3],))
