"""A server without descriptors: it says so once a second, and serves whoever waits as soon as there are some."""

import asyncio
import resource
import socket
from typing import Any

from service.clock import system_clock
from service.ops.health import Checks
from service.ops.server import ops_server

REQUEST = b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


async def test_no_descriptors_left_is_said_once_a_try_and_survived() -> None:
    said: list[str] = []
    once = asyncio.Event()

    def hear(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        said.append(context["message"])
        once.set()

    loop = asyncio.get_running_loop()
    before = loop.get_exception_handler()
    loop.set_exception_handler(hear)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    async with ops_server(Checks(), system_clock, "127.0.0.1", 0) as url, asyncio.timeout(20):
        with socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1]))) as client:
            client.settimeout(0)
            client.send(REQUEST)
            resource.setrlimit(resource.RLIMIT_NOFILE, (1, limits[1]))
            try:
                await once.wait()
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, limits)
                loop.set_exception_handler(before)
            assert said == ["socket.accept() out of system resource"]
            assert (await loop.sock_recv(client, 100)).startswith(b"HTTP/1.1 200")
