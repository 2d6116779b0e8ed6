"""`kera serve` as a process of its own, over the small district and two trials beside it; and a plain client of it."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.kit.small_district import corner, write_district

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120.0


def write_base(folder: Path) -> Path:
    """Write the small district without scooters as `day.yaml`, and trials with scooters and a shuttle beside it."""
    day = write_district(folder)
    base = day.read_text(encoding="utf-8") + "services: {scooter: null}\n"
    with_scooters = day.with_name("with_scooters.yaml")
    day.rename(with_scooters)
    day.write_text(base, encoding="utf-8")
    (folder / "trials").mkdir()
    scooters = {
        "fleet": 60, "registered": [{"from_age": 0, "share": 1.0}],
        "hubs": [place("Middle", 2, 2, capacity=40), place("Station", 4, 4, capacity=40)],
    }  # fmt: skip
    trial(folder / "trials" / "scooters.yaml", "Sixty scooters", scooter={"kind": "scooter", **scooters})
    stops = [place("Middle", 2, 2), place("Corner", 4, 0), place("Station", 4, 4)]
    shuttle = {"kind": "shuttle", "vehicles": 2, "headway_s": 900, "stops": stops}
    trial(folder / "trials" / "shuttle.yaml", "A shuttle", shuttle=shuttle)
    return day


def place(name: str, x: float, y: float, **more: Any) -> dict[str, Any]:
    """Return a place on the grid as settings name it."""
    lon, lat = corner(x, y)
    return {"name": name, "lon": round(lon, 6), "lat": round(lat, 6), **more}


def trial(file: Path, title: str, **services: Any) -> None:
    """Write a trial that adds services; JSON is YAML."""
    content = {"extends": "../day.yaml", "title": title, "services": services}
    content["choice"] = {"constants": dict.fromkeys(services, 2.0), "feeder_constants": dict.fromkeys(services, 2.0)}
    file.write_text(json.dumps(content), encoding="utf-8")


@dataclass
class PageServer:
    """A server that was started; `stop` ends it as Ctrl-C does, `kill` as a power cut does."""

    base: Path
    library: Path
    more: tuple[str, ...] = ()
    address: str = ""
    viewer_address: str = ""
    cookies: dict[str, str] = field(default_factory=dict)

    def start(self) -> PageServer:
        """Start it and read its address."""
        command = [sys.executable, "-m", "kera_mobility", "serve", str(self.base), "--library", str(self.library)]
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen(
            [*command, *self.more], cwd=self.base.parent, env=environment, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        said = [self.process.stdout.readline() for _ in range(1 if self.more else 2)]
        addresses = [match[0] for line in said if (match := re.search(r"http://\S+", line))]
        assert addresses, said
        self.address, self.viewer_address = addresses[0], addresses[-1]
        return self

    def stop(self) -> str:
        """End it and return the rest of what it said."""
        self.process.send_signal(signal.SIGINT)
        return self.process.communicate(timeout=PATIENCE_S)[0]

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.communicate(timeout=PATIENCE_S)

    @property
    def host(self) -> str:
        """Host and port."""
        return urlsplit(self.address).netloc

    def enter(self, address: str = "") -> PageServer:
        """Open an address, the planner's if none is given, and keep the cookie."""
        parts = urlsplit(address or self.address)
        answer = self.ask("GET", f"/?{parts.query}", cookie="")
        self.cookies["session"] = answer.headers["set-cookie"].partition(";")[0]
        return self

    def ask(
        self, method: str, path: str, body: bytes | None = None, cookie: str | None = None, **headers: str
    ) -> Answer:
        """Return what is answered; as the page itself asks, unless headers say otherwise."""
        host, _, port = self.host.rpartition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=PATIENCE_S)
        sent = {"Cookie": self.cookies.get("session", "") if cookie is None else cookie}
        sent |= {"Origin": f"http://{self.host}"} if method != "GET" else {}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, sent)
        response = connection.getresponse()
        answer = Answer(
            response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
        )
        connection.close()
        return answer

    def get(self, path: str) -> Any:
        """Return the content of an answer that is well."""
        answer = self.ask("GET", path)
        assert answer.status == 200, answer.body
        return answer.json()

    def post(self, path: str, expected: int = 200, **content: Any) -> Any:
        """Return the content of the answer to a change."""
        answer = self.ask("POST", path, json.dumps(content).encode())
        assert answer.status == expected, (answer.status, answer.body)
        return answer.json()

    def finished(self, run: str) -> dict[str, Any]:
        """Wait until a run has ended, and return it."""
        return self.awaited(run, lambda order: order["state"] not in ("queued", "running"))

    def awaited(self, run: str, is_so: Any) -> dict[str, Any]:
        """Wait until something holds of a run, and return it."""
        until_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < until_s:
            orders: dict[str, dict[str, Any]] = {order["id"]: order for order in self.get("/api/runs")}
            if is_so(orders[run]):
                return orders[run]
            time.sleep(0.1)
        raise AssertionError(orders[run])


@dataclass(frozen=True)
class Answer:
    """Status, headers in lower case, and body of an answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)
