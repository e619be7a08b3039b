import subprocess
import sys
from typing import Any

import pytest

from vgateway.syncer.javascript import ExpressionError, JavaScript


@pytest.fixture(scope="module")
def engine() -> JavaScript:
    return JavaScript()


@pytest.mark.parametrize(
    ("source", "value", "result"),
    [
        ("'x-' + value", "a", "x-a"),
        ("value.replace(/^docker\\.io/, 'mirror')", "docker.io/b", "mirror/b"),
        ("let twice = value * 2; twice + 1", 3, 7),
        ("context.vcluster.name + value", "!", "vc!"),
        ("(() => ({ ...value, b: [2] }))()", {"a": 1}, {"a": 1, "b": [2]}),
        ("undefined", 1, None),
        ("value", 'ü\u2028\n"', 'ü\u2028\n"'),
        ("value // a comment", 1, 1),
    ],
)
def test_an_expression_gives_what_javascript_gives(engine: JavaScript, source: str, value: Any, result: Any) -> None:
    assert engine.compile(source)(value, lambda: {"vcluster": {"name": "vc"}}) == result


@pytest.mark.parametrize("source", ["1 +", "function(", "}{", "'"])
def test_what_is_no_javascript_is_refused_at_once(engine: JavaScript, source: str) -> None:
    with pytest.raises(ExpressionError, match="SyntaxError"):
        engine.compile(source)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("while (true);", "interrupted"),
        ("(function again() { again() })()", "stack"),
        ("'a'.repeat(1e9)", "memory"),
        ("value.a.b", "cannot read"),
        ("Date.now()", "Date"),
        ("new Date()", "Date"),
        ("Math.random()", "not a function"),
        ("globalThis.kept = 1", "not extensible"),
        ("Array.prototype.kept = 1", "not extensible"),
        ("require('fs')", "require"),
    ],
)
def test_an_expression_gets_no_more_than_its_share_and_nothing_of_this_world(
    engine: JavaScript, source: str, says: str
) -> None:
    with pytest.raises(ExpressionError, match=says):
        engine.compile(source)({}, dict)
    assert engine.compile("value + 1")(1, dict) == 2


def test_the_engine_is_not_imported_where_nothing_needs_it() -> None:
    code = "import sys, vgateway.syncer.registry; sys.exit('quickjs' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
