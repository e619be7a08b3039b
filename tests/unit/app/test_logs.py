"""What the process writes about itself, and what must never be in it."""

import subprocess
import sys

import orjson
import pytest

CRASH = """
import structlog
from vgateway.app.logs import configure_logs
configure_logs({encoding!r}, "info")
def call(token):
    raise ValueError("refused")
try:
    call("can" + "ary")
except ValueError:
    structlog.get_logger().exception("it went wrong", pod="default/web")
structlog.get_logger().debug("not shown")
"""


def said(encoding: str) -> str:
    script = CRASH.format(encoding=encoding)
    return subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, timeout=60).stderr.decode()


@pytest.mark.parametrize("encoding", ["console", "json"])
def test_a_traceback_says_where_it_failed_and_shows_no_variable(encoding: str) -> None:
    text = said(encoding)

    assert "it went wrong" in text
    assert "ValueError: refused" in text
    assert "canary" not in text
    assert "not shown" not in text


def test_json_is_one_object_per_line() -> None:
    entry = orjson.loads(said("json"))

    assert (entry["event"], entry["level"], entry["pod"]) == ("it went wrong", "error", "default/web")
