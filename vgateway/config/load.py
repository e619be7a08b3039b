"""From a file to a ``Config``; what is wrong is said in one line each, with the path of the offending key."""

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from vgateway.config.base import NOT_YET
from vgateway.config.model import Config
from vgateway.config.vocabulary import about_unknown
from vgateway.errors import ConfigError


def load_config(path: Path) -> Config:
    """Read and check a configuration file.

    Raises ConfigError with one line: the file, the key's path and what was expected.
    """
    document = read_document(path)
    try:
        return parse_config(document)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def read_document(path: Path) -> Any:
    """Return what a YAML file holds. Raises ConfigError when it cannot be read or is no YAML."""
    try:
        return yaml.safe_load(path.read_text())
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not YAML: {_one_line(error)}") from error


def parse_config(document: Any) -> Config:
    """Check a parsed document. Raises ConfigError naming the first wrong key by its path."""
    if not isinstance(document, dict):
        raise ConfigError("a mapping is expected at the top")
    try:
        return Config.model_validate(document)
    except ValidationError as error:
        first, *others = (_problem(one) for one in error.errors(include_url=False))
        more = f" (and {len(others)} more)" if others else ""
        raise ConfigError(f"{first}{more}") from error


def problems_of(document: Any) -> list[str]:
    """Return a line for everything that is wrong with a parsed document."""
    if not isinstance(document, dict):
        return ["a mapping is expected at the top"]
    try:
        Config.model_validate(document)
    except ValidationError as error:
        return [_problem(one) for one in error.errors(include_url=False)]
    return []


def _problem(problem: ErrorDetails) -> str:
    """Say where and what in one line."""
    path = [str(step) for step in problem["loc"]]
    match problem["type"]:
        case "extra_forbidden":
            what = about_unknown(path)
        case "missing":
            what = "this key is required"
        case kind if kind == NOT_YET:
            what = problem["msg"]
        case _:
            what = f"{problem['msg'].removeprefix('Value error, ')}, not {_shown(problem['input'])}"
    return f"{'.'.join(path)}: {what}"


def _shown(value: Any) -> str:
    """Show a value of the operator's, cut short: it may be a whole misplaced section."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
