"""Load with wrk: keep-alive GETs over TLS with a bearer token, as fast as they are answered."""

import re
import subprocess
from dataclasses import dataclass

from benchmarks.place import AUTHORIZATION, HOST
from benchmarks.processes import BenchmarkError

CONNECTIONS = 16
_REQUESTS = re.compile(r"^\s*(\d+) requests in", re.MULTILINE)
_RATE = re.compile(r"^Requests/sec:\s*([\d.]+)", re.MULTILINE)
_FAILED = re.compile(r"^\s*(Non-2xx or 3xx responses: .*|Socket errors: .*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk counted."""

    requests: int
    per_second: float


def load(name: str, port: int, target: str, seconds: int) -> Load:
    """Run wrk against the contender ``name``. Raises BenchmarkError when a request failed."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "20s"]
    headers = ["-H", f"Authorization: {AUTHORIZATION}", "-H", "Accept: application/json"]
    ran = subprocess.run(
        [*command, *headers, f"https://{HOST}:{port}{target}"], capture_output=True, text=True, check=False
    )
    if ran.returncode != 0:
        raise BenchmarkError(f"{name}: wrk failed: {(ran.stderr or ran.stdout).strip()}")
    try:
        return parse(ran.stdout)
    except ValueError as error:
        raise BenchmarkError(f"{name}: {error}") from error


def parse(output: str) -> Load:
    """Read wrk's report. Raises ValueError when it names failures or cannot be understood."""
    if failed := _FAILED.search(output):
        raise ValueError(f"requests failed under load: {failed[1]}")
    requests, rate = _REQUESTS.search(output), _RATE.search(output)
    if requests is None or rate is None or int(requests[1]) == 0:
        raise ValueError(f"wrk said nothing of use: {output.strip()}")
    return Load(int(requests[1]), float(rate[1]))
