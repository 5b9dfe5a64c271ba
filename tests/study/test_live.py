"""The live page: served to this machine only, drawn only while somebody looks, and gone with its study."""

from __future__ import annotations

import http.client
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from archdsl.errors import EnvError
from archdsl.study.report import live, page

pytest.importorskip("uvicorn")
STUDY = (
    "base: |\n  net conv(4) {norm: bn | } gap linear(10)\n  data fashion-mini subset(40)\n  train sgd(0.1) epochs(1)\n"
    "seeds: 1\n"
)


class Drawn:
    """Draws a page of a text that can be changed, and counts."""

    def __init__(self, text: str = "first") -> None:
        self.text, self.times, self.last = text, 0, False

    def __call__(self, last: bool) -> str:
        self.times, self.last = self.times + 1, last
        return page.page("t", [page.tag("p", self.text)], script="" if last else live.SCRIPT)


def ask(port: int, method: str = "GET", path: str = "/", **heads: str) -> tuple[int, dict[str, str], str]:
    """Status, headers and text of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in heads.items()})
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read().decode()
    finally:
        connection.close()


def until(true: Callable[[], bool], seconds: float = 30) -> None:
    """Wait until something is true."""
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.02)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "EVERY", 0.05)
    monkeypatch.setattr(live, "LAST", 5)


def reachable(port: int) -> bool:
    try:
        ask(port)
    except OSError:
        return False
    return True


@pytest.fixture
def shown():
    """A page that was asked for once, so that it is drawn."""
    draw = Drawn()
    with live.LivePage(draw, 0) as served:
        until(lambda: reachable(served.port))
        until(lambda: "first" in ask(served.port)[2])
        yield served, draw
        served._asked = 0.0  # nobody looks any more: do not wait for a browser


def test_a_change_is_drawn_and_what_is_known_is_not_sent_again(shown) -> None:
    served, draw = shown
    _, heads, _ = ask(served.port)
    status, _, text = ask(served.port, If_None_Match=heads["etag"])
    assert (status, text) == (304, "")
    draw.text = "second"
    until(lambda: "second" in ask(served.port)[2])
    assert ask(served.port, If_None_Match=heads["etag"])[0] == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:PORT",
        "127.0.0.1.evil.example",
        "127.0.0.1:x",
        "",
        "localhost.evil:PORT",
        "u@localhost",
    ],
)
def test_other_names_than_this_machine_are_refused(shown, host: str) -> None:
    served, _ = shown
    status, _, text = ask(served.port, Host=host.replace("PORT", str(served.port)))
    assert status in (400, 421)
    assert "first" not in text


@pytest.mark.parametrize("host", ["localhost:PORT", "127.0.0.1:PORT", "localhost", "127.0.0.1:9000"])
def test_the_names_of_this_machine_are_answered(shown, host: str) -> None:
    served, _ = shown
    assert ask(served.port, Host=host.replace("PORT", str(served.port)))[0] == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "HEAD"])
def test_only_get_is_answered(shown, method: str) -> None:
    served, _ = shown
    assert ask(served.port, method)[0] == 405


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "/../../etc/passwd", "/%2e%2e/study.yaml", "//", "/index.html", "/?/.."]
)
def test_there_is_no_way_to_a_file(shown, path: str) -> None:
    served, _ = shown
    status, _, text = ask(served.port, path=path)
    assert status == 404 or "first" in text
    assert "root:" not in text


def test_the_page_may_load_nothing_and_be_in_no_frame(shown) -> None:
    served, _ = shown
    heads = ask(served.port)[1]
    assert "default-src 'none'" in heads["content-security-policy"]
    assert "frame-ancestors 'none'" in heads["content-security-policy"]
    assert "access-control-allow-origin" not in heads


def test_nothing_is_drawn_while_nobody_looks() -> None:
    draw = Drawn()
    with live.LivePage(draw, 0):
        time.sleep(0.3)
    assert draw.times == 0


def test_it_listens_on_this_machine_only() -> None:
    with live.LivePage(Drawn(), 0) as served:
        assert served._socket.getsockname()[0] == "127.0.0.1"


def test_a_page_that_cannot_be_drawn_says_so_and_the_study_goes_on() -> None:
    def draw(last: bool) -> str:
        raise ValueError("the <log> is damaged")

    with live.LivePage(draw, 0) as served:
        until(lambda: reachable(served.port))
        until(lambda: "the &lt;log&gt; is damaged" in ask(served.port)[2])
        served._asked = 0.0


def test_a_browser_that_looks_gets_the_last_page_then_nothing_is_served() -> None:
    draw, pages = Drawn(), list[str]()

    def poll(port: int) -> None:
        while reachable(port):
            pages.append(ask(port)[2])
            time.sleep(0.05)

    with live.LivePage(draw, 0) as served:
        until(lambda: reachable(served.port))
        looking = threading.Thread(target=lambda: poll(served.port))
        looking.start()
        until(lambda: draw.times > 0)
        draw.text = "the end"
    looking.join(10)
    assert draw.last
    assert not reachable(served.port)
    assert any("the end" in text and 'id="live"' not in text for text in pages)


def test_an_interrupted_study_waits_for_no_browser() -> None:
    draw, began = Drawn(), 0.0
    with suppress(KeyboardInterrupt), live.LivePage(draw, 0) as served:
        until(lambda: reachable(served.port))
        began = time.monotonic()
        raise KeyboardInterrupt
    assert time.monotonic() - began < 2
    assert not draw.last
    until(lambda: not reachable(served.port))


def test_leaving_waits_for_a_drawing_which_must_not_be_cut_off() -> None:
    begun = threading.Event()

    def draw(last: bool) -> str:
        begun.set()
        time.sleep(0.5)
        return "drawn"

    served = live.LivePage(draw, 0)
    with suppress(KeyboardInterrupt), served:
        until(lambda: reachable(served.port))
        assert begun.wait(10)
        raise KeyboardInterrupt
    assert served._now[0] == b"drawn"


def test_a_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(EnvError, match=f"no page can be served at port {port}: ") as error:
            live.LivePage(Drawn(), port)
        assert error.value.help == "--port 0 takes any free one"


def test_without_a_stated_port_the_next_free_one_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr(live, "PORT", taken.getsockname()[1])
        with live.LivePage(Drawn()) as served:
            assert served.port > live.PORT


@pytest.mark.parametrize("command", [pytest.param("ablate", marks=pytest.mark.slow), "report"])
def test_the_command_line_serves_a_study(command: str, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    (tmp_path / "s.yaml").write_text(STUDY)
    process = subprocess.Popen(
        [sys.executable, "-c", "from archdsl.cli.main import run; run()", command, "s.yaml", "--port", "0"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    said = ""
    try:
        while not (found := re.search(r"http://127\.0\.0\.1:(\d+)/", line := process.stderr.readline())):
            said += line
            assert process.poll() is None, said
        port = int(found[1])
        until(lambda: reachable(port) and "<h1>" in ask(port)[2], 120)
        if command == "report":
            process.send_signal(signal.SIGINT)
        process.communicate(timeout=240)
        assert process.returncode == 0
        assert not reachable(port)
        assert command == "report" or (tmp_path / "runs").is_dir()
    finally:
        process.kill()
        process.wait()
