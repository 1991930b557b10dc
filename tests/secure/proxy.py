"""A proxy between clients and a broker, so that a test can break every connection at once."""

import asyncio
import contextlib
import threading

from deploy.stack.ports import HOST


class Proxy:
    """Passes bytes on, from one loopback port to another, in a thread of its own."""

    def __init__(self, port: int, target: int) -> None:
        self._port, self._target = port, target
        self._loop = asyncio.new_event_loop()
        self._writers: set[asyncio.StreamWriter] = set()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._listening = threading.Event()

    def start(self) -> None:
        """Returns when it listens."""
        self._thread.start()
        self._listening.wait()

    def break_connections(self) -> None:
        """Now, on both sides. New ones are taken as before."""
        self._loop.call_soon_threadsafe(self._abort_all)

    def stop(self) -> None:
        """Ends it."""
        self._loop.call_soon_threadsafe(self._abort_all)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        server = self._loop.run_until_complete(asyncio.start_server(self._pass_on, HOST, self._port, backlog=256))
        self._listening.set()
        self._loop.run_forever()
        server.close()

    def _abort_all(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, to_there = await asyncio.open_connection(HOST, self._target)
        self._writers |= {writer, to_there}
        await asyncio.gather(_pump(reader, to_there), _pump(there, writer))
        self._writers -= {writer, to_there}


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while some := await reader.read(65_536):
            writer.write(some)
            await writer.drain()
    writer.close()
