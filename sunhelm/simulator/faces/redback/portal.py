"""The pages of the owners' portal: a login, the strings, and the form that sets the mode."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from sunhelm.simulator.faces.redback.inverter import Inverter
from sunhelm.simulator.faces.redback.telemetry import PANELS
from sunhelm.simulator.http_server import HttpRequest, HttpResponse

ANTI_FORGERY: Final = "__RequestVerificationToken"
SESSION: Final = ".AspNet.ApplicationCookie"
_MODES: Final = ("Auto", "ChargeBattery", "DischargeBattery", "ImportPower", "ExportPower", "Conserve")


@dataclass(slots=True)
class Portal:
    """The portal of one owner.

    `sessions` are those who are signed in, each with a cookie of its own. `serials` are of further inverters.
    """

    inverter: Inverter
    email: str
    password: str
    serials: tuple[str, ...] = ()
    sessions: set[str] = field(default_factory=set)
    has_panels: bool = True
    has_mode: bool = True
    _halves: set[str] = field(default_factory=set)
    _count: int = 0

    def answer(self, request: HttpRequest, *, refused: bool) -> HttpResponse:
        """Return the page that a request leads to; `refused` takes no password."""
        if request.path == "/Account/Login":
            return self._login(request, refused=refused)
        if request.cookies.get(SESSION) not in self.sessions:
            return HttpResponse("", 302, (("Location", f"/Account/Login?ReturnUrl={request.path}"),))
        return self._page_of(request)

    def _page_of(self, request: HttpRequest) -> HttpResponse:
        serial = request.query.get("serialNumber") or request.form.get("SerialNumber")
        if request.path != "/" and serial not in (self.inverter.serial, *self.serials):
            return HttpResponse(self._page("<p>Not found</p>"), 404)
        if request.method == "POST" and request.path == "/productcontrol/Index":
            return self._set_mode(request)
        if request.path == "/installationdetails/Configure" and self.has_panels:
            return HttpResponse(_panels_page())
        body = "<p>This page has moved to our new app.</p>"
        if request.path == "/productcontrol/Configure" and self.has_mode:
            body = f'<form id="GlobalAntiForgeryToken" action="#">{self._token()}</form>'
        return HttpResponse(self._page(body))

    def _login(self, request: HttpRequest, *, refused: bool) -> HttpResponse:
        if request.method == "POST":
            form = request.form
            right = (form.get("Email"), form.get("Password")) == (self.email, self.password)
            if right and not refused and self._is_paired(request):
                self._count += 1
                session = f"SESSION{self._count}"
                self.sessions.add(session)
                return HttpResponse(
                    "", 302, (("Location", "/"), ("Set-Cookie", f"{SESSION}={session}; path=/; HttpOnly"))
                )
        self._count += 1
        half = f"HALF{self._count}"
        self._halves.add(half)
        fields = f'{self._token()}<input name="Email"><input name="Password" type="password">'
        page = self._page(f'<form class="login-form" action="/Account/Login" method="post">{fields}</form>')
        return HttpResponse(page, 200, (("Set-Cookie", f"{ANTI_FORGERY}={half}; path=/; HttpOnly"),))

    def _set_mode(self, request: HttpRequest) -> HttpResponse:
        form = request.form
        mode, power = form.get("InverterOperation[Mode]", ""), form.get("InverterOperation[PowerInWatts]", "")
        if not self._is_paired(request) or request.headers.get("x-requested-with") != "XMLHttpRequest":
            return HttpResponse("<html><body>Error</body></html>", 500)
        if mode in _MODES and power.isdigit() and form.get("InverterOperation[Type]") == "Set":
            self.inverter.lasting = (mode, int(power))
        return HttpResponse("")

    def _token(self) -> str:
        return f'<input name="{ANTI_FORGERY}" type="hidden" value="TOKEN{len(self._halves)}" />'

    def _is_paired(self, request: HttpRequest) -> bool:
        """Whether the cookie's half and the form's half of the anti-forgery token are there."""
        half, token = request.cookies.get(ANTI_FORGERY), request.form.get(ANTI_FORGERY, "")
        return half in self._halves and token.startswith("TOKEN")

    @staticmethod
    def _page(body: str) -> str:
        return f"<html><body><div>{body}</div></body></html>"


def _panels_page() -> str:
    fields = [
        f'<input id="SolarPanels_{index}__PVSize" value="{size}"/>'
        + _choice(f"SolarPanels_{index}__NumberOfPanels", str(number))
        + _choice(f"SolarPanels_{index}__PanelDirection", direction)
        for index, (size, number, direction) in enumerate(PANELS)
    ]
    return f'<html><body><form id="form">{"".join(fields)}</form></body></html>'


def _choice(field_id: str, chosen: str) -> str:
    option = (
        f'<option value="None">None</option><option selected="selected" value="{chosen}">{chosen}</option>'
    )
    return f'<div class="form-group rb-selectbox"><select id="{field_id}">{option}</select></div>'
