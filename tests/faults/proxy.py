"""A TCP proxy between a worker and its broker: slow, narrow, cut or silent, as a test says while it runs."""

import asyncio
import random
import threading
from contextlib import suppress
from types import TracebackType
from typing import NamedTuple, Self

HOST = "127.0.0.1"
PIECE_BYTES = 64 << 10
QUEUED_PIECES = 256  # per direction: what is more waits in the socket, as it would before a slow line


class Link(NamedTuple):
    """Both writers of one connection, and whether it will never carry a byte again."""

    client: asyncio.StreamWriter
    broker: asyncio.StreamWriter
    deaf: asyncio.Event


class Proxy:
    """Listens on a free loopback port and passes on to `target_port`, in a thread of its own. A context manager.

    All may be called at any time from any one thread; what is set holds from the next piece of data on.
    """

    def __init__(self, target_port: int, seed: int = 0) -> None:
        self.target_port, self.port = target_port, 0
        self.delay_seconds = 0.0  # each way; a request and its answer take twice as long
        self.bytes_per_second = 0.0  # each way, of each connection; 0: as fast as it goes
        self.silent = False  # what comes is accepted and swallowed, and so is a new connection
        self.cuts = 0  # connections that were reset
        self._dice = random.Random(seed)
        self._links: set[Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._cut_after: tuple[int, int] | None = None
        self._held, self._released = b"", asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)

    def cut(self) -> int:
        """Reset all connections there are, half of them so that requests are lost, half so that only answers are.

        Return how many.
        """
        return asyncio.run_coroutine_threadsafe(self._cut(), self._loop).result(10)

    def cut_often(self, least_bytes: int, most_bytes: int) -> None:
        """From now on reset each new connection when the client has sent so many bytes: half of them before the last
        piece reaches the broker, half after, so that the answer alone is lost. 0, 0: no more.
        """
        self._cut_after = (least_bytes, most_bytes) if most_bytes else None

    def hold(self, text: bytes) -> None:
        """From now on let a request with this text in it wait, and all that follow it on its connection."""
        self._held = text
        self._loop.call_soon_threadsafe(self._released.clear)

    def release(self) -> None:
        """Pass on what was held."""
        self._held = b""
        self._loop.call_soon_threadsafe(self._released.set)

    def fall_silent(self) -> None:
        """Swallow all bytes from now on. The connections there are stay silent for ever, as behind a dead router."""
        self.silent = True
        for link in list(self._links):
            link.deaf.set()

    def speak(self) -> None:
        """Pass on what new connections bring."""
        self.silent = False

    def __enter__(self) -> Self:
        self._thread.start()
        self.port = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _listen(self) -> int:
        self._server = await asyncio.start_server(self._accept, HOST, 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def _close(self) -> None:
        self._server.close()
        await self._cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _cut(self) -> int:
        links = list(self._links)
        for link in links:
            self._reset(link, loses_requests=self._dice.random() < 0.5)
        await asyncio.sleep(0)
        return len(links)

    def _reset(self, link: Link, *, loses_requests: bool) -> None:
        """Reset the client's side, and the broker's with what it has not read; or let the broker read to the end."""
        if link in self._links:
            self._links.discard(link)
            self.cuts += 1
        link.client.transport.abort()
        if loses_requests:
            link.broker.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        with suppress(asyncio.CancelledError, OSError):
            if self.silent:
                await self._swallow(reader)
            else:
                await self._join(reader, writer)
        writer.transport.abort()

    async def _swallow(self, reader: asyncio.StreamReader) -> None:
        while await reader.read(PIECE_BYTES):
            pass

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            answers, broker = await asyncio.open_connection(HOST, self.target_port)
        except OSError:  # the broker is away: refused, as without us
            return
        link = Link(writer, broker, asyncio.Event())
        self._links.add(link)
        limit = None if self._cut_after is None else self._dice.randint(*self._cut_after)
        ways = [self._pass_on(link, reader, broker, limit), self._pass_on(link, answers, writer, None)]
        try:
            await asyncio.gather(*ways)
        except OSError:
            pass
        finally:
            self._links.discard(link)
            broker.transport.abort()

    async def _pass_on(
        self, link: Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limit: int | None
    ) -> None:
        """Pass pieces on, each not before its time; end both ways with the first that ends."""
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(QUEUED_PIECES)
        sending = asyncio.create_task(self._send_in_time(link, queue, writer))
        passed = 0
        try:
            while piece := await reader.read(PIECE_BYTES):
                passed += len(piece)
                if self._held and self._held in piece:
                    await self._released.wait()
                is_last = limit is not None and passed >= limit
                if is_last and self._dice.random() < 0.5:
                    self._reset(link, loses_requests=True)
                    return
                await queue.put((self._loop.time() + self.delay_seconds, piece))
                if is_last:
                    await queue.join()
                    self._reset(link, loses_requests=False)
                    return
            await queue.join()
        finally:
            sending.cancel()
            if not link.deaf.is_set():
                writer.transport.abort() if reader.exception() else writer.close()

    async def _send_in_time(
        self, link: Link, queue: "asyncio.Queue[tuple[float, bytes]]", writer: asyncio.StreamWriter
    ) -> None:
        while True:
            due, piece = await queue.get()
            await asyncio.sleep(max(0.0, due - self._loop.time()))
            if self.bytes_per_second:
                await asyncio.sleep(len(piece) / self.bytes_per_second)
            if not link.deaf.is_set():
                with suppress(OSError):
                    writer.write(piece)
                    await writer.drain()
            queue.task_done()
