"""From the spelling of before vcluster.yaml to today's: a document in, a document out, and what could not go over."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from vgateway.config.older import FLAGS, GONE, IMPLIED, ISOLATION, MOVES, Move
from vgateway.config.vocabulary import EMPTY, NOT_YET, is_idle

NOTHING = object()


def without_idle(document: dict[str, Any]) -> dict[str, Any]:
    """Take out of a document what nothing of ours answers to, where it asks for nothing; return the document."""
    for path in sorted(NOT_YET | EMPTY):
        value = take(document, path)
        if value is not NOTHING and not is_idle(value):
            put_back(document, path, value)
    return document


def put_back(document: dict[str, Any], path: str, value: Any) -> None:
    """Put back what was taken."""
    *parents, last = path.split(".")
    for step in parents:
        document = document.setdefault(step, {})
    document[last] = value


@dataclass(slots=True)
class Converted:
    """Today's document. ``origins`` tells by today's path how a key was spelled; each line of the rest has its path."""

    document: dict[str, Any]
    origins: dict[str, str] = field(default_factory=dict)
    dropped: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def origin_of(self, path: str) -> str:
        """Return how the key at today's path, or a section around it, was spelled; "" when it was today's way."""
        steps = path.split(".")
        around = (".".join(steps[:end]) for end in range(len(steps), 0, -1))
        return next((self.origins[one] for one in around if one in self.origins), "")


def convert(document: Mapping[str, Any]) -> Converted:
    """Respell a document. One that is of today comes back equal; keys that neither knows stay where they are."""
    done = Converted(deepcopy(dict(document)))
    for path, (harmless, why) in GONE.items():
        _drop(done, path, harmless, why)
    _isolation(done)
    _flags(done)
    for move in MOVES:
        value = take(done.document, move.old)
        if value is not NOTHING:
            _put(done, move, move.old, value)
    return done


def _drop(done: Converted, path: str, harmless: tuple[Any, ...], why: str) -> None:
    value = take(done.document, path)
    if value is NOTHING:
        return
    if value in harmless:
        done.dropped.append(f"{path}: left out: {why}")
    else:
        done.problems.append(f"{path}: not supported: {why}")


def _isolation(done: Converted) -> None:
    """Spell out what ``isolation.enabled`` turned on by itself; without it, its section said nothing."""
    section = take(done.document, "isolation")
    if section is NOTHING:
        return
    if not isinstance(section, dict):
        done.problems.append("isolation: a mapping is expected")
        return
    done.problems.extend(f"isolation.{key}: unknown key" for key in section if key not in ISOLATION)
    if not section.get("enabled"):
        done.dropped.append("isolation: left out: it is not enabled")
        return
    for key, value in _isolated(section):
        _put(done, Move("isolation", f"policies.{key}"), "isolation", value)


def _isolated(section: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield "podSecurityStandard", section.get("podSecurityStandard", "baseline")
    for key in ("resourceQuota", "limitRange"):
        yield key, {"enabled": True, **(section.get(key) or {})}
    network = {"enabled": True, **(section.get("networkPolicy") or {})}
    outgoing = network.pop("outgoingConnections", None)
    if outgoing:
        network["workload"] = {"publicEgress": {"enabled": True, **(outgoing.get("ipBlock") or {})}}
    yield "networkPolicy", network


def _flags(done: Converted) -> None:
    given = take(done.document, "syncer.extraArgs")
    for position, flag in enumerate([] if given is NOTHING else given or []):
        name, equals, value = str(flag).partition("=")
        spelled, move = f"syncer.extraArgs[{position}]", FLAGS.get(name)
        if move is None:
            done.problems.append(f"{spelled}: {name} is not supported")
            continue
        _put(done, move, spelled, _typed(value) if equals else True)
        if name in IMPLIED:
            _put(done, Move(name, IMPLIED[name]), spelled, True)


def _typed(value: str) -> Any:
    return {"true": True, "false": False}.get(value, value)


def _put(done: Converted, move: Move, spelled: str, value: Any) -> None:
    """Write a value where it belongs today; what is said there already must agree."""
    try:
        changed = move.change(value)
    except ValueError as error:
        done.problems.append(f"{spelled}: {error}, not {value!r}")
        return
    *parents, last = move.new.split(".")
    section: Any = done.document
    for step in parents:
        section = section.setdefault(step, {}) if isinstance(section, dict) else section
    if not isinstance(section, dict) or not _merge(section, last, changed):
        done.problems.append(f"{spelled}: says otherwise than {move.new}, which is today's spelling")
    done.origins.setdefault(move.new, spelled)


def _merge(section: dict[str, Any], key: str, value: Any) -> bool:
    """Add a value: mappings and lists join, anything else must be the same. Say whether it could be done."""
    have = section.get(key)
    if have is None:
        section[key] = value
        return True
    if isinstance(have, dict) and isinstance(value, dict):
        return all(_merge(have, inner, one) for inner, one in value.items())
    if isinstance(have, list) and isinstance(value, list):
        have.extend(one for one in value if one not in have)
        return True
    return bool(have == value)


def take(document: dict[str, Any], path: str) -> Any:
    """Remove and return what is at a path, and the sections that are empty without it; NOTHING if there is nothing."""
    step, _, rest = path.partition(".")
    if step not in document:
        return NOTHING
    if not rest:
        return document.pop(step)
    inner = document[step]
    if not isinstance(inner, dict):
        return NOTHING
    found = take(inner, rest)
    if found is not NOTHING and not inner:
        del document[step]
    return found
