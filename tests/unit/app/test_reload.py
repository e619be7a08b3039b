"""A configuration file that changes while the process runs."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from vgateway.app.live import changed_paths, needs_restart, with_live_parts
from vgateway.app.reload import ConfigWatcher
from vgateway.config.load import load_config
from vgateway.config.model import Config
from vgateway.errors import ConfigError
from vgateway.local.gateway import _EXAMPLE, config_of

RULE = {"hostname": "a.test", "target": {"ip": "192.0.2.1"}}
REPLICATION = {"networking": {"replicateServices": {"fromHost": [{"from": "db/main", "to": "apps/db"}]}}}
RULES = {"networking": {"resolveServices": [RULE]}}


@pytest.mark.parametrize(
    ("wanted", "paths", "later"),
    [
        ({}, (), ()),
        (RULES, ("networking.resolveServices",), ()),
        ({"networking": {"resolveDNS": [RULE]}}, ("networking.resolveDNS",), ()),
        (REPLICATION, ("networking.replicateServices",), ()),
        ({"logging": {"level": "debug"}}, ("logging.level",), ("logging.level",)),
        (
            RULES | {"controlPlane": {"coredns": {"deployment": {"replicas": 2}}}},
            ("controlPlane.coredns.deployment.replicas", "networking.resolveServices"),
            ("controlPlane.coredns.deployment.replicas",),
        ),
    ],
)
def test_a_change_is_told_by_its_paths(wanted: dict[str, Any], paths: tuple[str, ...], later: tuple[str, ...]) -> None:
    before, after = config_of({}), config_of(wanted)
    assert changed_paths(before, after) == paths
    assert needs_restart(paths) == later
    assert needs_restart(changed_paths(with_live_parts(before, after), after)) == later


class File:
    """A configuration file and who watches it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.applied: list[Config] = []
        self.refusal = ""
        self.registry = CollectorRegistry()
        self.write({})
        self.said: list[tuple[str, str, bool]] = []
        self.watcher = ConfigWatcher(path, load_config(path), self.apply, self.registry, self.say)

    def write(self, document: dict[str, Any], *, text: str = "") -> None:
        fresh = self.path.with_name("fresh")
        fresh.write_text(text or yaml.safe_dump({"gateway": _EXAMPLE, **document}))
        fresh.rename(self.path)

    def apply(self, config: Config) -> None:
        if self.refusal:
            raise ConfigError(self.refusal)
        self.applied.append(config)

    def say(self, *said: Any) -> None:
        self.said.append(said)

    def loads(self, outcome: str) -> float:
        return self.registry.get_sample_value("vgateway_configuration_loads_total", {"outcome": outcome}) or 0.0


@pytest.fixture
def file(tmp_path: Path) -> File:
    return File(tmp_path / "vcluster.yaml")


def test_what_may_change_is_applied_and_the_rest_waits_for_a_restart(file: File) -> None:
    file.watcher.look()
    assert not file.applied
    file.write(RULES | {"logging": {"level": "debug"}})
    file.watcher.look()
    (config,) = file.applied
    assert [rule.hostname for rule in config.networking.rules] == ["a.test"]
    assert config.logging.level == "info"
    assert file.said == [
        ("RestartNeeded", "changed where that takes a restart: logging.level", True),
        ("ConfigurationApplied", "networking.resolveServices", False),
    ]
    assert file.loads("applied") == 1
    file.write({"logging": {"level": "debug"}})
    file.watcher.look()
    assert not file.applied[-1].networking.rules


def test_a_file_that_is_wrong_or_gone_changes_nothing(file: File) -> None:
    file.write({}, text="networking: [")
    file.watcher.look()
    file.path.unlink()
    file.watcher.look()
    file.write({"networking": {"resolveServices": [RULE, RULE]}})
    file.watcher.look()
    file.refusal = "not like this"
    file.write(RULES)
    file.watcher.look()
    assert not file.applied
    assert file.loads("refused") == 3
    assert {(reason, warning) for reason, _, warning in file.said} == {("ConfigurationRefused", True)}
    assert "networking.resolveServices.1: it is about names that rule 0 is about" in file.said[-2][1]
    assert not file.watcher.config.networking.rules
