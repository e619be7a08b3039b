"""The host's messages in the tenant's words: host names become the names the tenant knows."""

import re
from collections.abc import Mapping

from vgateway.kube.names import Names

# What a name is made of; a full stop behind one may end the sentence.
_INNER = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
_BEFORE = _INNER | {"."}


def in_virtual_words(message: str, names: Names, known: Mapping[str, str]) -> str:
    """Replace host names, whole words only: first the known ones, then whatever has the form of a translated name."""
    for host in sorted(known, key=len, reverse=True):
        message = _replace_word(message, host, known[host])
    marker = f"-x-{names.virtual_cluster}"
    if marker not in message:
        return message
    return re.sub(rf"([a-z0-9][a-z0-9.-]*?)-x-[a-z0-9-]+?{re.escape(marker)}(?![A-Za-z0-9_-])", r"\1", message)


def _replace_word(text: str, word: str, by: str) -> str:
    """Replace a whole word. No regular expression: each word is another one, and compiling costs more than the rest."""
    begun, at = 0, text.find(word)
    parts: list[str] = []
    while at >= 0:
        end = at + len(word)
        if text[at - 1 : at] not in _BEFORE and text[end : end + 1] not in _INNER:
            parts += text[begun:at], by
            begun = end
        at = text.find(word, end)
    return "".join([*parts, text[begun:]])


def host_refusal(message: str, names: Names, known: Mapping[str, str]) -> str:
    """Say that the host refused, in its own words as far as the tenant knows them."""
    words = in_virtual_words(message, names, known)
    return f"the host cluster refused it: {words}"
