"""Pods that the host must not run as they are: what to tell the tenant instead."""

from vgateway.kube.objects import VirtualObj, annotations
from vgateway.syncer.kinds.pod.security import violations
from vgateway.syncer.kinds.pod.volumes import untranslatable
from vgateway.syncer.steps import Tell
from vgateway.syncer.view import View


def refusal(virtual: VirtualObj, view: View) -> Tell | None:
    """Return what to tell about a pod that must not reach the host, None if it may.

    The standard that its virtual cluster is under comes first, then what would mean something else on the host.
    """
    standard = view.settings.pod_security_standard
    if broken := violations(virtual["spec"], annotations(virtual), standard):
        why = f"it violates the Pod Security Standard {standard}: {'; '.join(broken)}"
        return Tell("PodSecurity", f"the host does not run it, for {why}")
    if strange := list(untranslatable(virtual)):
        return Tell("NotSupported", f"the host does not run it: {'; '.join(strange)}")
    return None
