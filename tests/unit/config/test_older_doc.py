"""docs/older.md shows what ``config convert`` prints."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from vgateway.cli.main import app

DOC = Path(__file__).parents[3] / "docs" / "older.md"
BLOCKS = re.findall(r"```(?:yaml|text)\n(.*?)```", DOC.read_text(), re.DOTALL)


@pytest.mark.parametrize("number", range(len(BLOCKS) // 3))
def test_an_example_is_what_the_command_makes_of_it(tmp_path: Path, number: int) -> None:
    older, today, told = BLOCKS[3 * number : 3 * number + 3]
    file = tmp_path / "values.yaml"
    file.write_text(older)
    printed = CliRunner().invoke(app, ["config", "convert", str(file)])
    assert (printed.exit_code, printed.stdout) == (0, today)
    assert printed.stderr.replace(str(file), "values.yaml") == told
