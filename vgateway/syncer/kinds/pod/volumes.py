"""Volumes: what they refer to is called by its host name; tokens come from the pod's own host Secret."""

from collections.abc import Iterator, Mapping
from typing import Any

from vgateway.kube.names import Names
from vgateway.kube.objects import Obj, VirtualObj, get_path, virtual_key
from vgateway.syncer.kinds.pod.env import host_reference
from vgateway.syncer.kinds.pod.fields import host_field_ref
from vgateway.syncer.tokens import token_item, token_secret_key
from vgateway.syncer.view import View

# Volume sources that name something in the pod's namespace: source, then the path of the name within it.
NAMED = (
    ("secret", "secretName"),
    ("persistentVolumeClaim", "claimName"),
    ("azureFile", "secretName"),
    ("glusterfs", "endpoints"),
)
SECRET_REFS = ("cephfs", "cinder", "flexVolume", "iscsi", "rbd", "scaleIO", "storageos")


# Projected sources that a kubelet fills from objects of its own cluster, and why the host's would be the wrong ones.
OF_THE_HOST = {
    "clusterTrustBundle": "it would show the host cluster's bundle, not one of yours: put the bundle into a ConfigMap",
    "podCertificate": "the host cluster would certify its own copy of the pod, not yours: mount the certificate as a"
    " Secret",
}


def untranslatable(virtual: VirtualObj) -> Iterator[str]:
    """Yield a sentence for each volume that cannot mean on the host what it means to the tenant."""
    for volume in get_path(virtual, "spec.volumes") or ():
        for source in get_path(volume, "projected.sources") or ():
            yield from (
                f"volume {volume['name']}: {name}: {why}" for name, why in OF_THE_HOST.items() if name in source
            )


def host_volumes(virtual: VirtualObj, view: View) -> list[Obj]:
    """Return the pod's volumes in host names."""
    return [host_volume(volume, virtual, view) for volume in get_path(virtual, "spec.volumes") or ()]


def host_volume(volume: Mapping[str, Any], virtual: VirtualObj, view: View) -> Obj:
    """Translate one volume; sources without references stay as they are."""
    namespace, names = virtual["metadata"]["namespace"], view.names
    changed: Obj = dict(volume)
    if source := volume.get("configMap"):
        changed["configMap"] = host_reference(source, namespace, view)
    if source := volume.get("projected"):
        sources = source.get("sources") or ()
        changed["projected"] = {
            **source,
            "sources": [_projected(one, volume["name"], at, virtual, view) for at, one in enumerate(sources)],
        }
    if source := volume.get("downwardAPI"):
        changed["downwardAPI"] = _downward(source, names)
    if (source := volume.get("image")) and source.get("reference"):
        images = view.settings.pods.translate_image
        changed["image"] = {**source, "reference": images.get(source["reference"], source["reference"])}
    for name, field in NAMED:
        if (source := volume.get(name)) and source.get(field):
            changed[name] = {**source, field: names.host_name(source[field], namespace)}
    changed.update(_with_secret_refs(volume, namespace, names))
    if volume.get("ephemeral") is not None:
        # The tenant's controller makes the claim; the host must use its copy and not make another one.
        del changed["ephemeral"]
        claim = names.host_name(f"{virtual['metadata']['name']}-{volume['name']}", namespace)
        changed["persistentVolumeClaim"] = {"claimName": claim}
    return changed


def _with_secret_refs(volume: Mapping[str, Any], namespace: str, names: Names) -> Obj:
    refs = [(name, "secretRef") for name in SECRET_REFS] + [("csi", "nodePublishSecretRef")]
    found: Obj = {}
    for name, field in refs:
        if ref := get_path(volume, f"{name}.{field}.name"):
            source = volume[name]
            found[name] = {**source, field: {**source[field], "name": names.host_name(ref, namespace)}}
    return found


def _downward(source: Mapping[str, Any], names: Names) -> Obj:
    items = [
        {**item, "fieldRef": host_field_ref(names, item["fieldRef"])} if item.get("fieldRef") else dict(item)
        for item in source.get("items") or ()
    ]
    return {**source, "items": items}


def _projected(source: Mapping[str, Any], volume: str, at: int, virtual: VirtualObj, view: View) -> Obj:
    namespace = virtual["metadata"]["namespace"]
    if token := source.get("serviceAccountToken"):
        secret = token_secret_key(view.names, virtual_key(virtual)).name
        return {"secret": {"name": secret, "items": [{"key": token_item(volume, at), "path": token["path"]}]}}
    changed: Obj = dict(source)
    for field in ("configMap", "secret"):
        if ref := source.get(field):
            changed[field] = host_reference(ref, namespace, view)
    if downward := source.get("downwardAPI"):
        changed["downwardAPI"] = _downward(downward, view.names)
    return changed
