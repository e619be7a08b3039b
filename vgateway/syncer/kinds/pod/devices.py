"""Claims for devices: a pod names them, or templates of which its cluster's controller manager makes them."""

from collections.abc import Mapping
from typing import Any

from vgateway.kube.objects import Obj, VirtualObj, get_path
from vgateway.syncer.kinds.references import claims_of
from vgateway.syncer.view import View


def host_claims(virtual: VirtualObj, view: View) -> list[Obj]:
    """Return the host pod's claims: the copies of the tenant's, by name.

    What has not been made of its template is named so that no stranger's template can be meant.
    """
    namespace = virtual["metadata"]["namespace"]
    templates = {one["name"]: one.get("resourceClaimTemplateName") for one in virtual["spec"]["resourceClaims"]}
    found: list[Obj] = []
    for entry, claim in claims_of(virtual):
        if claim is None:
            template = view.names.host_name(str(templates[entry]), namespace)
            found.append({"name": entry, "resourceClaimTemplateName": template})
        elif claim:
            found.append({"name": entry, "resourceClaimName": view.names.host_name(claim, namespace)})
    return found


def host_devices(container: Mapping[str, Any], virtual: VirtualObj) -> Obj:
    """Return the resources of a container without claims that turned out to be needless; nothing if there are none."""
    needless = {entry for entry, claim in claims_of(virtual) if claim == ""}
    own = get_path(container, "resources.claims") or ()
    left = [one for one in own if one["name"] not in needless]
    return {"resources": {**container["resources"], "claims": left}} if len(left) < len(own) else {}
