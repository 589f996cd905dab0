"""One board, served to many processes over a Unix socket. The server holds the device; a client holds sessions.

place       where a board's socket is
protocol    what is said on it
answers     what each request does
server      connections and life
client      the same sessions from another process
"""

from firmware_py.serve.client import Client, NoServer, RemoteSession, ServerError

__all__ = ["Client", "NoServer", "RemoteSession", "ServerError"]
