"""Which host namespace a virtual one has, where each has one of its own: by patterns with at most one ``*``. Pure."""

from dataclasses import dataclass

EVERY = "*"


@dataclass(frozen=True, slots=True)
class Namespaces:
    """The lines of the mapping, (virtual pattern, host pattern); ``only`` leaves out what has no line."""

    lines: tuple[tuple[str, str], ...] = ()
    only: bool = False

    def host_namespace(self, namespace: str, otherwise: str) -> str:
        """Return the host's name of a virtual namespace, "" for one that stays where it is.

        A line for the very name goes before a pattern, a longer pattern before a shorter one.
        """
        for virtual, host in sorted(self.lines, key=lambda line: (EVERY in line[0], -len(line[0]))):
            found = captured(virtual, namespace)
            if found is not None:
                return host.replace(EVERY, found)
        return "" if self.only else otherwise


def captured(pattern: str, name: str) -> str | None:
    """Return what the ``*`` of a pattern stands for in a name, "" without one, None if they do not fit."""
    before, star, after = pattern.partition(EVERY)
    if not star:
        return "" if pattern == name else None
    fits = name.startswith(before) and name.endswith(after) and len(name) > len(before) + len(after)
    return name[len(before) : len(name) - len(after)] if fits else None
