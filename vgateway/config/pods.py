"""``sync.toHost.pods``: how the tenant's pods run on the host."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from vgateway.config.base import NameOrEmpty, NotYet, Section
from vgateway.config.patches import Patches
from vgateway.config.tolerations import parse_toleration


def _toleration(text: str) -> str:
    parse_toleration(text)
    return text


Toleration = Annotated[str, AfterValidator(_toleration)]
Image = Annotated[str, Field(min_length=1)]


class RewriteHosts(Section):
    """How a pod with a subdomain finds itself under its full name."""

    enabled: bool = True
    """Read for vcluster.yaml's sake and without effect: names of pods are never written by an init container here."""
    init_container: Mapping[str, Any] | None = None
    """Read for vcluster.yaml's sake and without effect: there is no such container."""


class Pods(Section):
    """The tenant's pods on the host."""

    enabled: Literal[True] = True
    """Pods always run on the host: without them there would be no node to talk to."""
    translate_image: Mapping[Image, Image] = {}
    """A container whose image is literally a key runs the value instead; the tenant goes on seeing its own."""
    enforce_tolerations: tuple[Toleration, ...] = ()
    """Every pod tolerates these taints of host nodes too: ``*``, ``key``, ``key:effect``, ``key=value[:effect]``."""
    use_secrets_for_sa_tokens: bool = Field(default=True, alias="useSecretsForSATokens")
    """Accepted with either value: tokens are always kept in a Secret, never in an annotation that others may read."""
    runtime_class_name: NameOrEmpty = ""
    """Every pod runs under this RuntimeClass of the host, whatever it asks for; empty leaves the pod's own."""
    priority_class_name: NameOrEmpty = ""
    """A pod that brings no priority to the host gets this PriorityClass of the host; empty leaves it to the host."""
    patches: Patches = ()
    """Fields that a pod's host copy has with another value; only those of its metadata follow a later change."""
    rewrite_hosts: RewriteHosts = RewriteHosts()
    hybrid_scheduling: NotYet = NotYet()
    """Not supported yet."""
