import pytest

from benchmarks.wrk import Load, parse

REPORT = """Running 2s test @ https://127.0.0.1:4000/api
  1 threads and 16 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.50ms  301.00us   9.90ms   90.11%
  20391 requests in 2.00s, 22.05MB read
Requests/sec:  10187.64
Transfer/sec:     11.02MB
"""


def test_a_report_gives_requests_and_rate() -> None:
    assert parse(REPORT) == Load(20391, 10187.64)


@pytest.mark.parametrize(
    ("report", "complaint"),
    [
        (REPORT + "  Non-2xx or 3xx responses: 7\n", "Non-2xx or 3xx responses: 7"),
        (REPORT + "  Socket errors: connect 0, read 3, write 0, timeout 0\n", "Socket errors: .*read 3"),
        (REPORT.replace("20391", "0"), "nothing of use"),
        ("", "nothing of use"),
    ],
)
def test_a_load_with_failures_gives_no_figure(report: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse(report)
