"""Connections and life: lines in, answers and events out, sessions that end with whoever held them. Decides nothing.

What may wait for a codec runs in a thread (`asyncio.to_thread`), so that the loop goes on answering the others. Events come
from whatever thread caused them and are handed to the loop in order; they reach a client before the answer that they led to.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import threading
from collections.abc import Callable

from firmware_py.device import Device
from firmware_py.errors import FirmwareError
from firmware_py.serve import protocol as p
from firmware_py.serve.answers import Answers, refusal_of

BACKLOG_BYTES = 256 * 1024
"""Events wait for a slow reader up to here; then they are dropped, and counted."""

LOOK_S = 0.25
"""How soon a fault that nobody asked for is noticed: a card that has gone, a press that failed."""

LINGER_S = 1.0
"""How long a client may go on sending a line that is too long, before it cannot read the answer."""

_log = logging.getLogger(__name__)


class Server:
    """One device, served until told to stop. `say` gets what whoever started the server should read."""

    def __init__(self, device: Device, board: str, say: Callable[[str], None]) -> None:
        self._device, self._board, self._say = device, board, say
        self._connections: dict[_Connection, asyncio.Task[None]] = {}

    async def run(self, listener: socket.socket, stop: asyncio.Event) -> None:
        """Serve. Afterwards every session is over, the codec has no power, and the listener is closed."""
        loop = asyncio.get_running_loop()

        def tell(event: p.Event) -> None:
            loop.call_soon_threadsafe(self._tell, event)

        self._answers = Answers(self._device, self._board, tell)
        self._mode, self._fault = self._answers.mode(), self._answers.fault()
        threads_stop = threading.Event()
        threads = [
            threading.Thread(target=self._serve_panel, args=(threads_stop,), name="audiohat panel"),
            threading.Thread(target=self._device.watch, args=(threads_stop,), name="audiohat watch"),
        ]
        server = await asyncio.start_unix_server(self._connected, sock=listener, limit=p.LINE_BYTES)
        looking = asyncio.create_task(self._keep_looking())
        for thread in threads:
            thread.start()
        try:
            await stop.wait()
        finally:
            server.close()
            looking.cancel()
            for connection in self._connections:
                connection.abort()
            await asyncio.gather(*self._connections.values(), return_exceptions=True)
            threads_stop.set()
            for thread in threads:
                await asyncio.to_thread(thread.join)
            await asyncio.to_thread(self._answers.close)

    async def run_until_signal(self, listener: socket.socket) -> signal.Signals:
        """Serve until SIGTERM or SIGINT; returns which."""
        loop, stop, caught = asyncio.get_running_loop(), asyncio.Event(), list[signal.Signals]()

        def end(number: signal.Signals) -> None:
            caught.append(number)
            stop.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, end, number)
        await self.run(listener, stop)
        return caught[0]

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = _Connection(reader, writer)
        task = asyncio.current_task()
        assert task is not None
        self._connections[connection] = task
        try:
            while (line := await connection.line()) is not None:
                await connection.send(await self._answer(connection, line))
        except ConnectionError:
            pass  # gone, as clients go
        finally:
            del self._connections[connection]
            await asyncio.to_thread(self._answers.abandon, connection.own)
            self._look()
            writer.close()

    async def _answer(self, connection: _Connection, line: bytes) -> bytes:
        spoken = p.read_request(line)
        if spoken.request is None:
            return p.refusal_line(spoken.id, spoken.refusal or p.Refusal(p.Code.MALFORMED, "not a request"))
        try:
            facts = await asyncio.to_thread(self._answers.answer, spoken.request, connection.own)
        except Exception as error:
            if not isinstance(error, FirmwareError):
                _log.exception("a request failed in a way that is our fault")
            return p.refusal_line(spoken.id, refusal_of(error))
        finally:
            self._look()
        connection.watches = connection.watches or isinstance(spoken.request, p.Watch)
        return p.answer_line(spoken.id, facts)

    def _tell(self, event: p.Event) -> None:
        line = p.event_line(event)
        for connection in self._connections:
            if connection.watches or event.session in connection.own:
                connection.tell(line)

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            self._look()

    def _look(self) -> None:
        """Tell of another mode in force, and of a fault, or of its end."""
        mode, fault = self._answers.mode(), self._answers.fault()
        if mode != self._mode:
            self._mode = mode
            self._tell(mode)
        if fault.message != self._fault.message:
            self._fault = fault
            self._say(f"fault: {fault.message}" if fault.message else "the fault is over")
            self._tell(fault)

    def _serve_panel(self, stop: threading.Event) -> None:
        try:
            self._device.panel.run(stop)
        except FirmwareError as error:
            self._say(f"the panel is not served any more: {error}")


class _Connection:
    """One client: what it sends, line by line, and what waits to be sent to it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.own: set[str] = set()
        self.watches = False
        self._reader, self._writer = reader, writer
        self._dropped = 0
        self._telling: asyncio.Task[None] | None = None  # of what was dropped

    async def line(self) -> bytes | None:
        """The next line without its end; None when no more come, which is said to a client that could still read it."""
        try:
            return (await self._reader.readuntil())[:-1]
        except asyncio.IncompleteReadError as rest:
            if rest.partial:
                await self.send(p.refusal_line(None, p.Refusal(p.Code.MALFORMED, "this line has no end")))
        except asyncio.LimitOverrunError:
            refusal = p.Refusal(p.Code.TOO_LONG, f"a line has at most {p.LINE_BYTES} bytes; this connection ends here")
            await self.send(p.refusal_line(None, refusal))
            await self._linger()
        return None

    async def send(self, line: bytes) -> None:
        """Write, and wait while the client reads too slowly: who asks and does not listen is not asked what next."""
        self._writer.write(line)
        await self._writer.drain()

    def tell(self, line: bytes) -> None:
        """Write an event, or drop it."""
        if self._dropped or self._writer.transport.get_write_buffer_size() > BACKLOG_BYTES:
            if not self._dropped:
                self._telling = asyncio.create_task(self._tell_dropped())
            self._dropped += 1
        else:
            self._writer.write(line)

    def abort(self) -> None:
        """End it, whatever waits to be sent."""
        self._writer.transport.abort()

    async def _tell_dropped(self) -> None:
        try:
            await self._writer.drain()
        except ConnectionError:
            return
        count, self._dropped = self._dropped, 0
        self._writer.write(p.event_line(p.DroppedEvent(count=count)))

    async def _linger(self) -> None:
        """A socket closed on unread data is reset, and the answer may be lost: let the client finish its line first."""
        self._writer.write_eof()
        try:
            async with asyncio.timeout(LINGER_S):
                while await self._reader.read(p.LINE_BYTES):
                    pass
        except TimeoutError:
            pass
