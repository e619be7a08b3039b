"""What the chart of vcluster.yaml fills in by itself."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from vgateway.config.convert import convert, take
from vgateway.config.load import parse_config, problems_of
from vgateway.config.vocabulary import is_idle
from vgateway.local.gateway import _EXAMPLE, config_of

DEFAULTS = Path(__file__).parent / "files" / "defaults.yaml"
NOT_YET = ": not supported yet"


def defaults() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(DEFAULTS.read_text())
    return {"gateway": _EXAMPLE, **found}


def test_of_the_default_values_only_sections_that_are_not_done_are_refused_each_by_its_path() -> None:
    document = defaults()
    problems = problems_of(document)
    assert all(problem.endswith(NOT_YET) for problem in problems), problems
    # Nothing else stands in the way, and what is left says what saying nothing says.
    for problem in problems:
        take(document, problem.removesuffix(NOT_YET))
    wanted = parse_config(document)
    said = config_of({})
    assert (wanted.settled_sync.from_host, wanted.policies) == (said.settled_sync.from_host, said.policies)
    assert wanted.networking.replicate_services == said.networking.replicate_services


def test_sections_that_are_turned_off_or_empty_are_nobodys_problem() -> None:
    off = {"sleepMode": {"enabled": False}, "plugins": {}, "external": None, "controlPlane": {"ingress": {"host": ""}}}
    assert problems_of({"gateway": _EXAMPLE, **off}) == []
    on = {"sleepMode": {"enabled": True}, "controlPlane": {"ingress": {"enabled": True}}}
    assert sorted(problems_of({"gateway": _EXAMPLE, **on})) == [
        "controlPlane.ingress: not supported yet",
        "sleepMode: not supported yet",
    ]


@pytest.mark.parametrize(
    ("value", "idle"),
    [
        ({}, True),
        ({"enabled": False, "image": "x"}, True),
        ({"labels": {}, "list": [], "text": ""}, True),
        ({"enabled": "auto"}, False),
        ({"labels": {"a": "b"}}, False),
        (["a"], False),
        ("text", False),
    ],
)
def test_what_asks_for_nothing_is_told_from_what_does(value: Any, idle: bool) -> None:
    assert is_idle(value) is idle


def test_the_default_values_are_of_today() -> None:
    assert convert(defaults()).document == defaults()
