"""The server of the page: a socket, the address that is printed, and an end without losing anything."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import uvicorn

from kera_mobility.errors import ConfigError, FileError
from kera_mobility.file_paths import require_writable
from kera_mobility.serve.access import LOOPBACK, Access, read_passwords
from kera_mobility.serve.app import Page
from kera_mobility.serve.desk import Desk
from kera_mobility.serve.questions import Questions
from kera_mobility.serve.run_queue import RunQueue

BACKLOG = 128
GOODBYE_S = 2
"""How long requests under way may take when the server ends."""


def serve(
    base: Path, library: Path, host: str, port: int, passwords: Path | None, workers: int, say: Callable[[str], None]
) -> None:
    """Serve the page until it is interrupted.

    Raises
    ------
    ConfigError
        If the base scenario has faults, or another host than loopback is to be served without passwords.
    FileError
        If the library cannot be written, or the port is taken.
    """
    if host not in LOOPBACK and passwords is None:
        raise ConfigError(f"--host {host}: others could ask for runs here; expected --passwords FILE with it")
    roles = read_passwords(passwords) if passwords is not None else {}
    require_writable(library / "questions", folder=True)
    questions = Questions(library / "questions", base)
    listening = _listen(host, port)
    access = Access(host, listening.getsockname()[1], roles)
    desk = Desk(questions)
    queue = RunQueue(library, questions.base, questions.base_scenario.name, workers)
    page = Page(desk, queue, access)
    Thread(target=lambda: desk.town(questions.base_scenario), daemon=True).start()  # while the browser opens
    settings = uvicorn.Config(
        page.app(), log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=GOODBYE_S
    )
    say(f"The page of '{questions.base_scenario.title or questions.base_scenario.name}': {access.address('planner')}")
    if not roles:
        say(f"To read only: {access.address('viewer')}")
    say(f"Questions and results are in {library}; Ctrl-C ends the server, and runs go on when it starts again.")
    server = uvicorn.Server(settings)
    try:
        server.run(sockets=[listening])
    finally:
        page.closing = True
        page.explorer.searches.stop()
        queue.stop()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(BACKLOG)  # who follows the address at once waits, and is not refused
    except OSError as error:
        listening.close()
        raise FileError(error.errno, f"cannot listen there: {error.strerror or error}", f"{host}:{port}") from None
    return listening
