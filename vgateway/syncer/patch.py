"""Minimal JSON merge patches: what differs, and nothing that nobody asked to change.

A patch of the main resource and one of its status are kept apart, because the API server takes them apart.
Invariant: applying the difference of (before, after) to before gives after; an empty patch means equal.
"""

from collections.abc import Mapping
from typing import Any

from vgateway.kube.objects import Obj


def merge_diff(before: Mapping[str, Any], after: Mapping[str, Any]) -> Obj:
    """Return the merge patch from ``before`` to ``after``; None in it removes, lists are replaced whole."""
    patch: Obj = {name: None for name in before if name not in after}
    for name, value in after.items():
        have = before.get(name)
        if have == value and (value is not None or name in before):
            continue
        if isinstance(have, Mapping) and isinstance(value, Mapping):
            patch[name] = merge_diff(have, value)
        else:
            patch[name] = value
    return patch


def merge(before: Mapping[str, Any], patch: Mapping[str, Any]) -> Obj:
    """Apply a merge patch as RFC 7396 says and return the result."""
    after = dict(before)
    for name, value in patch.items():
        if value is None:
            after.pop(name, None)
        elif isinstance(value, Mapping):
            have = after.get(name)
            after[name] = merge(have if isinstance(have, Mapping) else {}, value)
        else:
            after[name] = value
    return after


def put_difference(patch: Obj, path: str, have: Any, want: Any) -> None:
    """Add to ``patch`` what turns ``have`` into ``want`` at a dotted path; nothing if they are equal."""
    if have == want:
        return
    change = merge_diff(have, want) if isinstance(have, Mapping) and isinstance(want, Mapping) else want
    *parents, last = path.split(".")
    for step in parents:
        patch = patch.setdefault(step, {})
    patch[last] = change


def cover(have: Mapping[str, Any], want: Mapping[str, Any]) -> Obj:
    """Return the merge patch that gives ``have`` every field of ``want`` and leaves its other fields alone."""
    patch: Obj = {}
    for name, value in want.items():
        now = have.get(name)
        if isinstance(now, Mapping) and isinstance(value, Mapping):
            if inner := cover(now, value):
                patch[name] = inner
        elif now != value:
            patch[name] = value
    return patch


NOT_CONTENT = ("apiVersion", "kind", "metadata", "status")


def content_patch(have: Mapping[str, Any], want: Mapping[str, Any]) -> Obj:
    """Return the merge patch that makes everything but metadata and status what it should be, and nothing more."""
    ours, theirs = ({k: v for k, v in one.items() if k not in NOT_CONTENT} for one in (have, want))
    return merge_diff(ours, theirs)
