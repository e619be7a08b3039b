import pytest

from vgateway.config.byname import NameRule, name_rule, name_rules


@pytest.mark.parametrize(
    ("host", "virtual", "rule"),
    [
        ("shared/db", "default/database", NameRule("shared", "db", "default", "database")),
        ("shared/*", "platform/*", NameRule("shared", "", "platform", "")),
        ("shared/*", "platform", NameRule("shared", "", "platform", "")),
        ("", "mine/*", NameRule("", "", "mine", "")),
        ("", "mine", NameRule("", "", "mine", "")),
        ("/*", "mine/*", NameRule("", "", "mine", "")),
        ("/my.cm", "a/b.c", NameRule("", "my.cm", "a", "b.c")),
    ],
)
def test_the_grammar_of_a_line(host: str, virtual: str, rule: NameRule) -> None:
    assert name_rule(host, virtual) == rule


@pytest.mark.parametrize(
    ("host", "virtual"),
    [
        ("shared", "platform"),
        ("shared/", "platform/x"),
        ("shared/db", "platform"),
        ("shared/db", "platform/*"),
        ("shared/*", "platform/db"),
        ("shared/*", ""),
        ("shared/*", "/x"),
        ("*/*", "a/*"),
        ("*/x", "a/x"),
        ("a/b/c", "a/b"),
        ("a/b", "a/b/c"),
        ("a/B", "a/b"),
        ("a.b/c", "a/b"),
    ],
)
def test_a_line_that_says_no_one_thing_is_refused(host: str, virtual: str) -> None:
    with pytest.raises(ValueError, match=r"expected|both or neither"):
        name_rule(host, virtual)


def test_two_lines_never_lead_to_one_place() -> None:
    with pytest.raises(ValueError, match=r"'a/\*' and 'b/\*' both become 'c'"):
        list(name_rules({"a/*": "c/*", "b/*": "c"}))
    assert len(list(name_rules({"a/*": "c/*", "b/x": "c/x"}))) == 2
