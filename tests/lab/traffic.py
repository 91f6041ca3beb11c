"""What runs inside the namespaces: a web server, clients, and datagrams that mark a point in time.

A program of its own with nothing but the standard library, since it is started often and has to be there at once.
"""

from __future__ import annotations

import select
import socket
import socketserver
import sys
import threading

PORT, MARKS = 80, 9
PAUSE = 0.05  # seconds between two connections of the steady client


class Page(socketserver.BaseRequestHandler):
    """The answer to `GET /N`: N bytes, then the end."""

    def handle(self) -> None:
        asked = b""
        while not asked.endswith(b"\r\n\r\n"):
            asked += self.request.recv(4096) or b"\r\n\r\n"
        size = int(asked.split()[1].lstrip(b"/"))
        head = f"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {size}\r\n\r\n"
        self.request.sendall(head.encode() + body(size))


class Server(socketserver.ThreadingTCPServer):
    """Each connection has a thread, and many may wait at once."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 256


def body(size: int) -> bytes:
    """Bytes that differ from place to place, so that one piece is not taken for another."""
    return b"".join(b"%7d\n" % at for at in range(0, size + 8, 8))[:size]


def echo(socket_: socket.socket) -> None:
    """Send every datagram back."""
    while True:
        socket_.sendto(*socket_.recvfrom(512))


def serve(address: str) -> None:
    """Pages over TCP, and an echo over UDP; says so when it is ready."""
    with Server((address, PORT), Page) as server, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as marks:
        marks.bind((address, MARKS))
        threading.Thread(target=echo, args=[marks], daemon=True).start()
        print("ready", flush=True)
        server.serve_forever()


def load(address: str, connections: int, size: int) -> None:
    """All connections are made, then all ask, then all are read to their ends."""
    several = [socket.create_connection((address, PORT)) for _ in range(connections)]
    for one in several:
        one.sendall(b"GET /%d HTTP/1.0\r\n\r\n" % size)
    for one in several:
        came = b"".join(iter(lambda one=one: one.recv(1 << 16), b""))
        assert came.endswith(b"\r\n\r\n" + body(size)), f"the page is not what was asked for: {came[:80]!r}"
        one.close()


def steady(address: str, size: int) -> None:
    """One connection after another, until the input ends."""
    while not select.select([sys.stdin], [], [], PAUSE)[0]:
        load(address, 1, size)


def mark(address: str, token: str, *, answered: bool) -> None:
    """One datagram, and one back."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(token.encode(), (address, MARKS))
        if answered:
            sender.recv(512)


def main(command: str, address: str, *rest: str) -> None:
    """Run what the first argument names."""
    if command == "serve":
        serve(address)
    elif command == "load":
        load(address, int(rest[0]), int(rest[1]))
    elif command == "steady":
        steady(address, int(rest[0]))
    else:
        mark(address, rest[0], answered=command == "ask")


if __name__ == "__main__":
    main(*sys.argv[1:])
