"""Where a board's socket is, and that only one server has it. Folders, permissions and a lock; nothing is said here.

    $AUDIOHAT_SOCKET                        if it is set
    /run/audiohat/BOARD.sock                if this user may write there
    $XDG_RUNTIME_DIR/audiohat/BOARD.sock    else
    /tmp/audiohat-UID/BOARD.sock            else

A client looks into all of them. The colon of "virtual:NAME" becomes a dash. Beside the socket lies SOCKET.lock, held with flock
by the server that lives: a socket without a held lock is what a dead one left, and is taken over. Whoever may write to the
socket may use the board: its owner, and the group audio where this user may give it to that group.
"""

from __future__ import annotations

import errno
import fcntl
import grp
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from firmware_py.errors import PcmError

GROUP = "audio"
MODE = 0o660
_PATH_BYTES = 107  # sockaddr_un.sun_path, without its NUL


def socket_path(board: str) -> Path:
    """Where a server of that board listens unless it is told otherwise. Makes no folder."""
    if given := os.environ.get("AUDIOHAT_SOCKET"):
        return Path(given)
    folders = _folders()
    return next((folder for folder in folders if _writable(folder)), folders[-1]) / _file_name(board)


def socket_candidates(board: str | None) -> list[Path]:
    """Sockets that a client may try, the likeliest first; without a board, those of every board."""
    if given := os.environ.get("AUDIOHAT_SOCKET"):
        return [Path(given)]
    if board is not None:
        return [folder / _file_name(board) for folder in _folders()]
    return [path for folder in _folders() for path in sorted(folder.glob("*.sock"))]


@contextmanager
def listening(path: Path, board: str) -> Iterator[tuple[socket.socket, str]]:
    """A listening socket at *path*, ours alone until the end of the block, and a phrase on who may use it.

    Raises
    ------
    PcmError
        Another server has this board, or *path* cannot be a socket.
    """
    if len(os.fsencode(path)) > _PATH_BYTES:
        raise PcmError(
            errno.ENAMETOOLONG, f"{path}: a socket's path has at most {_PATH_BYTES} bytes; choose a shorter one"
        )
    _make_folder(path.parent)
    with _lock(path.with_name(f"{path.name}.lock"), board):
        _clear(path)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            try:
                old = os.umask(0o777 & ~MODE)  # never open to others, not even between two system calls
                try:
                    listener.bind(str(path))
                finally:
                    os.umask(old)
                listener.listen()
                yield listener, _share(path)
            finally:
                path.unlink(missing_ok=True)


def _folders() -> list[Path]:
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    own = [Path(runtime) / "audiohat"] if runtime else []
    return [Path("/run/audiohat"), *own, Path(f"/tmp/audiohat-{os.getuid()}")]


def _file_name(board: str) -> str:
    return board.replace(":", "-").replace("/", "-") + ".sock"


def _writable(folder: Path) -> bool:
    return os.access(folder if folder.exists() else folder.parent, os.W_OK)


def _make_folder(folder: Path) -> None:
    """In /tmp the folder must be ours: whoever made it first could put a socket of his own there."""
    shared = folder.parent == Path("/tmp")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700 if shared else 0o755)
    if shared and folder.lstat().st_uid != os.getuid():
        raise PcmError(errno.EACCES, f"{folder} belongs to somebody else; set XDG_RUNTIME_DIR, or give --socket PATH")


@contextmanager
def _lock(path: Path, board: str) -> Iterator[None]:
    """Hold the lock file; it goes with its holder. PcmError names the process that holds it already."""
    while True:
        with path.open("a+", encoding="ascii") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                holder = file.read().strip() or "unknown"
                raise PcmError(
                    errno.EBUSY, f"{board} is served already, by process {holder}; end that one, or use it"
                ) from None
            if not path.exists() or os.fstat(file.fileno()).st_ino != path.stat().st_ino:
                continue  # its last holder removed it just now: this is the lock of nothing
            file.truncate(0)
            file.write(f"{os.getpid()}\n")
            file.flush()
            try:
                yield
            finally:
                path.unlink(missing_ok=True)
            return


def _clear(path: Path) -> None:
    """Take away what a dead server left; anything that is no socket stays, and is refused."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise PcmError(errno.EEXIST, f"{path} is there already and is no socket; choose another --socket PATH")
    except FileNotFoundError:
        return
    path.unlink()


def _share(path: Path) -> str:
    """Give the socket to the group, if that can be done; in words, who may use it now."""
    alone = "for this user alone"
    try:
        os.chown(path, -1, grp.getgrnam(GROUP).gr_gid)
    except KeyError:
        return f"{alone}: there is no group {GROUP}"
    except PermissionError:
        return f"{alone}: this user is not in group {GROUP}"
    return f"for group {GROUP}"
