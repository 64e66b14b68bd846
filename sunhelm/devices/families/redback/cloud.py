"""One Redback account: the API and the portal, how one signs in to each, and what was read lately.

All devices of the account share it, so that what concerns several of them is asked once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from sunhelm.devices.clock import Clock, Deadline
from sunhelm.devices.errors import AuthFailed, Busy, Malformed, Rejected
from sunhelm.devices.families.accounts import secrets_of
from sunhelm.devices.families.cloud_family import Access
from sunhelm.devices.families.redback import pages
from sunhelm.devices.links.answers import Answer
from sunhelm.devices.links.http import HttpLink
from sunhelm.devices.links.sign_in import Credentials, Desk, Grant, Grants

if TYPE_CHECKING:
    from sunhelm.devices.sections import Account

API: Final = "https://api.redbacktech.com"
PORTAL: Final = "https://portal.redbacktech.com"
SIGN_IN: Final = "https://login.microsoftonline.com"
TOKEN_PATH: Final = "/fb46c16c-9144-45e0-87b7-f578abed629f/oauth2/v2.0/token"  # noqa: S105 - a path, no secret
SCOPE: Final = "api://f0ea23e1-8533-44ab-8592-509cff0774da/.default"
LOGIN: Final = "/Account/Login"

_PAGE_SIZE: Final = 1000
_MOST_PAGES: Final = 100
_SITES_FRESH_S: Final = 1800.0

Parsed = TypeVar("Parsed")


@dataclass(frozen=True, slots=True)
class Document:
    """What the API said: `data` is the member `Data`; `date` is its own Unix time then.

    `skew_s` is how far its clock is ahead of ours, `read_at` when it came in monotonic seconds.
    """

    data: object
    date: float
    skew_s: float
    read_at: float


@dataclass(frozen=True, slots=True)
class SiteNodes:
    """One site of the account and the serials of its inverters, the original first one first."""

    id: str
    nmi: str
    inverters: tuple[str, ...]


class Cloud:
    """An account, read; `api` and `portal` are its links, `portal` None without an owner's sign-in."""

    def __init__(self, access: Access) -> None:
        account, self._clock = access.account, access.clock
        self._read: dict[str, Document] = {}
        self._reading: dict[str, asyncio.Future[None]] = {}
        self.api = access.link("redback", account.url or API, _token_sign_in(account, self._clock))
        self.portal: HttpLink | None = None
        if account.username is not None:
            base = account.portal_url or PORTAL
            self.portal = access.link("redback-portal", base, _portal_sign_in(account, self._clock))

    async def read(self, path: str, deadline: Deadline, *, fresh_s: float = 0.0) -> Document:
        """Return what the API says at a path, or said no longer than `fresh_s` ago. Raises DeviceError."""
        while True:
            known = self._read.get(path)
            if known is not None and self._clock.monotonic() - known.read_at < fresh_s:
                return known
            under_way = self._reading.get(path)
            if under_way is None:
                break
            await asyncio.wait({under_way}, timeout=deadline.remaining())
            if deadline.passed:
                raise Busy(f"{path}: another reading of this did not end in time")
        done = self._reading[path] = asyncio.get_running_loop().create_future()
        try:
            document = await self.api.get(path, deadline, self._document)
            self._read[path] = document
            return document
        finally:
            del self._reading[path]
            done.set_result(None)

    def forget(self, path: str) -> None:
        """Have a path read anew: something there was changed."""
        self._read.pop(path, None)

    async def sites(self, deadline: Deadline) -> tuple[SiteNodes, ...]:
        """Return all sites of the account, of all pages. Raises DeviceError."""
        found: list[SiteNodes] = []
        seen = 0
        for page in range(_MOST_PAGES):
            path = f"/Api/v2/EnergyData/With/Nodes?page={page}&pageSize={_PAGE_SIZE}"
            document = await self.read(path, deadline, fresh_s=_SITES_FRESH_S)
            paged = document.data if isinstance(document.data, dict) else {}
            records, total = paged.get("Data"), paged.get("TotalCount")
            if not isinstance(records, list):
                raise Malformed(f"{path}: no list of sites")
            found += _sites(records)
            seen += len(records)
            if not records or not isinstance(total, int) or seen >= total:
                break
        return tuple(found)

    async def serials(self, deadline: Deadline) -> Sequence[str]:
        """Return the serials of all inverters, and the ids of all sites. Raises DeviceError."""
        sites = await self.sites(deadline)
        return [*(serial for site in sites for serial in site.inverters), *(site.id for site in sites)]

    async def close(self) -> None:
        """Close all connections; harmless when there are none."""
        await self.api.close()
        if self.portal is not None:
            await self.portal.close()

    def _document(self, answer: Answer) -> Document:
        body = answer.json_object()
        if "Data" not in body:
            raise Malformed(f"{answer.where}: an answer without Data")
        data = body if "TotalCount" in body and "Page" in body else body["Data"]
        return Document(data, answer.date, answer.date - answer.came_at, self._clock.monotonic())


def _sites(records: list[object]) -> Iterator[SiteNodes]:
    for record in records:
        if not isinstance(record, dict) or not isinstance(record.get("Id"), str):
            continue
        nodes = record.get("Nodes")
        inverters = tuple(
            str(node.get("SerialNumber") or node.get("Id"))
            for node in (nodes if isinstance(nodes, list) else ())
            if isinstance(node, dict) and node.get("Type") == "Inverter"
        )
        yield SiteNodes(record["Id"], str(record.get("Nmi") or ""), inverters)


def _token_sign_in(account: Account, clock: Clock) -> Grants:
    url = f"{(account.sign_in_url or SIGN_IN).rstrip('/')}{TOKEN_PATH}"

    async def ask(desk: Desk, credentials: Credentials, deadline: Deadline) -> Grant:
        form = {**credentials, "grant_type": "client_credentials", "scope": SCOPE}
        answer = await desk.post(url, deadline, form=form)
        if answer.status in (400, 401):
            raise AuthFailed(f"{answer.where}: {_complaint(answer)}")
        answer.check()
        return _token(answer)

    return Grants(secrets_of(account, "client_id", "client_secret"), ask, clock, posts=(url,))


def _complaint(answer: Answer) -> str:
    """Return which credential is wrong, in our words: what the server writes may repeat it."""
    what = "the client id is unknown" if answer.status == 400 else "the client secret is wrong or has expired"
    return f"{what} (status {answer.status})"


def _token(answer: Answer) -> Grant:
    body = answer.json_object()
    token = body.get("access_token")
    if not isinstance(token, str) or not token.isprintable() or not token:
        raise Malformed(f"{answer.where}: an answer without a token")
    try:
        lasts_s = float(str(body.get("expires_in")))  # one form of the service writes it as text
    except ValueError:
        raise Malformed(f"{answer.where}: a token that does not say how long it lasts") from None
    return Grant.bearer(token, max(lasts_s, 0.0))


def _portal_sign_in(account: Account, clock: Clock) -> Grants:
    root = (account.portal_url or PORTAL).rstrip("/")

    async def ask(desk: Desk, credentials: Credentials, deadline: Deadline) -> Grant:
        page = await desk.get(LOGIN, deadline)
        page.check()
        token = pages.login_token(page.text)
        if token is None:
            raise Malformed(f"{page.where}: no form to sign in")
        form = {"Email": credentials["username"], "Password": credentials["password"]}
        form[pages.ANTI_FORGERY] = token
        answer = await desk.post(LOGIN, deadline, form=form, headers={"Referer": f"{root}/ui/"})
        back = LOGIN.lower() in answer.headers.get("location", "").lower()
        if back or (answer.status == 200 and pages.is_login(answer.text)):
            raise AuthFailed(f"{answer.where}: the portal asks for the e-mail address and the password again")
        if answer.status not in (302, 303):
            answer.check()
        return Grant()

    def denied(answer: Answer) -> bool:
        asked_to = answer.headers.get("location", "")
        return answer.status == 401 or LOGIN.lower() in asked_to.lower() or pages.is_login(answer.text)

    credentials = secrets_of(account, "username", "password")
    return Grants(credentials, ask, clock, posts=(LOGIN,), denied=denied)


def found(what: str, parse: Callable[[str], Parsed | None]) -> Callable[[Answer], Parsed]:
    """Return a reader of a page of the portal that refuses one without `what`."""

    def read(answer: Answer) -> Parsed:
        parsed = parse(answer.text)
        if parsed is None:
            raise Rejected(f"{answer.where}: the portal shows no {what}")
        return parsed

    return read
