"""What of the chart follows from the models and the kinds is as they are now."""

import orjson
import yaml

from tests.support.helm import CHART
from vgateway import __version__
from vgateway.install.chart import arguments_template, rights_template, values_schema
from vgateway.install.layout import Release
from vgateway.install.manifests import manifests
from vgateway.install.wiring import config_of

RENEW = "run deploy/helm/generate"


def test_the_schema_of_the_values_is_the_models() -> None:
    assert orjson.loads((CHART / "values.schema.json").read_bytes()) == values_schema(), RENEW


def test_the_rules_are_the_kinds() -> None:
    assert (CHART / "templates" / "_rights.tpl").read_text() == rights_template(), RENEW


def test_the_arguments_are_the_programs() -> None:
    assert (CHART / "templates" / "_arguments.tpl").read_text() == arguments_template(), RENEW


def test_the_values_that_the_chart_shows_are_the_models_defaults() -> None:
    release = Release("my", "team-a")
    shown = yaml.safe_load((CHART / "values.yaml").read_text())
    assert config_of(shown, release) == config_of({}, release)


def test_the_chart_has_the_version_of_what_it_installs() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert (chart["version"], chart["appVersion"]) == (__version__, __version__)


def test_the_kustomize_base_is_what_the_command_line_prints() -> None:
    base = CHART.parents[1] / "kustomize" / "base" / "vgateway.yaml"
    assert list(yaml.safe_load_all(base.read_text())) == manifests({}, Release("demo", "vgateway-demo")), RENEW
