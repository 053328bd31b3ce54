"""A connection that breaks with a request: before the server has it, or before its answer."""

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class Cut:
    """When armed, the next request breaks the connection: on its way, or with its answer. It is
    not armed then any more, so that the next connection is whole."""

    answer_only: bool
    armed: bool = False


@contextmanager
def cutting_proxy(to_port: int, cut: Cut) -> Iterator[int]:
    """Forward the connections to a local port; the port on which to connect."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_serve, args=(listener, to_port, cut), daemon=True)
        thread.start()
        yield listener.getsockname()[1]


def _serve(listener: socket.socket, to_port: int, cut: Cut) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        server = socket.create_connection(("127.0.0.1", to_port))
        threading.Thread(target=_forward, args=(client, server, cut), daemon=True).start()


def _forward(client: socket.socket, server: socket.socket, cut: Cut) -> None:
    with client, server:
        while True:
            readable, _, _ = select.select([client, server], [], [])
            for source, sink in ((client, server), (server, client)):
                if source not in readable:
                    continue
                data = source.recv(65536)
                if not data:
                    return
                if cut.armed and (source is server or not cut.answer_only):
                    cut.armed = False
                    return
                sink.sendall(data)
