"""The host's messages in the tenant's words: host names become the names the tenant knows."""

import re
from collections.abc import Mapping

from vgateway.kube.names import Names

_EDGE = r"[A-Za-z0-9_.-]"


def in_virtual_words(message: str, names: Names, known: Mapping[str, str]) -> str:
    """Replace host names, whole words only: first the known ones, then whatever has the form of a translated name."""
    for host in sorted(known, key=len, reverse=True):
        message = re.sub(rf"(?<!{_EDGE}){re.escape(host)}(?![A-Za-z0-9_-])", known[host].replace("\\", ""), message)
    suffix = re.escape(f"-x-{names.virtual_cluster}")
    return re.sub(rf"([a-z0-9][a-z0-9.-]*?)-x-[a-z0-9-]+?{suffix}(?![A-Za-z0-9_-])", r"\1", message)


def host_refusal(message: str, names: Names, known: Mapping[str, str]) -> str:
    """Say that the host refused, in its own words as far as the tenant knows them."""
    words = in_virtual_words(message, names, known)
    return f"the host cluster refused it: {words}"
