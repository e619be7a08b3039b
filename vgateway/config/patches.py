"""``patches``: how single fields of a kind are changed on their way to the other cluster, in vcluster.yaml's words."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from vgateway.config.paths import EVERY, Path, parse_path
from vgateway.config.section import Section

# Of the metadata only what means nothing to the engine itself.
PATCHABLE = [("labels",), ("annotations",)]


def _path(text: str) -> str:
    steps = parse_path(text)
    inside = steps[:2] if steps[0] == "metadata" else ()
    if steps[0] in ("apiVersion", "kind", EVERY) or (inside and inside[1:] not in PATCHABLE):
        raise ValueError("the identity of an object cannot be patched, of its metadata only labels and annotations")
    return text


def _relative(text: str) -> str:
    parse_path(text)
    return text


PatchPath = Annotated[str, AfterValidator(_path)]
RelativePath = Annotated[str, AfterValidator(_relative)]
Expression = Annotated[str, Field(min_length=1)]


class Reference(Section):
    """What the patched field names: an object of the tenant's, which has another name on the host.

    A Secret or ConfigMap that is named so is copied to the host as one that a pod names.
    """

    kind: str = ""
    """The kind of the object, ``Secret`` for example."""
    api_version: str = "v1"
    """Its API version, ``group/version`` or ``v1``."""
    kind_path: RelativePath | None = None
    """Where, within the patched object, the kind is said; in place of ``kind``."""
    api_version_path: RelativePath | None = None
    """Where, within the patched object, the API version is said; in place of ``apiVersion``."""
    name_path: RelativePath | None = None
    """Where, within the patched object, the name is; without it the patched field is the name."""
    namespace_path: RelativePath | None = None
    """Where, within the patched object, the namespace is; without it, it is that of the object itself."""

    @model_validator(mode="after")
    def _some_kind(self) -> Self:
        if bool(self.kind) == bool(self.kind_path):
            raise ValueError("either kind or kindPath is expected")
        if self.name_path is None and (self.kind_path or self.api_version_path or self.namespace_path):
            raise ValueError("the other paths need a namePath")
        return self


class Labels(Section):
    """The patched field holds labels or a label selector; their keys are translated, a selector is confined."""


class Patch(Section):
    """What becomes of one field, or of all that a wildcard takes; a path that an object lacks is no mistake."""

    path: PatchPath
    """``spec.containers[*].image``, ``metadata.annotations["a.b/c"]``, ``spec.hosts[0]``."""
    expression: Expression | None = None
    """JavaScript: what ``value`` becomes on its way down; ``null`` takes the field away. It knows ``context`` too."""
    reverse_expression: Expression | None = None
    """JavaScript: what a ``value`` that the host decided becomes on its way to the tenant."""
    reference: Reference | None = None
    """The field names an object of the tenant's: the host's name takes its place."""
    labels: Labels | None = None
    """``{}``: the field holds labels or a selector; keys are the host's there, a selector stays in its namespace."""

    @property
    def steps(self) -> Path:
        """The path, taken apart."""
        return parse_path(self.path)

    @model_validator(mode="after")
    def _one_change(self) -> Self:
        expressions = self.expression is not None or self.reverse_expression is not None
        if [expressions, self.reference is not None, self.labels is not None].count(True) != 1:
            raise ValueError("one of expression (with reverseExpression), reference and labels is expected")
        return self


Patches = tuple[Patch, ...]
