"""Connections at the port: how many, how long, and whose turn it is."""

import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from cjstream.logs import tell
from cjstream.ops.access import Access
from cjstream.ops.handler import MAX_SECONDS, Handler, Page, Server
from cjstream.settings import Secret

MAX_CONNECTIONS = 32  # Prometheus, the probes and a person need 8; with 32, 200 that say nothing are gone in 2 s
POLL_SECONDS = 0.1  # how late a stop or a deadline may be noticed
GRACE_SECONDS = 0.3  # an honest client's request is complete by then, also on a busy machine
HANDOVER_SECONDS = 0.5  # a thread whose connection was cut ends within this, unless a check or source hangs


class Connections(Server):
    """A thread per connection, at most MAX_CONNECTIONS; one more cuts the oldest that stays incomplete.

    So clients that send nothing, or a byte now and then, keep nobody else waiting.
    """

    allow_reuse_address = True
    request_queue_size = 256

    def __init__(self, host: str, port: int, paths: Mapping[str, Page], token: Secret | None = None) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.paths = paths
        self._slots = threading.BoundedSemaphore(MAX_CONNECTIONS)
        self._lock = threading.Lock()  # a socket is cut, or closed by its thread, never both at once
        self._incomplete: dict[socket.socket, float] = {}  # since when; oldest first
        super().__init__((host, port), Handler)
        self.access = Access(str(self.server_address[0]), token)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Give the connection a thread as soon as there is one; close it if there is none for long."""
        deadline = time.monotonic() + GRACE_SECONDS + HANDOVER_SECONDS
        while not self._slots.acquire(blocking=False):
            self._cut(at_most=1, before=time.monotonic() - GRACE_SECONDS)
            if self._slots.acquire(timeout=POLL_SECONDS):
                break
            if time.monotonic() > deadline:
                self.shutdown_request(request)
                return
        self._incomplete[request] = time.monotonic()
        threading.Thread(target=self._serve, args=(request, client_address), name="ops-request", daemon=True).start()

    def _serve(self, request: socket.socket, client_address: Any) -> None:
        try:
            self.finish_request(request, client_address)
        except OSError:
            pass  # the client went away, or was cut
        except Exception as error:
            tell("request_failed", traced=error)
        finally:
            self.complete(request)
            self.shutdown_request(request)
            self._slots.release()

    def complete(self, request: Any) -> None:
        """Note that all of this request has come: from now on it is not cut."""
        with self._lock:
            self._incomplete.pop(request, None)

    def service_actions(self) -> None:
        """Cut what takes too long."""
        self._cut(before=time.monotonic() - MAX_SECONDS)

    def _cut(self, at_most: int = MAX_CONNECTIONS, before: float = float("inf")) -> None:
        with self._lock:
            late = [request for request, since in self._incomplete.items() if since < before]
            for request in late[:at_most]:
                del self._incomplete[request]
                with suppress(OSError):
                    request.shutdown(socket.SHUT_RDWR)

    def drain(self) -> None:
        """Cut requests that are not complete and wait a little for the threads of the others."""
        self._cut()
        deadline = time.monotonic() + HANDOVER_SECONDS
        for _ in range(MAX_CONNECTIONS):
            self._slots.acquire(timeout=max(0.0, deadline - time.monotonic()))
