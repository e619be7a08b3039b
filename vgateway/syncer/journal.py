"""What was decided last about each key, in words: kept for ``explain``, read by no decision. Pure.

Bounded: the keys that were decided about longest ago are forgotten first.
"""

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from vgateway.syncer.memory import Work
from vgateway.syncer.steps import (
    Bind,
    CreateHost,
    CreateVirtual,
    DeleteHost,
    DeleteVirtual,
    IssueTokens,
    PatchHost,
    PatchVirtual,
    Requeue,
    Step,
    Tell,
)

KEPT = 5_000


@dataclass(frozen=True, slots=True)
class Decision:
    """The last round that did something, and what went wrong since; times are seconds of the epoch."""

    at: float = 0.0
    steps: tuple[str, ...] = ()
    failed_at: float = 0.0
    outcome: str = "done"
    error: str = ""
    again: float | None = None


class Journal:
    """The last decisions by key."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._last: OrderedDict[Work, Decision] = OrderedDict()

    def last(self, work: Work) -> Decision | None:
        """Return what was decided last, None if that is not known any more."""
        return self._last.get(work)

    def takes(self, work: Work, now: float, step: Step) -> None:
        """Note a step that is about to be taken; ``now`` is when its round began."""
        before = self._last.get(work, Decision())
        steps = (*before.steps, in_words(step)) if before.at == now else (in_words(step),)
        self._put(work, replace(before, at=now, steps=steps))

    def went_well(self, work: Work) -> None:
        """Note that a round ended well: what failed before has been overcome."""
        before = self._last.get(work)
        if before is not None and before.error:
            self._put(work, Decision(before.at, before.steps))

    def failed(self, work: Work, now: float, outcome: str, error: str, again: float) -> None:
        """Note a failed round; ``again`` is in how many seconds the key is looked at again."""
        before = self._last.get(work, Decision())
        self._put(work, replace(before, failed_at=now, outcome=outcome, error=error, again=again))

    def _put(self, work: Work, decision: Decision) -> None:
        self._last[work] = decision
        self._last.move_to_end(work)
        if len(self._last) > self._kept:
            self._last.popitem(last=False)


def in_words(step: Step) -> str:
    """Say what a step does, to which object and why."""
    side = "host" if isinstance(step, CreateHost | PatchHost | DeleteHost) else "virtual"
    match step:
        case CreateHost(resource, body) | CreateVirtual(resource, body):
            return f"create {side} {resource.plural} {body['metadata']['name']}"
        case PatchHost(resource, key, patch, subresource) | PatchVirtual(resource, key, patch, subresource):
            return f"change {side} {_part(resource.plural, subresource)} {key}: {', '.join(changed_paths(patch))}"
        case DeleteHost(resource, key, _, why) | DeleteVirtual(resource, key, _, why):
            return f"delete {side} {resource.plural} {key}: {why}"
        case Bind(key, _, node):
            return f"bind virtual pods {key} to the node {node}"
        case IssueTokens(pod):
            return f"issue the service-account tokens of {pod}"
        case Tell(reason, message):
            return f"tell the tenant ({reason}): {message}"
        case Requeue(after):
            return f"look again in {after:.0f} s"
    return "remember what both sides agree on"


def _part(plural: str, subresource: str) -> str:
    return f"{plural}/{subresource}" if subresource else plural


def changed_paths(patch: Mapping[str, Any], depth: int = 2) -> Iterator[str]:
    """Yield the paths that a patch changes, down to ``depth`` names; values are nobody's business here."""
    for name, value in patch.items():
        if depth > 1 and isinstance(value, Mapping) and value:
            yield from (f"{name}.{path}" for path in changed_paths(value, depth - 1))
        else:
            yield name
