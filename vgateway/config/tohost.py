"""``sync.toHost``: what of the tenant's is copied into the host namespace, under translated names."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from vgateway.config.base import DNS_LABEL, NotYet, On, ResourceName, Section, Switch
from vgateway.config.namespaces import Namespaces
from vgateway.config.pods import Pods


class Selected(On):
    """A kind of which the host gets what pods refer to."""

    all: bool = False
    """``true`` copies every object; otherwise those that a pod names, or that ask for it by the force-sync mark."""


class CustomResource(Switch):
    """A namespaced custom resource of the host's operators that the tenant may use.

    ``version``, ``kind`` and ``references`` are beyond vcluster.yaml, which needs cluster-wide discovery instead.
    """

    kind: Annotated[str, Field(min_length=1)]
    """The kind of its objects, ``Certificate`` for example."""
    version: Annotated[str, Field(pattern=DNS_LABEL)] = "v1"
    """The version that is read and written on both sides."""
    references: tuple[Annotated[str, Field(pattern=r"^spec\.")], ...] = ()
    """Paths in the spec that name objects beside it, which have other names on the host: ``spec.tls[].secretName``."""


class ToHost(Section):
    """From the virtual cluster to the host."""

    pods: Pods = Pods()
    services: On = On()
    """Without them, the tenant's services have no address that anything on the host serves."""
    endpoints: On = On()
    """Endpoints that the tenant writes itself, for services without a selector."""
    endpoint_slices: On = On()
    """EndpointSlices that the tenant writes itself, for services without a selector."""
    config_maps: Selected = Selected()
    """Turned off, pods that need a ConfigMap do not start."""
    secrets: Selected = Selected()
    """Turned off, pods that need a Secret do not start; their service-account tokens are not concerned."""
    persistent_volume_claims: On = On()
    """Turned off, pods that need a claim do not start."""
    persistent_volumes: Switch = Switch()
    """The tenant may make volumes by hand and sees the real ones behind its claims; needs rights on all of the host's.

    A ``hostPath`` volume reaches the host's disks: ``policies.podSecurityStandard`` baseline keeps those out.
    """
    storage_classes: Switch = Switch()
    """The tenant may make storage classes; needs rights on all classes of the host."""
    volume_snapshots: Switch = Switch()
    """Snapshots of the tenant's claims are taken on the host; it needs the snapshot controller there."""
    volume_snapshot_contents: Switch = Switch()
    """The tenant may make contents by hand and sees those of its snapshots; needs rights on all of the host's.

    Both resources' definitions are copied from the host.
    """
    pod_disruption_budgets: Switch = Switch()
    """Drains of host nodes respect the tenant's budgets."""
    service_accounts: Switch = Switch()
    """Pods run under copies of their own accounts, to which the host may bind rights or clouds' identities."""
    priority_classes: Switch = Switch()
    """The tenant may make priority classes, capped at a thousand million; needs rights on all classes of the host."""
    ingresses: Switch = Switch()
    """The host's ingress controller serves the tenant's Ingresses."""
    network_policies: Switch = Switch()
    """The host's network enforces the tenant's NetworkPolicies on its pods."""
    namespaces: Namespaces = Namespaces()
    """Turned off, everything of the tenant's is in one host namespace."""
    resource_claims: Switch = Switch()
    """Pods may claim devices of the host's (dynamic resource allocation); it needs Kubernetes 1.34 on both sides."""
    resource_claim_templates: Switch = Switch()
    """Copies of the templates for tools of the host; claims are made of them in the virtual cluster anyway."""
    gateway_api: NotYet = NotYet()
    """Not supported yet."""
    custom_resources: Mapping[ResourceName, CustomResource] = {}
    """By ``plural.group``: the definition is copied from the host to the tenant, the tenant's objects to the host."""
