"""The downward API: what a pod asks about itself must answer with the tenant's names.

Where the host's answer would be the host's name, the field is taken from an annotation of the host pod.
"""

import re
from collections.abc import Mapping

from vgateway.kube.names import Names
from vgateway.kube.objects import Obj, VirtualObj, annotations, get_path, labels, metadata, uid
from vgateway.kube.ownership import PREFIX
from vgateway.syncer.metadata import LAST_APPLIED, host_label_key

NAME = f"{PREFIX}/name"
NAMESPACE = f"{PREFIX}/namespace"
UID = f"{PREFIX}/uid"
SERVICE_ACCOUNT = f"{PREFIX}/service-account-name"
LABELS = f"{PREFIX}/labels"
ANNOTATIONS = f"{PREFIX}/annotations"

FROM_ANNOTATION = {
    "metadata.name": NAME,
    "metadata.namespace": NAMESPACE,
    "metadata.uid": UID,
    "metadata.labels": LABELS,
    "metadata.annotations": ANNOTATIONS,
    "spec.serviceAccountName": SERVICE_ACCOUNT,
}
_SHORT_ESCAPES = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    "\\": "\\\\",
    '"': '\\"',
}
_LABEL = re.compile(r"metadata\.labels\['(.+)'\]")


def host_field_path(names: Names, path: str) -> str:
    """Translate the path of a field reference; a path that means the same on the host stays."""
    if path in FROM_ANNOTATION:
        return f"metadata.annotations['{FROM_ANNOTATION[path]}']"
    if found := _LABEL.fullmatch(path):
        return f"metadata.labels['{host_label_key(names, found[1])}']"
    return path


def host_field_ref(names: Names, ref: Mapping[str, str]) -> Obj:
    """Translate a ``fieldRef``."""
    return {**ref, "fieldPath": host_field_path(names, ref["fieldPath"])}


def downward_lines(values: Mapping[str, str]) -> str:
    """Write a map as the downward API does: sorted lines ``key="escaped value"``."""
    return "\n".join(f"{key}={quoted(value)}" for key, value in sorted(values.items()))


def quoted(text: str) -> str:
    """Quote as Go's ``%q`` does, by which the downward API escapes: what cannot be printed becomes an escape."""
    if text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return f'"{"".join(map(_escaped, text))}"'


def _escaped(character: str) -> str:
    code = ord(character)
    if character in _SHORT_ESCAPES:
        return _SHORT_ESCAPES[character]
    if character.isprintable():
        return character
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def identity(virtual: VirtualObj) -> dict[str, str]:
    """Return the annotations that the translated field paths read.

    A pod of a virtual cluster inside this one carries the first four already, and they are what it must answer.
    """
    meta, own = metadata(virtual), annotations(virtual)
    mine = {
        NAME: meta["name"],
        NAMESPACE: meta["namespace"],
        UID: uid(virtual),
        SERVICE_ACCOUNT: str(get_path(virtual, "spec.serviceAccountName") or "default"),
    }
    found = {key: own.get(key, value) for key, value in mine.items()}
    found[LABELS] = downward_lines(labels(virtual))
    if _asks_for_annotations(virtual):
        found[ANNOTATIONS] = downward_lines({key: value for key, value in own.items() if key != LAST_APPLIED})
    return found


def _asks_for_annotations(virtual: VirtualObj) -> bool:
    """Say whether a volume shows all annotations: only then are they worth a second copy."""
    for volume in get_path(virtual, "spec.volumes") or ():
        sources = [volume, *(get_path(volume, "projected.sources") or ())]
        for source in sources:
            items = get_path(source, "downwardAPI.items") or ()
            if any(get_path(item, "fieldRef.fieldPath") == "metadata.annotations" for item in items):
                return True
    return False
