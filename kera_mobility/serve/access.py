"""Who may ask the page for what: tokens of the printed address, passwords, roles, origin, and the size of a body."""

from __future__ import annotations

import hmac
import secrets
import stat
import time
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Literal
from urllib.parse import urlsplit

from kera_mobility.errors import ConfigError
from kera_mobility.files import utf8_text

Role = Literal["viewer", "planner"]
ROLES: tuple[Role, ...] = ("viewer", "planner")
LOOPBACK = ("127.0.0.1", "localhost", "::1")
MOST_BODY = 1_000_000
"""Bytes of a request: as much as a scenario may have."""
LEAST_PASSWORD = 12
"""Characters. Assumption: a few words."""
WRONG_PASSWORD_S = 1.0
"""A wrong password is answered this late, one at a time."""
MOST_SESSIONS = 500


@dataclass
class Access:
    """Tokens and passwords of the roles, and the sessions that are open."""

    host: str
    port: int
    passwords: dict[str, Role] = field(default_factory=dict)
    tokens: dict[str, Role] = field(default_factory=lambda: {secrets.token_urlsafe(24): role for role in ROLES})
    _sessions: dict[str, Role] = field(default_factory=dict)
    _slow: Lock = field(default_factory=Lock)

    @property
    def cookie(self) -> str:
        """Name of the cookie; a browser does not tell ports apart."""
        return f"kera-{self.port}"

    def address(self, role: Role) -> str:
        """Return the address to open in a browser: with the token of a role, or without where passwords are asked."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        token = next(token for token, of_role in self.tokens.items() if of_role == role)
        return f"http://{host}:{self.port}/" + ("" if self.passwords else f"?token={token}")

    def enter(self, token: str) -> str | None:
        """Return a new session for the token of an address, or None."""
        role = _match(token, {} if self.passwords else self.tokens)
        return None if role is None else self._open(role)

    def log_in(self, password: str) -> str | None:
        """Return a new session for a password, or None, which takes a while."""
        role = _match(password, self.passwords)
        if role is not None:
            return self._open(role)
        with self._slow:
            time.sleep(WRONG_PASSWORD_S)
        return None

    def role(self, session: str | None) -> Role | None:
        """Return the role of a session."""
        return self._sessions.get(session or "")

    def is_own_host(self, host: str) -> bool:
        """Return whether a request was sent to a name of this server: another one may lead here from elsewhere."""
        if self.host not in LOOPBACK:
            return True  # somebody named the host, and asks for passwords
        try:
            name = urlsplit(f"//{host}")
            return name.hostname in LOOPBACK and name.port == self.port
        except ValueError:
            return False

    def is_own_origin(self, origin: str | None, host: str) -> bool:
        """Return whether a request that changes something comes from the page itself."""
        return origin == f"http://{host}"

    def _open(self, role: Role) -> str:
        session = secrets.token_urlsafe(24)
        while len(self._sessions) >= MOST_SESSIONS:
            self._sessions.pop(next(iter(self._sessions)))
        self._sessions[session] = role
        return session


def read_passwords(file: Path) -> dict[str, Role]:
    """Return the roles by password of a file with lines `planner: ...` and `viewer: ...`.

    Raises
    ------
    ConfigError
        If others may read the file, a line is none of these, or a password is short.
    """
    text = utf8_text(file)
    mode = file.stat().st_mode
    if mode & (stat.S_IRGRP | stat.S_IROTH):
        raise ConfigError(f"{file}: others may read it; chmod 600 {file.name}")
    passwords: dict[str, Role] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, colon, password = line.partition(":")
        role = next((role for role in ROLES if role == name.strip()), None)
        if role is None or not colon:
            raise ConfigError(f"{file}:{number}: expected `planner: password` or `viewer: password`")
        if len(password.strip()) < LEAST_PASSWORD:
            raise ConfigError(f"{file}:{number}: a password of {len(password.strip())} characters, expected at least "
                              f"{LEAST_PASSWORD}")  # fmt: skip
        passwords[password.strip()] = role
    if "planner" not in passwords.values():
        raise ConfigError(f"{file}: no line `planner: password`")
    return passwords


def _match(given: str, known: dict[str, Role]) -> Role | None:
    matching = [role for secret, role in known.items() if hmac.compare_digest(given.encode(), secret.encode())]
    return matching[0] if matching else None
