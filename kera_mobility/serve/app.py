"""The HTTP interface of the page: what may be asked, by whom, and what is answered."""

from __future__ import annotations

import asyncio
import json
import math
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from kera_mobility.errors import ConfigError, KeraError
from kera_mobility.results.report.page import source_hash
from kera_mobility.serve.access import MOST_BODY, Access, Role
from kera_mobility.serve.answers import LEAST_TO_COMPARE, MOST_TO_COMPARE, answer, export, side_by_side
from kera_mobility.serve.attribution import LEAST_PARTS, separable
from kera_mobility.serve.desk import Desk
from kera_mobility.serve.explore import Explorer
from kera_mobility.serve.forms import page_words
from kera_mobility.serve.questions import Question, StaleError, UnknownNameError, require_key
from kera_mobility.serve.run_commands import MODES, Ask
from kera_mobility.serve.run_queue import RunOrder, RunQueue
from kera_mobility.serve.translation import fault_texts

ASSETS = Path(__file__).parent / "assets"
POLICY = (
    "default-src 'none'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "img-src data:; script-src {script}; style-src {style}; require-trusted-types-for 'script'; trusted-types default"
)
"""What a browser lets the page do: run the script and the style sheet with these hashes, and ask this server."""
HEADERS = {
    "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}  # fmt: skip
LOOK_EVERY_S, HEARTBEAT_S = 0.3, 10.0
Reply = Callable[["PageCall"], Any]
_PLACE = re.compile(r"\{\{(\w+)\}\}")


@dataclass(frozen=True)
class PageCall:
    """One request: names of its path, what its body says, and its query."""

    path: Mapping[str, str]
    body: Mapping[str, Any]
    query: Mapping[str, str]
    role: Role

    def text(self, name: str) -> str:
        """Return a text of the body.

        Raises
        ------
        ConfigError
            If it is none.
        """
        value = self.body.get(name, "")
        if not isinstance(value, str):
            raise ConfigError(f"{name}: expected text")
        return value

    def texts(self, name: str) -> list[str]:
        """Return a list of texts of the body."""
        value = self.body.get(name, [])
        if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
            raise ConfigError(f"{name}: expected a list of texts")
        return value


class Page:
    """What the routes answer."""

    def __init__(self, desk: Desk, queue: RunQueue, access: Access) -> None:
        self.desk, self.queue, self.access = desk, queue, access
        self.questions, self.explorer = desk.questions, Explorer(queue)
        self.closing = False

    def app(self) -> Starlette:
        """Return the application with every route."""
        reads: dict[str, Reply] = {
            "/api/start": self.start, "/api/area": lambda call: self.desk.area(),
            "/api/questions/{name}": lambda call: self._shown(self.questions.read(call.path["name"])),
            "/api/questions/{name}/yaml": self.question_file, "/api/runs": lambda call: self.queue.listed(),
            "/api/runs/{id}/answer": lambda call: answer(self.queue, self._done(call.path["id"])),
            "/api/runs/{id}/yaml": self.run_file, "/api/runs/{id}/report": self.report,
            "/api/runs/{id}/export": self.export, "/api/compare": self.compare,
            "/api/export": self.export_chosen,
            **self._explored(),
        }  # fmt: skip
        changes: dict[str, Reply] = {
            "/api/questions": self.create, "/api/questions/{name}/edit": self.edit,
            "/api/questions/{name}/preview": self.preview, "/api/upload": self.upload,
            "/api/orders": self.order, "/api/runs/{id}/cancel": lambda call: asdict(self.queue.cancel(call.path["id"])),
            "/api/runs/{id}/note": self.note, "/api/runs/{id}/parts": self.take_apart,
            "/api/runs/{id}/remedy": lambda call: self.explorer.search(self._done(call.path["id"]), call.query),
        }  # fmt: skip
        routes = [
            Route("/", self.page),
            Route("/login", self.log_in, methods=["POST"]),
            Route("/api/events", self.events),
        ]
        routes += [Route(path, self._route(reply, "viewer"), methods=["GET"]) for path, reply in reads.items()]
        routes += [Route(path, self._route(reply, "planner"), methods=["POST"]) for path, reply in changes.items()]
        app = Starlette(routes=routes, exception_handlers={HTTPException: _told})
        app.router.redirect_slashes = False
        return app

    def _explored(self) -> dict[str, Reply]:
        """Return what may be read of an answer by place and hour."""
        return {
            "/api/runs/{id}/places": lambda call: self.explorer.happened(self._done(call.path["id"])),
            "/api/runs/{id}/difference": lambda call: self.explorer.changed(self._done(call.path["id"])),
            "/api/runs/{id}/people": lambda call: self.explorer.people(self._done(call.path["id"]), call.query),
            "/api/runs/{id}/story": lambda call: self.explorer.story(self._done(call.path["id"]), call.query),
            "/api/runs/{id}/remedy": lambda call: self.explorer.remedy(self._done(call.path["id"]), call.query),
        }

    # Pages and streams.

    async def page(self, request: Request) -> Response:
        """Return the page; with the token of the address a session begins."""
        self._require_own_host(request)
        session = self.access.enter(request.query_params.get("token", ""))
        if session is not None:
            return self._welcome(session)
        known = self.access.role(request.cookies.get(self.access.cookie)) is not None
        name = "page" if known else "login" if self.access.passwords else "closed"
        html, policy = page_html(name)
        headers = {**HEADERS, "Content-Security-Policy": policy}
        return HTMLResponse(html, 200 if known or self.access.passwords else 401, headers)

    async def log_in(self, request: Request) -> Response:
        """Begin a session with a password."""
        self._require_own(request)
        fields = parse_qs((await _body(request)).decode("utf-8", "replace"))
        session = await run_in_threadpool(self.access.log_in, fields.get("password", [""])[0])
        return RedirectResponse("/", 303, HEADERS) if session is None else self._welcome(session)

    async def events(self, request: Request) -> Response:
        """Return a stream with the runs, each time that something about them changes."""
        self._require_role(request, "viewer")

        async def told() -> AsyncIterator[str]:
            version, quiet_s = -1, 0.0
            while not self.closing:
                if version != self.queue.version:
                    version, quiet_s = self.queue.version, 0.0
                    yield f"data: {json.dumps(self.queue.listed(), ensure_ascii=False)}\n\n"
                elif quiet_s >= HEARTBEAT_S:
                    quiet_s = 0.0
                    yield ": still here\n\n"
                await asyncio.sleep(LOOK_EVERY_S)
                quiet_s += LOOK_EVERY_S

        return StreamingResponse(told(), media_type="text/event-stream", headers=HEADERS)

    # What is read.

    def start(self, call: PageCall) -> dict[str, Any]:
        """Return what the page begins with."""
        questions = self.questions
        base = questions.base_scenario
        return {
            "base": {"name": base.name, "title": base.title or base.name, "services": list(base.services)},
            "trials": [{"name": layer.name, "title": layer.title, "services": layer.services}
                       for layer in questions.layers.values()],
            "questions": [{"name": name, "title": questions.read(name).title} for name in questions.names()],
            "lines": {name: settings.kind for name, settings in base.services.items()},  # type: ignore[attr-defined]
            "words": page_words(), "role": call.role,
        }  # fmt: skip

    def question_file(self, call: PageCall) -> Response:
        """Return the YAML of a question."""
        return _yaml(self.questions.read(call.path["name"]).file)

    def run_file(self, call: PageCall) -> Response:
        """Return the YAML of a run, as it was when it was ordered."""
        return _yaml(self.queue.scenario_file(self.queue.find(call.path["id"])))

    def report(self, call: PageCall) -> Response:
        """Return the report of a run; it has a policy of its own."""
        order = self._done(call.path["id"])
        return FileResponse(self.queue.report_file(order), media_type="text/html", headers=HEADERS)

    def export(self, call: PageCall) -> Response:
        """Return a run as a zip."""
        return self._zip([self._done(call.path["id"])])

    def export_chosen(self, call: PageCall) -> Response:
        """Return two to six runs as one zip."""
        return self._zip(self._chosen(call))

    def compare(self, call: PageCall) -> list[dict[str, Any]]:
        """Return the answers of two to six runs."""
        return side_by_side(self.queue, self._chosen(call))

    def _chosen(self, call: PageCall) -> list[RunOrder]:
        names = list(dict.fromkeys(name for name in call.query.get("runs", "").split(",") if name))
        if not LEAST_TO_COMPARE <= len(names) <= MOST_TO_COMPARE:
            raise ConfigError(f"runs: got {len(names)}, expected {LEAST_TO_COMPARE} to {MOST_TO_COMPARE}")
        orders = [self._done(name) for name in names]
        if any(order.of for order in orders):
            raise ConfigError("runs: got one that takes another apart, expected runs of questions")
        return orders

    def _zip(self, orders: Sequence[RunOrder]) -> Response:
        """Return a zip; it is made on the disk, however large, and removed when it is sent."""
        with NamedTemporaryFile(dir=self.queue.folder, prefix=".export-", suffix=".zip", delete=False) as stream:
            file = Path(stream.name)
            try:
                export(self.queue, orders, stream)
            except BaseException:
                file.unlink()
                raise
        name = orders[0].id if len(orders) == 1 else "runs"
        return FileResponse(
            file, filename=f"{name}.zip", headers=HEADERS, media_type="application/zip",
            background=BackgroundTask(file.unlink, missing_ok=True),
        )  # fmt: skip

    # What is changed.

    def create(self, call: PageCall) -> dict[str, Any]:
        """Begin a question."""
        return self._shown(self.questions.create(call.text("title"), call.texts("trials")))

    def edit(self, call: PageCall) -> dict[str, Any]:
        """Change a question."""
        change = {name: call.body[name] for name in ("set", "unset", "add", "drop", "title") if name in call.body}
        for name in ("unset", "add", "drop"):
            call.texts(name)
        if not isinstance(change.get("set", {}), dict):
            raise ConfigError("set: expected keys with values")
        return self._shown(self.questions.edit(call.path["name"], call.text("version"), change))

    def preview(self, call: PageCall) -> dict[str, Any]:
        """Return what supply would cost with another value of one key; nothing is changed."""
        question = self.questions.read(call.path["name"])
        return self.desk.preview(question, require_key(call.text("key")), call.body.get("value"))

    def upload(self, call: PageCall) -> dict[str, Any]:
        """Take a question that was written by hand."""
        return self._shown(self.questions.take(call.text("title"), call.text("yaml")))

    def order(self, call: PageCall) -> dict[str, Any]:
        """Put a question in the queue."""
        question = self.questions.read(call.text("question"))
        faults = self.desk.view(question)["faults"]
        if faults:
            raise ConfigError("; ".join(f"{fault['problem']}" for fault in faults))
        known = {name: call.body[name] for name in ("mode", "until", "draws", "days") if name in call.body}
        if known.get("mode", "look") not in MODES:
            raise ConfigError(f"mode: got '{str(known['mode'])[:40]}', expected one of {', '.join(MODES)}")
        return asdict(self.queue.order(question, Ask(**known)))

    def take_apart(self, call: PageCall) -> dict[str, Any]:
        """Put a run in the queue again, without each of its changes."""
        order = self.queue.source(self._done(call.path["id"]))
        if not separable(self.queue, order):
            raise ConfigError(
                f"the run '{order.title}' has fewer than {LEAST_PARTS} changes that can be taken back alone"
            )
        return asdict(self.queue.leave_out(order))

    def note(self, call: PageCall) -> dict[str, Any]:
        """Keep a note of a run, or pin it."""
        pinned = call.body.get("pinned")
        if not isinstance(pinned, bool | None):
            raise ConfigError("pinned: expected true or false")
        note = call.text("note") if "note" in call.body else None
        return asdict(self.queue.remark(call.path["id"], note, pinned))

    # How.

    def _shown(self, question: Question) -> dict[str, Any]:
        return self.desk.view(question)

    def _done(self, name: str) -> RunOrder:
        order = self.queue.find(name)
        if order.state != "done":
            raise ConfigError(f"the run '{order.title}' is {order.state}, expected one that is done")
        return order

    def _welcome(self, session: str) -> Response:
        response = RedirectResponse("/", 303, HEADERS)
        response.set_cookie(self.access.cookie, session, httponly=True, samesite="strict", path="/")
        return response

    def _require_own_host(self, request: Request) -> None:
        if not self.access.is_own_host(request.headers.get("host", "")):
            raise HTTPException(421, "this server has another name")

    def _require_own(self, request: Request) -> None:
        self._require_own_host(request)
        if not self.access.is_own_origin(request.headers.get("origin"), request.headers.get("host", "")):
            raise HTTPException(403, "this request does not come from the page itself")

    def _require_role(self, request: Request, least: Role) -> Role:
        self._require_own_host(request)
        role = self.access.role(request.cookies.get(self.access.cookie))
        if role is None:
            raise HTTPException(401, "open the address that `kera serve` printed")
        if least == "planner" and role != "planner":
            raise HTTPException(403, "this address is for reading only")
        return role

    def _route(self, reply: Reply, least: Role) -> Callable[[Request], Any]:
        async def answered(request: Request) -> Response:
            role = self._require_role(request, least)
            body: Mapping[str, Any] = {}
            if least == "planner":
                self._require_own(request)
                body = _json_map(await _body(request))
            call = PageCall(request.path_params, body, request.query_params, role)
            try:
                content = await run_in_threadpool(reply, call)
            except UnknownNameError as error:
                return _fault(404, error)
            except StaleError as error:
                return _fault(409, error)
            except (KeraError, ValueError) as error:
                return _fault(422, error)
            except OSError as error:
                return _fault(507, error.strerror or error)
            return content if isinstance(content, Response) else JSONResponse(content, headers=HEADERS)

        return answered


def page_html(name: str) -> tuple[str, str]:
    """Return a page (page, login or closed) and its policy."""
    parts = {"style": (ASSETS / "page.css").read_text(encoding="utf-8"), "script": "", "licences": ""}
    if name == "page":
        parts["script"] = (ASSETS / "page.js").read_text(encoding="utf-8")
    policy = POLICY.format(script=source_hash(parts["script"]), style=source_hash(parts["style"]))
    template = "".join((ASSETS / f"{part}.html").read_text(encoding="utf-8") for part in ("head", name))
    return _PLACE.sub(lambda place: parts[place[1]], template), policy


async def _body(request: Request) -> bytes:
    """Return the body of a request, if it is not too large."""
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > MOST_BODY:
            raise HTTPException(413, f"more than {MOST_BODY} bytes")
    return bytes(content)


def _json_map(content: bytes) -> Mapping[str, Any]:
    try:
        body = json.loads(content or b"{}", parse_constant=_no_number, parse_float=_finite)
        json.dumps(body, ensure_ascii=False).encode("utf-8")  # half a character can be sent, and not answered
    except (ValueError, RecursionError):
        raise HTTPException(400, "expected JSON") from None
    if not isinstance(body, dict):
        raise HTTPException(400, "expected a JSON object")
    return body


def _no_number(constant: str) -> Any:
    raise ValueError(f"holds {constant}")


def _finite(digits: str) -> float:
    number = float(digits)
    return number if math.isfinite(number) else _no_number(digits)


def _yaml(file: Path) -> Response:
    headers = {**HEADERS, "Content-Disposition": f'attachment; filename="{file.name}"'}
    return Response(file.read_bytes(), media_type="application/yaml", headers=headers)


def _fault(status: int, error: object) -> Response:
    problem = str(error)[:2000]
    return JSONResponse({"problem": problem, "texts": fault_texts(problem)}, status, HEADERS)


async def _told(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _fault(error.status_code, error.detail)
