"""A real operator, made with Kubernetes' own client library, as an image that a tenant's pod can run."""

import os
import subprocess
import tempfile
from pathlib import Path
from shutil import copy2

from vgateway.local.archive import ImageConfig, write_image_archive
from vgateway.local.paths import cache_home
from vgateway.local.programs import Program
from vgateway.local.progress import Progress
from vgateway.local.toolchain import ensure_built

MODULES = Path(__file__).parents[1] / "programs"
SAMPLE = Program("sample-controller", "sample-controller", "k8s.io/sample-controller", (0, 36), modules=MODULES)
IMAGE = "vgateway.test/sample-controller:0.36"
NOBODY = "65532:65532"


def write_operator_image(directory: Path) -> Path:
    """Build the operator unless that was done before, and return an archive of its image in ``directory``."""
    program = ensure_built(SAMPLE, cache_home(os.environ), Progress())
    archive = directory / "sample-controller.tar"
    with tempfile.TemporaryDirectory() as root:
        copy2(program, Path(root) / SAMPLE.name)
        write_image_archive(archive, IMAGE, Path(root), ImageConfig(entrypoint=(f"/{SAMPLE.name}",), user=NOBODY))
    return archive


def operator_definition() -> Path:
    """Return the path of the definition of the operator's custom resource, as its module brings it."""
    asked = ["go", "list", "-m", "-f", "{{.Dir}}", SAMPLE.package]
    found = subprocess.run(asked, cwd=SAMPLE.module, capture_output=True, text=True, check=True)
    return Path(found.stdout.strip()) / "artifacts" / "examples" / "crd-status-subresource.yaml"
