"""What the forms of the page do: each says first what it is about to do, and to what."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Final

from controllers.page.view import View, cause_words
from controllers.page.words import state_words, value_words
from controllers.people import ClaimRecord, Command, DeviceRecord, People, RefusalReason, Refused
from sunhelm.devices.control import Action


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing that a form does: what is asked, and how it is done with the form's fields.

    `about` tells what it is done to from what may stand in its place when the form is sent.
    """

    question: str
    lines: tuple[str, ...]
    button: str
    device: str
    told: str
    do: Callable[[float], Awaitable[object]]
    lasting: bool = False
    about: str = ""


DeedOf = Callable[[People, View, str], Deed]
"""Makes a deed of who does it, how things are said, and what it is done to. Raises Refused."""


def release(people: People, view: View, name: str) -> Deed:
    """Return the release of a claim."""
    claim = next((each for each in people.claims() if each.id == name), None)
    if claim is None:
        raise Refused(RefusalReason.NOT_FOUND, "There is no such claim any more.")
    return Deed(
        question=f"Release the claim on {claim.device}?",
        lines=tuple(_about(people, view, claim)),
        button="Release it",
        device=claim.device,
        told="released",
        do=lambda _: people.release(name),
        about=f"{claim.made_at} {claim.value} {claim.ended}",
    )


def hold(people: People, view: View, name: str) -> Deed:
    """Return the hold of a device."""
    del view
    device = _device(people, name)
    return Deed(
        question=f"Hold {device.name}?",
        lines=(
            f"Alerts make no claims on {device.name} for that time; those that live do not count.",
            "A limit that an alert asks for is then not kept. What people ask for stays.",
        ),
        button="Hold it",
        device=device.name,
        told="held",
        do=lambda lasting_s: people.hold(device.name, lasting_s=lasting_s),
        lasting=True,
    )


def end_hold(people: People, view: View, name: str) -> Deed:
    """Return the end of a hold."""
    del view
    device = _device(people, name)
    return Deed(
        question=f"End the hold of {device.name}?",
        lines=(f"Alerts that fire make claims on {device.name} again, at once.",),
        button="End it",
        device=device.name,
        told="hold-ended",
        do=lambda _: people.end_hold(device.name),
    )


_MODES: Final = {
    "off": "It is given back as it was found, and nothing of it is regulated or capped.",
    "grid": "It charges as it is set itself; only the caps are kept.",
    "solar": "It charges from the excess alone, from 6 A on, and stops without it.",
    "hybrid": "It charges with 6 A from wherever, and with the excess.",
}


def ev_mode(mode: str) -> DeedOf:
    """Return what lets a charger be regulated by a mode from now on."""

    def deed(people: People, view: View, name: str) -> Deed:
        del view
        device = _device(people, name)
        if device.charging is None:
            raise Refused(RefusalReason.NOT_POSSIBLE, f"{name} is not regulated.")
        command = Command(device=name, action=Action.EV_MODE, parameters={"mode": mode})
        return Deed(
            question=f"Charge {device.name} by {mode}?",
            lines=(_MODES[mode], "It stays so until another mode is chosen, or claimed for some time."),
            button=f"Choose {mode}",
            device=device.name,
            told="ev-mode",
            do=lambda _: people.set_baseline(command),
        )

    return deed


def _about(people: People, view: View, claim: ClaimRecord) -> Iterator[str]:
    what = f"{state_words(claim.state)} of {claim.device}: {value_words(claim.value)}"
    yield f"{what}, asked for by {cause_words(claim.cause)}, for {view.claim(claim).age}."
    if claim.ended:
        yield "It has ended without a word; releasing it ends the fail-safe that holds."
    yield _then(people, claim)
    if claim.cause not in ("person", "schedule"):
        yield "While its alert still fires, it is not made again."


def _then(people: People, claim: ClaimRecord) -> str:
    """Return what comes after a claim is released."""
    place = (claim.device, claim.state)
    others = [
        value_words(each.value)
        for each in people.claims()
        if (each.device, each.state) == place and each.id != claim.id
    ]
    if others:
        return f"Others ask there for something still: {', '.join(others)}."
    own = [
        value_words(state.baseline)
        for device in people.devices()
        for state in device.states
        if (device.name, state.key) == place and state.baseline not in ("", "nothing", "unknown")
    ]
    return f"Then {claim.device} gets back what it had{''.join(f': {value}' for value in own)}."


def _device(people: People, name: str) -> DeviceRecord:
    for device in people.devices():
        if device.name == name:
            return device
    raise Refused(RefusalReason.UNKNOWN_DEVICE, "There is no such device.")
