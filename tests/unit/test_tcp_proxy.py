"""The proxy between the services and their servers: forwards, cuts, holds back."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.support.tcp_proxy import HOST, TcpProxy
from tests.support.waiting import eventually

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
_BRIEF_S = 0.2


async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A server that answers in capitals."""
    try:
        while line := await reader.readline():
            writer.write(line.upper())
    except ConnectionResetError:
        return
    finally:
        writer.close()


@pytest.fixture
async def proxy() -> AsyncIterator[TcpProxy]:
    server = await asyncio.start_server(shout, HOST, 0)
    async with TcpProxy(server.sockets[0].getsockname()[1]) as proxy:
        yield proxy
    server.close()


async def connect(proxy: TcpProxy) -> Streams:
    return await asyncio.open_connection(HOST, proxy.port)


async def ask(streams: Streams, line: bytes) -> bytes:
    streams[1].write(line)
    return await streams[0].readline()


async def test_it_forwards_both_ways_and_ends_with_the_client(proxy: TcpProxy) -> None:
    streams = await connect(proxy)
    assert await ask(streams, b"hello\n") == b"HELLO\n"
    assert proxy.connections == 1
    streams[1].close()

    async def none() -> bool:
        return proxy.connections == 0

    await eventually(none, 5, "the connection is forgotten")


async def test_a_reset_cuts_what_is_connected_and_lets_others_come(proxy: TcpProxy) -> None:
    streams = await connect(proxy)
    assert await ask(streams, b"hello\n") == b"HELLO\n"
    proxy.reset()
    with pytest.raises(ConnectionResetError):
        await ask(streams, b"still there?\n")
    assert await ask(await connect(proxy), b"again\n") == b"AGAIN\n"


async def test_what_is_held_back_arrives_later_and_once(proxy: TcpProxy) -> None:
    before = await connect(proxy)
    assert await ask(before, b"hello\n") == b"HELLO\n"
    proxy.hold()
    during = await connect(proxy)
    answers = [asyncio.create_task(ask(streams, b"held\n")) for streams in (before, during)]
    done, _ = await asyncio.wait(answers, timeout=_BRIEF_S)
    assert not done
    proxy.release()
    assert await asyncio.gather(*answers) == [b"HELD\n", b"HELD\n"]


async def test_a_server_that_is_away_is_a_reset(proxy: TcpProxy) -> None:
    async with TcpProxy(1) as nowhere:
        reader, _ = await connect(nowhere)
        with pytest.raises(ConnectionResetError):
            await reader.read()
