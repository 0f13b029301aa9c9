"""A server and a client of asyncio's."""

import asyncio


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Shout."""
    writer.write((await reader.readline()).upper())
    await writer.drain()
    writer.close()


async def main() -> None:
    """Ask, and ask where it is denied."""
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("localhost", port)
    writer.write(b"hi\n")
    print(await reader.readline())
    writer.close()
    try:
        await asyncio.open_connection("192.0.2.1", 9)
    except RuntimeError as error:
        print("denied", error)
    server.close()


asyncio.run(main())
