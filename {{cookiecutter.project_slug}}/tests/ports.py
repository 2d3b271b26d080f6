import socket
import socketserver
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def http_server(answer: Callable[[str, bytes], bytes]) -> Iterator[int]:
    """Its port, while it answers each request with what `answer` has for its path and body."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer(self.path, body))

        do_POST = do_GET  # noqa: N815 - as http.server calls it

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


class Relay(socketserver.ThreadingTCPServer):
    """Passes on what comes to its port, but while it holds or cuts."""

    def __init__(self, host: str, port: int) -> None:
        self.to = (host, port)
        self.passes = Event()
        self.passes.set()
        self.cuts = False
        self.connections: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), Passing)

    def hold(self) -> None:
        """Nothing comes through before `resume`, as if the server were stopped."""
        self.passes.clear()

    def cut(self) -> None:
        """Every connection ends, and each new one as soon as it is made."""
        self.cuts = True
        for connection in [*self.connections]:
            end(connection)

    def resume(self) -> None:
        self.cuts = False
        self.passes.set()


class Passing(socketserver.BaseRequestHandler):
    server: Relay

    def handle(self) -> None:
        client: socket.socket = self.request
        with socket.create_connection(self.server.to) as server:
            self.server.connections |= {client, server}
            if self.server.cuts:
                self.server.cut()
            back = Thread(target=self._pass_on, args=(server, client))
            back.start()
            self._pass_on(client, server)
            back.join()
            self.server.connections -= {client, server}

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                self.server.passes.wait()
                sink.sendall(data)
        end(sink)


def end(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def relay(host: str, port: int) -> Iterator[Relay]:
    with Relay(host, port) as between:
        Thread(target=between.serve_forever, kwargs={"poll_interval": 0.01}).start()
        yield between
        between.shutdown()
        between.resume()
        between.cut()
