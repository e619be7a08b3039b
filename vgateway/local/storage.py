"""Volumes on the real nodes' own disks, for those who ask: rancher's local-path-provisioner beside the host's API.

A volume is a directory among its node's files, so it goes with the node. The provisioner makes and removes it by a
pod of its own on that node.
"""

from pathlib import Path
from typing import Any

import orjson

from vgateway.kube.objects import Obj
from vgateway.local.addresses import node_name
from vgateway.local.controlplane import arguments
from vgateway.local.files import write_file
from vgateway.local.hostcluster import SCOPE, user_kubeconfig
from vgateway.local.images import BUSYBOX
from vgateway.local.instance import Instance
from vgateway.local.kubeapi import STORAGE_CLASSES
from vgateway.local.processes import Program

PROGRAM = "local-path-provisioner"
NAME = f"{SCOPE}/{PROGRAM}"
NAMESPACE = "local-path-storage"
STORAGE_CLASS = "local-path"
SCRIPTS = {
    "setup": '#!/bin/sh\nset -eu\nmkdir -m 0777 -p "$VOL_DIR"\n',
    "teardown": '#!/bin/sh\nset -eu\nrm -rf "$VOL_DIR"\n',
}


def ensure_storage(instance: Instance, nodes: int) -> None:
    """Start the provisioner and make its class the host's default."""
    for manifest in storage_objects():
        instance.host_api.apply(manifest)
    directory = instance.paths.host / "storage"
    config = write_file(directory / "config.json", orjson.dumps(node_paths(instance, nodes)))
    helper = write_file(directory / "helper-pod.yaml", orjson.dumps(helper_pod()))
    options = arguments(
        {
            "config": config,
            "kubeconfig": user_kubeconfig(instance, PROGRAM),
            "namespace": NAMESPACE,
            "helper-pod-file": helper,
            "helper-image": BUSYBOX,
            "service-account-name": "default",
        }
    )
    command = (str(instance.programs[PROGRAM]), "start", *options)
    instance.processes.ensure(Program(NAME, command, instance.place(SCOPE), files=(config, helper)))


def end_storage(instance: Instance) -> None:
    """Stop the provisioner and take its class away; volumes that are there stay, and nobody removes them any more."""
    instance.processes.stop([NAME])
    instance.host_api.call("DELETE", STORAGE_CLASSES.path(name=STORAGE_CLASS))


def node_paths(instance: Instance, nodes: int) -> dict[str, Any]:
    """Return where each node keeps its volumes: beside its other files."""
    names = [node_name(index) for index in range(1, nodes + 1)]
    return {"nodePathMap": [{"node": name, "paths": [str(volumes_of(instance, name))]} for name in names]}


def volumes_of(instance: Instance, node: str) -> Path:
    """Return the directory of a node's volumes."""
    return instance.paths.node(node) / "volumes"


def storage_objects() -> list[Obj]:
    """Return what the provisioner finds on the host: its namespace, its pods' scripts, and the class that it serves."""
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "local-path-config", "namespace": NAMESPACE},
            "data": SCRIPTS,
        },
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {
                "name": STORAGE_CLASS,
                "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
            },
            "provisioner": "rancher.io/local-path",
            "volumeBindingMode": "WaitForFirstConsumer",
            "reclaimPolicy": "Delete",
        },
    ]


def helper_pod() -> Obj:
    """Return the pod that makes or removes a volume's directory; the provisioner adds where and how."""
    container = {"name": "helper-pod", "image": BUSYBOX, "imagePullPolicy": "IfNotPresent"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "helper-pod"},
        "spec": {"automountServiceAccountToken": False, "terminationGracePeriodSeconds": 0, "containers": [container]},
    }
