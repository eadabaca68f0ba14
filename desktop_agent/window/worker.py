"""Where everything waits: one thread with an asyncio loop. The window's own thread only draws.

asyncio's own loop, and not one that is made of Qt's: what runs here is the same as under the command line, sockets,
processes and cancelling included, on every system.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import Any, Final, TypeAlias, TypeVar

from PySide6.QtCore import QObject, Qt, Signal, Slot

from desktop_agent.errors import AgentError, Stopped
from desktop_agent.words import of_system

FAREWELL_SECONDS: Final = 8.0
"""How long what waits on the phone may take to be withdrawn when the window closes."""
T = TypeVar("T")
Errand: TypeAlias = "Future[Any]"
_log = logging.getLogger("linkid-desktop")


class Worker(QObject):
    """Made in the window's thread, which is where everything that is shown gets shown."""

    _showing = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self._closed = False
        self._showing.connect(self._show, Qt.ConnectionType.QueuedConnection)
        self._thread = threading.Thread(target=self._run, name="linkid-worker", daemon=True)
        self._thread.start()

    def show(self, act: Callable[[], object]) -> None:
        """Have ``act`` done in the window's thread, soon and in order. From any thread."""
        with suppress(RuntimeError):  # the window is gone
            self._showing.emit(act)

    def do(
        self,
        act: Coroutine[Any, Any, T],
        done: Callable[[T], object] | None = None,
        failed: Callable[[AgentError], object] | None = None,
    ) -> Errand:
        """Start ``act`` over there; ``done`` or ``failed`` is called over here. Cancelling the answer stops it."""
        if self._closed:
            act.close()
            stopped: Errand = Future()
            stopped.cancel()
            return stopped
        return asyncio.run_coroutine_threadsafe(self._attend(act, done, failed), self.loop)

    async def _attend(
        self,
        act: Coroutine[Any, Any, T],
        done: Callable[[T], object] | None,
        failed: Callable[[AgentError], object] | None,
    ) -> None:
        try:
            found = await act
        except asyncio.CancelledError:
            self._tell(failed, Stopped("Interrompido.", "Nada foi assinado."))
            raise
        except AgentError as error:
            self._tell(failed, error)
        except OSError as error:
            what = f"{error.filename}: " if error.filename else ""
            self._tell(failed, AgentError(f"O sistema recusou o que era preciso fazer. {what}{of_system(error)}."))
        except Exception:  # a fault of ours: people get a sentence, the journal the rest
            _log.exception("window")
            self._tell(failed, AgentError("Algo inesperado aconteceu.", "Avise o suporte do Link ID."))
        else:
            if done is not None:
                self.show(partial(done, found))

    def _tell(self, failed: Callable[[AgentError], object] | None, error: AgentError) -> None:
        if failed is not None:
            self.show(partial(failed, error))

    def close(self) -> None:
        """Stop everything; what is on the phone leaves it. Waits a moment for that."""
        if not self._closed:
            self._closed = True
            with suppress(TimeoutError):
                asyncio.run_coroutine_threadsafe(self._stop_all(), self.loop).result(FAREWELL_SECONDS)
            self.loop.call_soon_threadsafe(self.loop.stop)
            self._thread.join(FAREWELL_SECONDS)

    async def _stop_all(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
        finally:
            self.loop.run_until_complete(self.loop.shutdown_default_executor())
            self.loop.close()

    @Slot(object)
    def _show(self, act: Callable[[], object]) -> None:
        act()
