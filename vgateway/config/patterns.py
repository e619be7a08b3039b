"""Which DNS names a rule is about: one name, all names below one, or all that begin alike. Names end without a dot."""

import re
from dataclasses import dataclass

_LABEL = re.compile(r"[a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9_])?")
MAX_HOSTNAME = 253


@dataclass(frozen=True, slots=True)
class Pattern:
    """Some names: ``exact``, those that end with ``suffix`` (``.x.y``), those that begin with ``prefix`` (``x.y.``)."""

    exact: str = ""
    suffix: str = ""
    prefix: str = ""

    def meets(self, other: "Pattern") -> bool:
        """Say whether there is a name that is in both."""
        return (
            bool(self.exact and other.has(self.exact))
            or bool(other.exact and self.has(other.exact))
            or bool(self.suffix and other.suffix and _nested(self.suffix[::-1], other.suffix[::-1]))
            or bool(self.prefix and other.prefix and _nested(self.prefix, other.prefix))
            or bool(self.suffix and other.prefix)
            or bool(self.prefix and other.suffix)
        )

    def has(self, name: str) -> bool:
        """Say whether a name is one of these."""
        return (
            name == self.exact
            or bool(self.suffix and name.endswith(self.suffix))
            or bool(self.prefix and name.startswith(self.prefix))
        )


def _nested(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def hostname(text: str) -> str:
    """Return a host name, or one with ``*`` as its first or last label, in lower case and without a final dot.

    Raises ValueError saying what is wrong with it.
    """
    name = text.lower().removesuffix(".")
    labels = name.split(".")
    if "*" in labels[1:-1] or labels.count("*") > 1:
        raise ValueError("* may stand once, as the first or as the last label")
    named = [label for label in labels if label != "*"]
    if not named or len(name) > MAX_HOSTNAME or not all(_LABEL.fullmatch(label) for label in named):
        raise ValueError("a host name is expected, of which the first or the last label may be *")
    return name


def pattern_of(name: str, *, deep: bool = False) -> Pattern:
    """Return the names that a host name with or without ``*`` stands for; ``deep`` adds those below it."""
    if name.startswith("*."):
        return Pattern(suffix=name[1:])
    if name.endswith(".*"):
        return Pattern(prefix=name[:-1])
    return Pattern(exact=name, suffix=f".{name}" if deep else "")


def pattern_of_service(service: str, domain: str) -> Pattern:
    """Return the names of a Service ``namespace/name``, those of its ports and pods included."""
    namespace, _, name = service.partition("/")
    return pattern_of(f"{name}.{namespace}.svc.{domain}", deep=True)


def pattern_of_namespace(namespace: str, domain: str) -> Pattern:
    """Return the names of all Services in a namespace."""
    return pattern_of(f"{namespace}.svc.{domain}", deep=True)
