"""``logging``: what the process writes on standard error."""

from typing import Literal

from vgateway.config.base import Section


class Logging(Section):
    """What the process writes on standard error."""

    encoding: Literal["console", "json"] = "console"
    """``json`` for one object per line."""
    level: Literal["debug", "info", "warning", "error"] = "info"
    """``debug`` adds a line per request."""
