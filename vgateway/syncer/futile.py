"""Patches that changed nothing, so that they are not sent with every look at an object.

An API server that does not know a field drops it, and an admission webhook may put its own value back: what we want
then never comes true, and every round would ask for it again. Pure: the time is an argument.
"""

from collections import OrderedDict
from dataclasses import dataclass, field

import orjson

from vgateway.syncer.memory import Work
from vgateway.syncer.steps import PatchHost, PatchVirtual

# After so long a patch is tried again when its object is looked at: servers are upgraded, webhooks removed.
AGAIN_SECONDS = 600.0
KEPT = 10_000


@dataclass(slots=True)
class Futile:
    """Per key and side, the patches that were in vain since one had an effect, and when; the oldest are forgotten."""

    _vain: OrderedDict[tuple[Work, bool], dict[int, float]] = field(default_factory=OrderedDict)

    def is_known(self, work: Work, step: PatchHost | PatchVirtual, now: float) -> bool:
        """Say whether this very patch was in vain a short while ago."""
        at = work, isinstance(step, PatchHost)
        since = self._vain[at].get(_digest(step)) if at in self._vain else None
        return since is not None and now - since < AGAIN_SECONDS

    def note(self, work: Work, step: PatchHost | PatchVirtual, now: float, *, in_vain: bool) -> None:
        """Keep what became of a patch; after one with an effect, others may have one again."""
        at = work, isinstance(step, PatchHost)
        if not in_vain:
            self._vain.pop(at, None)
            return
        self._vain.setdefault(at, {})[_digest(step)] = now
        self._vain.move_to_end(at)
        if len(self._vain) > KEPT:
            self._vain.popitem(last=False)


def _digest(step: PatchHost | PatchVirtual) -> int:
    return hash((step.resource, step.subresource, step.uid, orjson.dumps(step.patch, option=orjson.OPT_SORT_KEYS)))
