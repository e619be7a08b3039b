"""The part of a configuration that may change while the process runs, and how a change of the file is judged. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from vgateway.config.model import Config

LIVE = frozenset({"networking.resolveServices", "networking.resolveDNS", "networking.replicateServices"})
"""The sections that are applied at once; anything else takes a restart."""


def changed_paths(before: Config, after: Config) -> tuple[str, ...]:
    """Return the paths of the sections in which two configurations differ: as deep as one must go to tell them apart.

    A live section is one path, however much of it differs.
    """
    return tuple(_differences(_plain(before), _plain(after), ""))


def needs_restart(paths: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of the paths that are not applied at once."""
    return tuple(path for path in paths if path not in LIVE)


def with_live_parts(running: Config, wanted: Config) -> Config:
    """Return the running configuration with the live sections of another."""
    networking = wanted.networking
    live = {
        "resolve_services": networking.resolve_services,
        "resolve_dns": networking.resolve_dns,
        "replicate_services": networking.replicate_services,
    }
    return running.model_copy(update={"networking": running.networking.model_copy(update=live)})


def _plain(config: Config) -> Mapping[str, Any]:
    return config.model_dump(mode="json", by_alias=True)


def _differences(before: Mapping[str, Any], after: Mapping[str, Any], above: str) -> Iterator[str]:
    for name in sorted({*before, *after}):
        path, one, other = f"{above}{name}", before.get(name), after.get(name)
        if one == other:
            continue
        if isinstance(one, Mapping) and isinstance(other, Mapping) and path not in LIVE:
            yield from _differences(one, other, f"{path}.")
        else:
            yield path
