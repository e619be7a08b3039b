"""Which names a virtual cluster may have: what becomes of it must be a namespace, a Service and a file."""

import re

from vgateway.errors import ConfigError

LONGEST = 40
"""Characters; the host namespace, pods' names and network namespaces are made from it."""


def check_name(name: str) -> str:
    """Return the name. Raises ConfigError saying what was expected when it cannot be one."""
    if len(name) > LONGEST or not re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", name):
        expected = f"at most {LONGEST} lower-case letters, digits and -, beginning with a letter"
        raise ConfigError(f"NAME: expected {expected}, not {name!r}")
    return name
