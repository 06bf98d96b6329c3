"""Load on a server from wrk, with different bodies in turn, and the latencies it saw."""

import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

# After which an answer counts as missing; a forest behind 128 connections takes seconds.
_TIMEOUT_SECONDS = 20

_SCRIPT = """
local bodies = { %s }
local requests, turn = {}, 0

wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"

function init(arguments)
  for position, body in ipairs(bodies) do
    requests[position] = wrk.format(nil, nil, nil, body)
  end
end

function request()
  turn = turn %% #requests + 1
  return requests[turn]
end

function done(summary, latency, _)
  local errors = summary.errors
  local failed = errors.status + errors.read + errors.write + errors.timeout + errors.connect
  io.write(string.format("RESULT %%d %%d %%d %%d %%d\\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), failed))
end
"""


@dataclass(frozen=True, slots=True)
class Load:
    """What the generator saw.

    Attributes:
        requests: Answers of any status.
        seconds: How long it asked.
        p50_ms: Median latency.
        p99_ms: 99th percentile of the latency.
        failed: Answers with a status from 400 on, broken connections, answers that did not come.
        generator_cpu_seconds: What the generator itself took of the processors.
    """

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    failed: int
    generator_cpu_seconds: float


def write_script(path: Path, bodies: list[str]) -> None:
    """Writes what makes wrk post the bodies, ASCII JSON texts, in turn."""
    # What JSON escapes in a text of ASCII, Lua escapes the same way.
    path.write_text(_SCRIPT % ", ".join(json.dumps(body) for body in bodies))


def put_load(address: str, script: Path, connections: int, seconds: int) -> Load:
    """Asks as fast as the server answers, on one thread.

    Args:
        address: Where to post.
        script: From `write_script`.
        connections: Open all the time; each has one request under way.
        seconds: How long.
    """
    limits = [f"-c{connections}", f"-d{seconds}s", f"--timeout={_TIMEOUT_SECONDS}s"]
    command = ["wrk", "-t1", *limits, "-s", str(script), address]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        output = process.stdout.read()
        _, _, usage = os.wait4(process.pid, 0)
        process.returncode = 0
    match = re.search(r"RESULT (\d+) (\d+) (\d+) (\d+) (\d+)", output)
    if match is None:
        raise SystemExit(f"wrk did not say what it saw at {address}: {output or 'nothing'}")
    requests, microseconds, p50, p99, failed = map(int, match.groups())
    return Load(
        requests,
        microseconds / 1e6,
        p50 / 1e3,
        p99 / 1e3,
        failed,
        usage.ru_utime + usage.ru_stime,
    )
