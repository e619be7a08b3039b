"""``docs/kinds.md`` says of every switch what is true of it, and names tests that exist."""

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from vgateway.config.sync import Sync
from vgateway.syncer.kind import Kind
from vgateway.syncer.registry import SIDES, _made

ROOT = Path(__file__).parents[3]
TABLE = (ROOT / "docs" / "kinds.md").read_text()
ROWS = {
    cells[0].strip("`"): cells[1:]
    for line in TABLE.splitlines()
    if line.startswith("| `sync.")
    for cells in [[cell.strip() for cell in line.strip("|").split("|")]]
}
SYNC = Sync()


def _defaults() -> dict[str, str]:
    """Return every switch of the registry with its default."""
    found = {"sync.toHost.customResources": "off", "sync.fromHost.customResources": "off"}
    for side, spelled, offers in SIDES:
        section = getattr(SYNC, side)
        for name in offers:
            default = getattr(section, name).enabled
            words = {True: "on", False: "off"}.get(default, str(default))
            found[f"sync.{spelled}.{type(section).model_fields[name].alias}"] = words
    return found


def rights(kinds: Iterable[Kind]) -> str:
    """Say what kinds may do on the host, as the table does."""
    found: dict[tuple[bool, bool], set[str]] = {}
    for kind in kinds:
        for resource, verbs in kind.host_rights.items():
            writes = any({"create", "patch", "delete"} & set(allowed) for allowed in verbs.values())
            found.setdefault((not resource.namespaced, writes), set()).add(resource.plural)
    for everywhere in (False, True):
        found[everywhere, False] = found.get((everywhere, False), set()) - found.get((everywhere, True), set())
    parts = []
    for (everywhere, writes), plurals in sorted(found.items(), key=lambda one: (one[0][0], not one[0][1])):
        if plurals:
            verb = f"{'cluster-wide ' if everywhere else ''}{'write' if writes else 'read'}"
            parts.append(f"{verb} {', '.join(f'`{plural}`' for plural in sorted(plurals))}")
    return "; ".join(parts)


def test_every_switch_that_has_something_behind_it_is_in_the_table() -> None:
    assert sorted(ROWS) == sorted(_defaults())


@pytest.mark.parametrize("switch", sorted(ROWS))
def test_the_default_is_the_configurations(switch: str) -> None:
    assert ROWS[switch][1] == _defaults()[switch]


def _offered() -> Iterable[tuple[str, list[Kind]]]:
    for side, spelled, offers in SIDES:
        section = getattr(SYNC, side)
        for name, of_switch in offers.items():
            kinds = [_made(offer, getattr(section, name), [], SYNC) for offer in of_switch]
            if kinds:
                yield f"sync.{spelled}.{type(section).model_fields[name].alias}", kinds


@pytest.mark.parametrize(("switch", "kinds"), list(_offered()))
def test_the_rights_are_those_that_the_kinds_ask_for(switch: str, kinds: list[Kind]) -> None:
    assert ROWS[switch][2] == rights(kinds)


def test_every_test_that_proves_something_exists() -> None:
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", TABLE)
    assert len(named) > len(ROWS)
    for file, name in named:
        assert f"def {name}(" in (ROOT / "tests" / "integration" / file).read_text(), f"{file}::{name}"
