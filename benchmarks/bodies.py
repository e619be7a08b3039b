"""What the upstreams answer: a ConfigMap of about 1 KB, and a list of about 100 KB of them."""

from typing import Any

import orjson

LIST_LENGTH = 96


def config_map(name: str) -> dict[str, Any]:
    """Return a ConfigMap whose JSON is about 1 KB."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": name,
            "namespace": "default",
            "labels": {"app.kubernetes.io/name": "bench", "app.kubernetes.io/part-of": "bench"},
        },
        "data": {f"key-{number}": "value " * 14 for number in range(7)},
    }


def small() -> bytes:
    """Return the body of a GET of one object."""
    return orjson.dumps(config_map("small"))


def large() -> bytes:
    """Return the body of a list."""
    items = [config_map(f"item-{number}") for number in range(LIST_LENGTH)]
    return orjson.dumps({"apiVersion": "v1", "kind": "ConfigMapList", "metadata": {}, "items": items})
