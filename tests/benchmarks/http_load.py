"""An HTTP client in a process of its own, so that its work is not counted as the API's.

Reads a job (JSON) from stdin, writes a result to stdout. It writes requests made beforehand to 32 connections that are
kept, and reads no more of an answer than its status and length: a full client would take as much of the machine as the
API that it measures.
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

from tests.benchmarks.figures import percentile

CONCURRENCY = 32
WARM_UP = 64
_HOST = "127.0.0.1"


def _request(key: str, method: str, path: str, body: Any) -> bytes:
    payload = b"" if body is None else json.dumps(body).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: {_HOST}\r\nAuthorization: Bearer {key}\r\n"
    if body is not None:
        head += f"Content-Type: application/json\r\nContent-Length: {len(payload)}\r\n"
    return head.encode() + b"\r\n" + payload


async def _connection(port: int, requests: Iterator[tuple[float, bytes]], expected: int, seconds: list[float]) -> None:
    reader, writer = await asyncio.open_connection(_HOST, port)
    try:
        for due, request in requests:
            started = time.perf_counter()
            if started < due:
                await asyncio.sleep(due - started)
                started = time.perf_counter()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            body = await reader.readexactly(length)
            seconds.append(time.perf_counter() - started)
            if int(head[9:12]) != expected:
                raise RuntimeError(f"expected {expected}, got {head[:12].decode()}: {body[:200].decode()}")
    finally:
        writer.close()


async def _send(port: int, requests: Sequence[bytes], expected: int, per_second: float | None = None) -> list[float]:
    """Each request's seconds. They are sent as fast as they are answered, or no faster than so many a second."""
    begin, apart = time.perf_counter(), 1 / per_second if per_second else 0.0
    shared = iter([(begin + number * apart, request) for number, request in enumerate(requests)])
    seconds = list[float]()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(CONCURRENCY):
            tasks.create_task(_connection(port, shared, expected, seconds))
    return seconds


async def _measure(job: dict[str, Any]) -> dict[str, Any]:
    requests = [_request(job["key"], *request) for request in job["requests"]]
    warm_up = min(WARM_UP, len(requests) // 2)
    await _send(job["port"], requests[:warm_up], job["expected"])
    started = time.perf_counter()
    seconds = await _send(job["port"], requests[warm_up:], job["expected"], job.get("rate"))
    return {
        "per_second": len(seconds) / (time.perf_counter() - started),
        "p50_ms": percentile(seconds, 0.5) * 1000,
        "p99_ms": percentile(seconds, 0.99) * 1000,
    }


if __name__ == "__main__":
    json.dump(asyncio.run(_measure(json.load(sys.stdin))), sys.stdout)
