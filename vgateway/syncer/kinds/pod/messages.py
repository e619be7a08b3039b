"""What the host's programs say in a pod's status, in the tenant's names.

What a container itself said as it ended is the tenant's own text, and stays as it is.
"""

from collections.abc import Callable, Mapping
from typing import Any

from vgateway.kube.objects import HostObj, Obj, VirtualObj, get_path
from vgateway.syncer.kinds.wording import words_about
from vgateway.syncer.resources import PODS
from vgateway.syncer.view import View
from vgateway.syncer.words import in_virtual_words

CONTAINER_LISTS = ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses")
SAID = "state.waiting.message"


def told_status(virtual: VirtualObj, host: HostObj, view: View) -> Obj:
    """Return the host pod's status with its messages about the pod in the tenant's names."""
    status = host.get("status") or {}
    if not _says_something(status):
        return dict(status)
    known = words_about(PODS, virtual, host, view)
    return _translated(status, lambda text: in_virtual_words(text, view.names, known))


def _says_something(status: Mapping[str, Any]) -> bool:
    """Most pods run, and nobody says a word: then no name needs to be known."""
    if status.get("message") or any(one.get("message") for one in status.get("conditions") or ()):
        return True
    return any(get_path(one, SAID) for name in CONTAINER_LISTS for one in status.get(name) or ())


def _translated(status: Mapping[str, Any], say: Callable[[str], str]) -> Obj:
    told = dict(status)
    if status.get("message"):
        told["message"] = say(status["message"])
    if status.get("conditions"):
        told["conditions"] = [
            {**one, "message": say(one["message"])} if one.get("message") else one for one in status["conditions"]
        ]
    for name in CONTAINER_LISTS:
        if status.get(name):
            told[name] = [_waiting(one, say) for one in status[name]]
    return told


def _waiting(container: Mapping[str, Any], say: Callable[[str], str]) -> Obj:
    text = get_path(container, SAID)
    if not text:
        return dict(container)
    waiting = {**container["state"]["waiting"], "message": say(text)}
    return {**container, "state": {**container["state"], "waiting": waiting}}
