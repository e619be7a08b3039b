"""The chart and what Python makes of the same values are the same; the generated parts of the chart are current."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.helm import CHART, Helm, helm_program
from vgateway.install.layout import Release
from vgateway.install.manifests import manifests
from vgateway.install.wiring import config_of
from vgateway.local.paths import cache_home
from vgateway.local.progress import Progress
from vgateway.local.toolchain import ensure_programs

RELEASE = Release("my", "team-a")
LONG = Release("a-virtual-cluster-with-a-name", "a-host-namespace-with-a-long-name")

MATRIX: dict[str, dict[str, Any]] = {
    "nothing said": {},
    "no disk": {"controlPlane": {"statefulSet": {"persistence": {"volumeClaim": {"enabled": False}}}}},
    "another disk": {
        "controlPlane": {
            "statefulSet": {
                "persistence": {"volumeClaim": {"size": "1Gi", "storageClass": "fast", "retentionPolicy": "Retain"}}
            }
        }
    },
    "images, resources and flags of one's own": {
        "controlPlane": {
            "distro": {
                "k8s": {
                    "version": "v1.35.1",
                    "apiServer": {
                        "image": {"registry": "registry.example", "repository": "api", "tag": "x"},
                        "extraArgs": ["--v=2", "--audit-log-path=-"],
                        "resources": {"limits": {"memory": "1Gi"}},
                    },
                }
            },
            "statefulSet": {"image": {"registry": "", "tag": "main"}, "imagePullPolicy": "Always"},
        }
    },
    "a place on the host": {
        "controlPlane": {
            "statefulSet": {
                "labels": {"a": "b"},
                "annotations": {"c": "d"},
                "pods": {"labels": {"e": "f"}, "annotations": {"g": "h"}},
                "scheduling": {
                    "nodeSelector": {"disk": "ssd"},
                    "affinity": {"nodeAffinity": {}},
                    "tolerations": [{"operator": "Exists"}],
                    "priorityClassName": "high",
                },
            }
        }
    },
    "a Service, a budget and a monitor": {
        "controlPlane": {
            "service": {
                "labels": {"a": "b"},
                "annotations": {"c": "d"},
                "spec": {"type": "LoadBalancer", "externalTrafficPolicy": "Local"},
            },
            "serviceMonitor": {"enabled": True, "labels": {"team": "ops"}},
            "advanced": {"podDisruptionBudget": {"enabled": True, "minAvailable": "50%"}},
            "proxy": {"port": 9443},
            "kubelet": {"port": 11250},
        }
    },
    "the host's range": {"networking": {"serviceCIDR": "10.96.0.0/16"}},
    "kinds that need no more than a Role": {
        "sync": {
            "toHost": {
                "ingresses": {"enabled": True},
                "networkPolicies": {"enabled": True},
                "podDisruptionBudgets": {"enabled": True},
                "serviceAccounts": {"enabled": True},
                "volumeSnapshots": {"enabled": True},
            }
        }
    },
    "kinds that are switched off": {
        "sync": {
            "toHost": {
                "services": {"enabled": False},
                "secrets": {"enabled": False},
                "endpoints": {"enabled": False},
                "persistentVolumeClaims": {"enabled": False},
            },
            "fromHost": {"events": {"enabled": False}},
        }
    },
    "rights in the whole host": {
        "sync": {
            "toHost": {"persistentVolumes": {"enabled": True}, "storageClasses": {"enabled": True}},
            "fromHost": {
                "nodes": {"enabled": True},
                "ingressClasses": {"enabled": True},
                "runtimeClasses": {"enabled": True},
                "csiNodes": {"enabled": True},
                "csiDrivers": {"enabled": False},
            },
        },
        "controlPlane": {"kubelet": {"nodeMetrics": True}},
    },
}

EACH: dict[str, dict[str, Any]] = {
    "no line around it any more": {"policies": {"networkPolicy": {"enabled": False}}},
    "a line around it": {"policies": {"networkPolicy": {"enabled": True}}},
    "byIP": {"networking": {"advanced": {"proxyKubelets": {"byIP": True, "byHostname": False}}}},
    "nodes without ways to tell them apart": {
        "sync": {"fromHost": {"nodes": {"enabled": True}}},
        "networking": {"advanced": {"proxyKubelets": {"byHostname": False}}},
    },
    "the load of nodes": {
        "integrations": {"metricsServer": {"enabled": True}},
        "controlPlane": {"kubelet": {"nodeMetrics": True}},
    },
    "the load of pods only": {
        "integrations": {"metricsServer": {"enabled": True, "nodes": False}},
        "sync": {"fromHost": {"nodes": {"enabled": True}}},
    },
}
"""Values whose rights follow from several of them together."""

REFUSED: dict[str, dict[str, Any]] = {
    "toHost.namespaces": {"sync": {"toHost": {"namespaces": {"enabled": True}}}},
    "fromHost.secrets": {"sync": {"fromHost": {"secrets": {"enabled": True, "mappings": {"byName": {"a/b": "c/d"}}}}}},
    "customResources": {
        "sync": {"toHost": {"customResources": {"widgets.example.io": {"enabled": True, "kind": "Widget"}}}}
    },
    "replicateServices.fromHost": {"networking": {"replicateServices": {"fromHost": [{"from": "a/b", "to": "c/d"}]}}},
}


@pytest.fixture(scope="session")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """Helm, without any cluster."""
    return Helm(helm_program(), tmp_path_factory.mktemp("helm"))


def template(
    helm: Helm, values: dict[str, Any], release: Release, directory: Path
) -> "subprocess.CompletedProcess[str]":
    file = directory / "values.yaml"
    file.write_text(yaml.safe_dump(values))
    where = ("-n", release.namespace, "--kube-version", "1.36.3", "-f", str(file))
    return helm.run("template", release.name, str(CHART), *where)


def by_name(objects: Any) -> dict[tuple[str, str], dict[str, Any]]:
    return {(obj["kind"], obj["metadata"]["name"]): obj for obj in objects if obj}


def single(rules: list[dict[str, Any]]) -> Iterator[tuple[str, str, str, str]]:
    """Yield what rules allow, one verb of one resource at a time."""
    for rule in rules:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                for name in rule.get("resourceNames", [""]):
                    for verb in rule["verbs"]:
                        yield group, resource, name, verb


def comparable(objects: Any, release: Release) -> dict[tuple[str, str], dict[str, Any]]:
    """Return objects with what may be said in several ways said in one."""
    found = by_name(objects)
    for (kind, name), obj in found.items():
        if kind in ("Role", "ClusterRole"):
            obj["rules"] = sorted(set(single(obj["rules"])))
        elif kind == "StatefulSet":
            # It says that the values are others, which each writes in its own way.
            assert obj["spec"]["template"]["metadata"]["annotations"].pop("vClusterConfigHash")
        elif name == release.config_secret:
            obj["stringData"] = config_of(yaml.safe_load(obj["stringData"]["config.yaml"]), release)
    return found


@pytest.mark.parametrize("release", [RELEASE, LONG], ids=["short names", "long names"])
@pytest.mark.parametrize("said", [*MATRIX, *EACH])
def test_the_chart_renders_what_the_command_line_installs(
    helm: Helm, said: str, release: Release, tmp_path: Path
) -> None:
    values = MATRIX[said] if said in MATRIX else EACH[said]
    done = template(helm, values, release, tmp_path)
    assert done.returncode == 0, done.stderr
    assert comparable(yaml.safe_load_all(done.stdout), release) == comparable(manifests(values, release), release)


@pytest.mark.parametrize("said", REFUSED)
def test_what_needs_rights_that_the_chart_cannot_work_out_is_refused_by_name(
    helm: Helm, said: str, tmp_path: Path
) -> None:
    done = template(helm, REFUSED[said], RELEASE, tmp_path)
    assert done.returncode != 0
    assert f"{said} needs rights that the chart cannot work out" in done.stderr
    assert manifests(REFUSED[said], RELEASE), "the command line can"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"sync": {"toHost": {"nmspaces": {}}}}, "nmspaces"),
        ({"controlPlane": {"statefulSet": {"highAvailability": {"replicas": 3}}}}, "replicas"),
        ({"gateway": {"name": "x"}}, "gateway"),
    ],
    ids=["an unknown key", "more than one replica", "wiring of one's own"],
)
def test_values_that_the_gateway_would_refuse_are_refused_before_anything_is_installed(
    helm: Helm, values: dict[str, Any], words: str, tmp_path: Path
) -> None:
    done = template(helm, values, RELEASE, tmp_path)
    assert done.returncode != 0
    assert words in done.stderr


def test_helm_finds_nothing_to_say_against_the_chart(helm: Helm) -> None:
    assert "0 chart(s) failed" in helm.ok("lint", "--strict", str(CHART))


def test_the_kustomize_overlay_puts_everything_into_one_namespace_and_tells_the_gateway_its_own(tmp_path: Path) -> None:
    kubectl = ensure_programs(["kubectl"], cache_home(os.environ), Progress())["kubectl"]
    overlay = CHART.parents[1] / "kustomize" / "overlays" / "example"
    done = subprocess.run([kubectl, "kustomize", str(overlay)], capture_output=True, check=True)
    made = by_name(yaml.safe_load_all(done.stdout))
    assert {obj["metadata"]["namespace"] for obj in made.values()} == {"team-a"}
    assert made["RoleBinding", "vc-demo"]["subjects"][0]["namespace"] == "team-a"
    said = yaml.safe_load(made["Secret", "vc-config-demo"]["stringData"]["config.yaml"])
    assert config_of(said, Release("demo", "team-a")).export_kube_config.server == "https://demo.team-a.svc"
    (claim,) = made["StatefulSet", "demo"]["spec"]["volumeClaimTemplates"]
    assert claim["spec"]["storageClassName"] == "fast"
