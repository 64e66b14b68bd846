"""A browser that nobody sees, driven by the protocol of its developer tools: a mouse and two eyes."""

from __future__ import annotations

import asyncio
import base64
import itertools
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType

PATIENCE_S = 60.0
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--no-first-run",
    "--disable-background-networking",
    "--remote-debugging-port=0",
)


@dataclass
class Browser:
    """One tab. `user` is who logs in when the page asks; None presses "Cancel"."""

    socket: ClientWebSocketResponse
    session: str = ""
    user: tuple[str, str] | None = None
    _ids: Any = field(default_factory=lambda: itertools.count(1))
    _answers: dict[int, asyncio.Future[Any]] = field(default_factory=dict)
    _loaded: asyncio.Event = field(default_factory=asyncio.Event)
    _working: set[asyncio.Task[Any]] = field(default_factory=set)

    async def call(self, method: str, **parameters: Any) -> Any:
        number = next(self._ids)
        self._answers[number] = asyncio.get_running_loop().create_future()
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        await self.socket.send_json(message)
        return await asyncio.wait_for(self._answers[number], PATIENCE_S)

    async def listen(self) -> None:
        async for message in self.socket:
            if message.type is not WSMsgType.TEXT:
                return
            told = message.json()
            if "id" in told:
                future = self._answers.pop(told["id"])
                if "error" in told and not future.done():
                    future.set_exception(RuntimeError(f"{told['error']}"))
                elif not future.done():
                    future.set_result(told["result"])
            else:
                self._note(told["method"], told.get("params", {}))

    def _note(self, event: str, details: dict[str, Any]) -> None:
        if event == "Page.loadEventFired":
            self._loaded.set()
        elif event == "Fetch.requestPaused":
            self._do(self.call("Fetch.continueRequest", requestId=details["requestId"]))
        elif event == "Fetch.authRequired":
            answer: dict[str, str] = {"response": "CancelAuth"}
            if self.user is not None:
                name, password = self.user
                answer = {"response": "ProvideCredentials", "username": name, "password": password}
            self._do(
                self.call(
                    "Fetch.continueWithAuth", requestId=details["requestId"], authChallengeResponse=answer
                )
            )

    def _do(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._working.add(task)
        task.add_done_callback(self._working.discard)

    async def open(self, url: str) -> None:
        self._loaded.clear()
        await self.call("Page.navigate", url=url)
        await asyncio.wait_for(self._loaded.wait(), PATIENCE_S)

    async def html(self) -> str:
        """Return the page as the browser has understood it."""
        document = await self.call("DOM.getDocument")
        page = await self.call("DOM.getOuterHTML", nodeId=document["root"]["nodeId"])
        return str(page["outerHTML"])

    async def text(self) -> str:
        """Return the words on the page."""
        html = re.sub(r"<(style|head|title)\b.*?</\1>", " ", await self.html(), flags=re.DOTALL)
        return re.sub(r"[ \n]+", " ", unescape(re.sub(r"<[^>]+>", " ", html)))

    async def sees(self, words: str) -> str:
        """Wait until the words are on the page; it looks again by itself."""
        end = asyncio.get_running_loop().time() + PATIENCE_S
        while words not in (text := await self._text_now()):
            assert asyncio.get_running_loop().time() < end, f"{words!r} is not on the page: {text}"
            await asyncio.sleep(0.1)
        return text

    async def _text_now(self) -> str:
        try:
            return await self.text()
        except RuntimeError:  # the page is just being replaced
            return ""

    async def click(self, selector: str) -> None:
        """Click into the middle of the first such element, as a finger does; wait for the next page."""
        document = await self.call("DOM.getDocument")
        node = await self.call("DOM.querySelector", nodeId=document["root"]["nodeId"], selector=selector)
        await self.call("DOM.scrollIntoViewIfNeeded", nodeId=node["nodeId"])
        box = (await self.call("DOM.getBoxModel", nodeId=node["nodeId"]))["model"]["border"]
        x, y = (box[0] + box[4]) / 2, (box[1] + box[5]) / 2
        self._loaded.clear()
        for kind in ("mousePressed", "mouseReleased"):
            await self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
        await asyncio.wait_for(self._loaded.wait(), PATIENCE_S)

    async def resize(self, width: int, height: int, *, phone: bool) -> None:
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=2 if phone else 1,
            mobile=phone,
        )

    async def width(self) -> tuple[float, float]:
        """Return how wide the page is, and how wide the window."""
        metrics = await self.call("Page.getLayoutMetrics")
        return metrics["cssContentSize"]["width"], metrics["cssLayoutViewport"]["clientWidth"]

    async def picture(self, path: Path) -> None:
        """Take a picture of the whole page."""
        shot = await self.call("Page.captureScreenshot", captureBeyondViewport=True)
        _save(path, base64.b64decode(shot["data"]))


def _save(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


@asynccontextmanager
async def running(program: str, folder: Path) -> AsyncIterator[Browser]:
    process = await asyncio.create_subprocess_exec(
        program,
        *FLAGS,
        f"--user-data-dir={folder}",
        "about:blank",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        url = ""
        async with asyncio.timeout(PATIENCE_S):
            while not url:
                line = (await process.stderr.readline()).decode()
                assert line, "the browser has ended"
                url = line.partition("DevTools listening on ")[2].strip()
        drain = asyncio.create_task(process.stderr.read())
        async with ClientSession() as session, session.ws_connect(url, max_msg_size=0) as socket:
            browser = Browser(socket)
            listening = asyncio.create_task(browser.listen())
            target = await browser.call("Target.createTarget", url="about:blank")
            attached = await browser.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
            browser.session = attached["sessionId"]
            for domain in ("Page", "DOM"):
                await browser.call(f"{domain}.enable")
            await browser.call("Fetch.enable", handleAuthRequests=True)
            await browser.call("Emulation.setScriptExecutionDisabled", value=True)
            yield browser
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
    await drain


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[Browser]:
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("chromium is not installed (Debian: apt-get install chromium)")
    async with running(program, tmp_path / "profile") as browser:
        yield browser
