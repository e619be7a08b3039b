"""A virtual cluster in somebody's kubeconfig: put in, found again, taken out. Pure."""

import copy
from typing import Any

Document = dict[str, Any]

PREFIX = "vcluster"


def context_name(name: str, namespace: str, parent: str) -> str:
    """Return what the virtual cluster's context is called; it remembers where its user came from."""
    return f"{PREFIX}_{name}_{namespace}_{parent}"


def parent_of(context: str) -> str | None:
    """Return the context that was current before ``connect``, None if this one is not of ``connect``'s making."""
    parts = context.split("_", 3)  # names and namespaces hold no underscore
    return parts[3] if len(parts) == 4 and parts[0] == PREFIX else None


def with_context(document: Document, entry: Document, name: str) -> Document:
    """Return the kubeconfig with the only cluster, user and context of ``entry`` under a name, and that current."""
    found = without(document, name)
    for group, item in (("clusters", "cluster"), ("users", "user")):
        found.setdefault(group, []).append({"name": name, item: entry[group][0][item]})
    found.setdefault("contexts", []).append({"name": name, "context": {"cluster": name, "user": name}})
    return {**found, "current-context": name}


def without(document: Document, name: str) -> Document:
    """Return the kubeconfig without what is called so."""
    found = copy.deepcopy(document)
    for group in ("clusters", "users", "contexts"):
        found[group] = [one for one in found.get(group) or [] if one["name"] != name]
    return found


def with_server(document: Document, server: str) -> Document:
    """Return a kubeconfig of one cluster with another address of it."""
    found = copy.deepcopy(document)
    found["clusters"][0]["cluster"]["server"] = server
    return found
