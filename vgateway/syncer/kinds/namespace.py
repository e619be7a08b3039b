"""Namespaces of the tenant under a Pod Security Standard: the labels by which their own API server enforces it.

Only ever makes it stricter: a namespace whose tenant asks for more keeps that.
"""

from collections.abc import Iterator, Mapping

from vgateway.kube.objects import Obj, VirtualKey, is_deleting, labels
from vgateway.syncer.kind import DerivedKind, Side, Wake, same_key
from vgateway.syncer.resources import NAMESPACES
from vgateway.syncer.steps import CreateVirtual, Step
from vgateway.syncer.view import View

POD_SECURITY = "pod-security.kubernetes.io"
MODES = ("enforce", "warn")
STRICTNESS = {"privileged": 0, "baseline": 1, "restricted": 2}


def is_ending(namespace: str, view: View) -> bool:
    """Say whether the tenant's namespace is being deleted: nothing can be made there."""
    found = view.virtual[NAMESPACES].get("", namespace)
    return found is not None and is_deleting(found)


def missing_namespace(namespace: str, view: View) -> Iterator[Step]:
    """Make a namespace that the configuration names, unless the tenant has it."""
    if not view.on_virtual(NAMESPACES, VirtualKey("", namespace)):
        body = {"apiVersion": NAMESPACES.api_version, "kind": NAMESPACES.kind, "metadata": {"name": namespace}}
        yield CreateVirtual(NAMESPACES, body)


class PodSecurityKind(DerivedKind):
    """Holds every namespace that there is to the standard; makes and deletes none."""

    resource = NAMESPACES

    @property
    def name(self) -> str:
        """Apart from a kind that would make namespaces."""
        return "pod-security"

    @property
    def wakes(self) -> tuple[Wake, ...]:
        """The namespaces themselves."""
        return (Wake(Side.VIRTUAL, NAMESPACES, same_key),)

    def desired(self, key: VirtualKey, view: View) -> Obj | None:
        """Return the labels of a namespace that there is."""
        namespace, standard = self.existing(key, view), view.settings.pod_security_standard
        if namespace is None or standard is None:
            return {} if namespace is not None else None
        return {"metadata": {"labels": security_labels(labels(namespace), standard)}}

    def managed(self, obj: Obj, view: View) -> bool:
        """Every namespace is under the standard, those of the system too."""
        return True

    def host_words(self, key: VirtualKey, view: View) -> Mapping[str, str]:
        """Namespaces have no host name."""
        return {}


def security_labels(own: Mapping[str, str], standard: str) -> dict[str, str]:
    """Return the labels that a namespace must carry; a pinned version would weaken what the standard means."""
    found: dict[str, str] = {}
    for mode in MODES:
        asked = own.get(f"{POD_SECURITY}/{mode}", "")
        stricter = STRICTNESS.get(asked, -1) > STRICTNESS[standard]
        found[f"{POD_SECURITY}/{mode}"] = asked if stricter else standard
        found[f"{POD_SECURITY}/{mode}-version"] = "latest"
    return found
