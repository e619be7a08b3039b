"""From a file to a ``Config``; what is wrong is said in one line each, with the path of the offending key."""

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from vgateway.config.base import ELSEWHERE, NOT_YET
from vgateway.config.convert import Converted, convert, without_idle
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
    """Check a parsed document, of today's spelling or an older one.

    Raises ConfigError naming the first wrong key by its path.
    """
    config, problems = _checked(document)
    if config is None:
        first, *others = problems
        raise ConfigError(first + (f" (and {len(others)} more)" if others else ""))
    return config


def problems_of(document: Any) -> list[str]:
    """Return a line for everything that is wrong with a parsed document."""
    return _checked(document)[1]


def _checked(document: Any) -> tuple[Config | None, list[str]]:
    """Return the configuration, or what is wrong with the document."""
    if not isinstance(document, dict):
        return None, ["a mapping is expected at the top"]
    converted = convert(document)
    try:
        config = Config.model_validate(without_idle(converted.document))
    except ValidationError as error:
        wrong = [_problem(one, converted) for one in error.errors(include_url=False)]
        return None, converted.problems + wrong
    return (None if converted.problems else config), converted.problems


def _problem(problem: ErrorDetails, converted: Converted) -> str:
    """Say where and what in one line."""
    path = [str(step) for step in problem["loc"]]
    if not path and problem["type"] != ELSEWHERE:  # about two sections together, named in the message
        return problem["msg"].removeprefix("Value error, ")
    match problem["type"]:
        case "extra_forbidden":
            what = about_unknown(path)
        case "missing":
            what = "this key is required"
        case kind if kind == NOT_YET:
            what = problem["msg"]
        case kind if kind == ELSEWHERE:
            path.append(problem["ctx"]["path"])
            what = problem["msg"]
        case _:
            what = f"{problem['msg'].removeprefix('Value error, ')}, not {_shown(problem['input'])}"
    origin = converted.origin_of(".".join(path))
    return f"{'.'.join(path)}: {what}" + (f" (spelled {origin} here)" if origin else "")


def _shown(value: Any) -> str:
    """Show a value of the operator's, cut short: it may be a whole misplaced section."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
