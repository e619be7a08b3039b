"""Selectors in a query, as an API server reads them."""

import pytest

from vgateway.kube.selectors import parse_fields, parse_selector, selects

LABELS = {"app": "web", "tier": "front", "n": "5", "example.io/a": ""}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("", True), ("app=web", True), ("app==web", True), ("app=db", False), ("app!=db", True), ("app!=web", False),
        ("none!=x", True), ("app", True), ("!app", False), ("! none", True), ("app in (db, web)", True),
        ("app in (db)", False), ("app notin (db)", True), ("none notin (db)", True), ("none in (db)", False),
        ("none in (db,)", False), ("app=web,tier=front", True), ("app = web , tier in (back),n>4", False),
        ("n>4", True), ("n<5", False), ("app>1", False), ("none<5", False), ("example.io/a=", True),
        ("app in (web),!none,n<6", True),
    ],
)  # fmt: skip
def test_a_selector_selects_what_an_api_server_would(text: str, holds: bool) -> None:
    assert selects(parse_selector(text), LABELS) is holds


@pytest.mark.parametrize(
    "text", ["a in", "a in b", "a=b,", ",", "a=b=c", "a in (b", "-a", "a>x", "a=b c", "a in (b c)"]
)
def test_what_is_no_selector_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="unable to"):
        parse_selector(text)


def test_a_field_selector_is_of_the_known_fields_only() -> None:
    named = parse_fields("metadata.name=web,metadata.namespace!=a", ("metadata.name", "metadata.namespace"))
    assert selects(named, {"metadata.name": "web", "metadata.namespace": "b"})
    assert not selects(named, {"metadata.name": "web", "metadata.namespace": "a"})
    with pytest.raises(ValueError, match="not supported: spec"):
        parse_fields("spec.x=1", ("metadata.name",))
    with pytest.raises(ValueError, match="unable to parse"):
        parse_fields("metadata.name", ("metadata.name",))
