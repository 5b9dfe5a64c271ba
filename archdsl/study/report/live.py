"""The page of a study while it runs, served to browsers on this machine only.

A thread draws the page: only while somebody looks, and so seldom that it takes little of the processor. Another thread serves
what was drawn last. The browser asks every few seconds with the tag of what it has, and takes over what differs, so that
nothing flickers and nothing scrolls.
"""

from __future__ import annotations

import base64
import hashlib
import math
import re
import socket
import threading
import time
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from archdsl.errors import EnvError
from archdsl.extras import require
from archdsl.study.report import page

HOST = "127.0.0.1"
NAMES = re.compile(rb"(127\.0\.0\.1|localhost)(:\d{1,5})?")  # with any port: a tunnel may begin at another one
PORT, TRIED = 8008, 20  # where no port is stated: the first free one from here on
EVERY = 3.0  # seconds between two questions of a browser, and between two drawings at least
FRACTION = 0.1  # of one processor that drawing may take
LOOKING = 5 * EVERY  # seconds without a question after which nobody looks
LAST = 2 * EVERY  # seconds that the last page waits for a browser that looks

Draw = Callable[[bool], str | None]  # whether it is the last one → the page, None where nothing has changed
Message = MutableMapping[str, Any]

CODE = """
const main = document.querySelector("main"), line = document.querySelector("#live");
let tag = "";
async function look() {
  try {
    const answer = await fetch("/", { headers: tag ? { "If-None-Match": tag } : {}, cache: "no-store" });
    if (answer.status === 200) {
      const next = new DOMParser().parseFromString(await answer.text(), "text/html");
      const opened = [...main.querySelectorAll("details[open] > summary")].map(s => s.textContent);
      for (const s of next.querySelectorAll("details > summary"))
        if (opened.includes(s.textContent)) s.parentElement.open = true;
      const now = [...main.children], then = [...next.querySelector("main").children];
      if (now.length !== then.length) main.replaceChildren(...then);
      else then.forEach((part, n) => part.isEqualNode(now[n]) || now[n].replaceWith(part));
      document.title = next.title;
      tag = answer.headers.get("ETag");
      if (!next.querySelector("#live")) { line.textContent = "The study has ended. This is its report."; return; }
    }
    line.textContent = "Live: this page follows the study.";
  } catch { line.textContent = "No answer: the study has ended, or its command was stopped."; }
  setTimeout(look, EVERY);
}
setTimeout(look, EVERY);
""".replace("EVERY", f"{1000 * EVERY:.0f}")
SCRIPT = (
    '<p id="live" class="note" role="status" style="position: fixed; right: 1rem; bottom: .5rem; margin: 0; '
    'padding: .1rem .6rem; background: var(--row); border-radius: 6px">Live: this page follows the study.</p>\n'
    f"<script>{CODE}</script>\n"
)
_HASH = base64.b64encode(hashlib.sha256(CODE.encode()).digest()).decode()
HEADERS = {
    "content-security-policy": f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{_HASH}'; img-src data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
}


def message_page(text: str) -> str:
    """A live page that says one thing."""
    return page.page("archdsl", [page.tag("p", text)], script=SCRIPT)


class LivePage:
    """Serves a page from entering to leaving.

    Args:
        draw: draws the page; called in a thread of its own.
        port: where; None: the first free one from ``PORT`` on; 0: any free one.

    Raises:
        EnvError: the port is taken, or the server is not installed.
    """

    def __init__(self, draw: Draw, port: int | None = None) -> None:
        require("uvicorn")
        self._draw, self._socket = draw, _listening(port)
        self.port: int = self._socket.getsockname()[1]
        self.address = f"http://{HOST}:{self.port}/"
        self._ending, self._wake, self._fetched = threading.Event(), threading.Event(), threading.Event()
        self._asked = -math.inf
        self._put(message_page("The page is being drawn."))
        self._server: Any = None
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        from uvicorn import Config, Server

        config = Config(
            self.answer,
            interface="asgi3",
            http="h11",
            loop="asyncio",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=1,
        )
        self._server = Server(config)
        self._threads = [threading.Thread(target=target, daemon=True) for target in (self._serve, self._follow)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End; a browser that looks gets the last page first, unless the study was interrupted."""
        self._ending.set()
        self._wake.set()
        serve, follow = self._threads
        while follow.is_alive():  # the interpreter must not end while matplotlib draws: its C++ would abort the process
            with suppress(KeyboardInterrupt):
                follow.join()
        if kind is None and self._looking:
            self._redraw(last=True)
            self._fetched.wait(LAST)
        self._server.should_exit = True
        serve.join(LAST if kind is None else 0)

    async def answer(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """One request, by ASGI 3. Only the page itself can be had, and only under the names of this machine: a page of
        another site whose name was made to lead here (DNS rebinding) has its own name in `Host`.
        """
        heads = dict(scope["headers"])
        status, body, more = 200, b"", {"content-type": "text/plain; charset=utf-8"}
        if NAMES.fullmatch(heads.get(b"host", b"")) is None:
            status, body = 421, b"This page is served to this machine only.\n"
        elif scope["method"] != "GET":
            status, body, more = 405, b"Only GET is answered.\n", {**more, "allow": "GET"}
        elif scope["path"] != "/":
            status, body = 404, b"There is one page: /\n"
        else:
            status, body, more = self._page(heads.get(b"if-none-match", b"").decode("latin-1"))
        headers = [(k.encode(), v.encode()) for k, v in {**HEADERS, **more, "content-length": str(len(body))}.items()]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _page(self, known: str) -> tuple[int, bytes, dict[str, str]]:
        """What was drawn last, or that a browser has it already."""
        self._asked = time.monotonic()
        self._wake.set()
        body, tag, last = self._now
        if last:
            self._fetched.set()
        if known == tag:
            return 304, b"", {"etag": tag}
        return 200, body, {"content-type": "text/html; charset=utf-8", "etag": tag}

    def _serve(self) -> None:
        with self._socket:
            self._server.run([self._socket])

    @property
    def _looking(self) -> bool:
        return time.monotonic() - self._asked < LOOKING

    def _follow(self) -> None:
        """Draw while somebody looks, and rest much longer than that takes; the first time imports what draws."""
        first = True
        while not self._ending.is_set():
            self._wake.wait()
            self._wake.clear()
            if self._ending.is_set():
                return
            begun = time.thread_time()
            self._redraw()
            self._ending.wait(EVERY if first else max(EVERY, (time.thread_time() - begun) / FRACTION))
            first = False

    def _redraw(self, last: bool = False) -> None:
        try:
            text = self._draw(last)
        except Exception as error:  # a page that cannot be drawn must not end the study
            text = message_page(f"The page cannot be drawn now: {error}")
        if text is not None:
            self._put(text, last)

    def _put(self, text: str, last: bool = False) -> None:
        body = text.encode()
        self._now = body, f'"{hashlib.sha256(body).hexdigest()[:32]}"', last


def _listening(port: int | None) -> socket.socket:
    """A socket on this machine's own address.

    Raises:
        EnvError: the port is taken, or may not be used.
    """
    wanted = range(PORT, PORT + TRIED) if port is None else (port,)
    for number in wanted:
        try:
            return socket.create_server((HOST, number))
        except OSError as error:
            reason = error.strerror or str(error)
    which = f"the ports {PORT} to {PORT + TRIED - 1}" if port is None else f"port {port}"
    raise EnvError(f"no page can be served at {which}: {reason}", help="--port 0 takes any free one")
