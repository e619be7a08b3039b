"""The ``gateway`` section of a process in its pod, and the whole configuration that follows from values. Pure."""

from collections.abc import Mapping
from typing import Any

from vgateway.config.load import parse_config
from vgateway.config.model import Config
from vgateway.errors import ConfigError
from vgateway.install.layout import API_PORT, PKI, Release
from vgateway.local.controlplane import certified

LATER = "127.0.0.1"
"""Stands for the pod's address where there is no pod yet."""


def config_of(values: Any, release: Release, address: str = LATER) -> Config:
    """Return the configuration that values amount to in a release's pod. Raises ConfigError naming the wrong key."""
    if not isinstance(values, dict):
        raise ConfigError("a mapping is expected at the top")
    if "gateway" in values:
        raise ConfigError("gateway: an installation is wired by itself, leave this key out")
    config = parse_config({**values, "gateway": gateway_section(release, address)})
    if config.control_plane.advanced.virtual_scheduler.enabled:
        raise ConfigError("controlPlane.advanced.virtualScheduler: not supported in an installation yet")
    if config.control_plane.stateful_set.high_availability.replicas > 1:
        raise ConfigError(
            "controlPlane.statefulSet.highAvailability.replicas: several need a store that they share,"
            " and an installation has none yet"
        )
    return config


def gateway_section(release: Release, address: str) -> Mapping[str, Any]:
    """Return the wiring of the process in its pod, whose address the virtual API server dials as every node's."""
    return {
        "name": release.name,
        "namespace": release.namespace,
        "service": release.name,
        "address": address,
        **certified(PKI, f"https://127.0.0.1:{API_PORT}"),
    }
