"""The configuration as values: vcluster.yaml's vocabulary, plus ``gateway:``, the wiring of one process.

Every model is frozen and refuses keys it does not know: a typing error must not silently change what tenants get.
Each field says the consequence of its value, and the unit. A section is a module of this package.
"""

from typing import Self

from pydantic import model_validator

from vgateway.config.base import Section, wrong_at
from vgateway.config.controlplane import ControlPlane
from vgateway.config.gateway import Gateway
from vgateway.config.integrations import Integrations
from vgateway.config.logs import Logging
from vgateway.config.networking import Networking
from vgateway.config.policies import Policies
from vgateway.config.resolving import conflicts
from vgateway.config.sync import Sync
from vgateway.config.workload import ExportKubeConfig


class Values(Section):
    """One virtual cluster's configuration but for the wiring of its process: what an installation is given."""

    control_plane: ControlPlane = ControlPlane()
    networking: Networking = Networking()
    sync: Sync = Sync()
    policies: Policies = Policies()
    integrations: Integrations = Integrations()
    export_kube_config: ExportKubeConfig = ExportKubeConfig()
    logging: Logging = Logging()

    @property
    def settled_sync(self) -> Sync:
        """``sync`` with every ``auto`` decided."""
        return self.sync.settled(virtual_scheduler=self.control_plane.advanced.virtual_scheduler.enabled)

    @property
    def shows_host_load(self) -> bool:
        """Whether ``metrics.k8s.io`` tells of nodes what the host says of them."""
        metrics, nodes = self.integrations.metrics_server, self.sync.from_host.nodes
        return metrics.enabled and metrics.nodes and (nodes.enabled or self.control_plane.kubelet.node_metrics)

    @model_validator(mode="after")
    def _scheduler_has_nodes(self) -> Self:
        if self.control_plane.advanced.virtual_scheduler.enabled and not self.sync.from_host.nodes.enabled:
            raise ValueError("controlPlane.advanced.virtualScheduler needs sync.fromHost.nodes")
        return self


class Config(Values):
    """One virtual cluster's configuration."""

    gateway: Gateway

    @model_validator(mode="after")
    def _addresses_are_certified(self) -> Self:
        if self.networking.advanced.proxy_kubelets.by_ip and self.gateway.virtual_cluster.authority_key is None:
            raise ValueError("networking.advanced.proxyKubelets.byIP needs gateway.virtualCluster.authorityKey")
        return self

    @model_validator(mode="after")
    def _aggregated_is_trusted(self) -> Self:
        virtual = self.gateway.virtual_cluster
        if self.integrations.metrics_server.enabled and None in (virtual.authority_key, virtual.front_proxy_ca):
            raise ValueError("integrations.metricsServer needs gateway.virtualCluster.authorityKey and frontProxyCA")
        return self

    @model_validator(mode="after")
    def _policies_add_up(self) -> Self:
        if self.policies.network_policy.enabled and self.sync.to_host.network_policies.enabled:
            why = "it and sync.toHost.networkPolicies exclude each other: policies add up, and what either allows"
            raise wrong_at("policies.networkPolicy", f"{why} the other could not forbid")
        return self

    @model_validator(mode="after")
    def _dns_has_a_place(self) -> Self:
        if self.control_plane.coredns.embedded and self.gateway.embedded_dns is None:
            raise wrong_at("gateway.embeddedDns", "controlPlane.coredns.embedded needs it")
        return self

    @model_validator(mode="after")
    def _rules_agree(self) -> Self:
        networking = self.networking
        spelled = "resolveServices" if networking.resolve_services else "resolveDNS"
        own = f"{self.gateway.namespace}/{self.gateway.name}"
        for index, what in conflicts(networking.rules, networking.advanced.cluster_domain, own):
            raise wrong_at(f"networking.{spelled}.{index}", what)
        return self
