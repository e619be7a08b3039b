"""From a file to a ``Config``; what is wrong is said in one line with the path of the offending key."""

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from vgateway.config.model import Config
from vgateway.errors import ConfigError


def load_config(path: Path) -> Config:
    """Read and check a configuration file.

    Raises ConfigError with one line: the file, the key's path and what was expected.
    """
    try:
        document = yaml.safe_load(path.read_text())
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not YAML: {_one_line(error)}") from error
    try:
        return parse_config(document)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def parse_config(document: Any) -> Config:
    """Check a parsed document. Raises ConfigError naming the first wrong key by its path."""
    if not isinstance(document, dict):
        raise ConfigError("a mapping is expected at the top")
    try:
        return Config.model_validate(document)
    except ValidationError as error:
        raise ConfigError(_first_problem(error)) from error


def _first_problem(error: ValidationError) -> str:
    """Say where and what in one line, and how much else is wrong."""
    problem, *others = error.errors(include_url=False)
    where = ".".join(str(step) for step in problem["loc"])
    match problem["type"]:
        case "extra_forbidden":
            what = "unknown key"
        case "missing":
            what = "this key is required"
        case _:
            what = f"{problem['msg'].removeprefix('Value error, ')}, not {_shown(problem['input'])}"
    more = f" (and {len(others)} more)" if others else ""
    return f"{where}: {what}{more}"


def _shown(value: Any) -> str:
    """Show a value of the operator's, cut short: it may be a whole misplaced section."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
