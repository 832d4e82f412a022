"""`pbxd call`: the agent's phone rings, then the client's."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import dataclass
from typing import Any

import click

from pbxd.cli.control_socket import Api, daemon
from pbxd.cli.groups import command
from pbxd.cli.options import argument, employee_argument, flag, json_option, option, takes
from pbxd.cli.output import print_card, print_json, print_line, printable
from pbxd.cli.session import Session, run
from pbxd.errors import PbxdError, RefusedError, UnavailableError
from pbxd.i18n import N_, _

CONTACT_PREFIX = "contact:"  # a target that is a contact's id whatever else it could mean
_SIGNALS = (signal.SIGINT, signal.SIGTERM)  # nobody shall be rung for a command that is gone


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeCall:
    """The options of `call`."""

    extension: str
    target: str
    number: str | None  # which of the contact's numbers
    key: str | None
    explain: bool

    @property
    def body(self) -> dict[str, Any]:
        """What the daemon is asked."""
        body: dict[str, Any] = {"agent": self.extension}
        contact = self.target.removeprefix(CONTACT_PREFIX)
        if contact != self.target and contact.isascii() and contact.isdigit():
            body["contact"] = int(contact)
        else:
            body["target"] = self.target
        return body if self.number is None else body | {"number": self.number}


@command(
    "call",
    about=N_(
        "Ring an employee and connect them with TARGET: a number, or a contact by id or exact name."
        " Prints each state; Ctrl-C hangs up."
    ),
)
@employee_argument()
@argument("target")
@option("--number", metavar="NUMBER", about=N_("Which of the contact's numbers to call."))
@option("--key", metavar="KEY", about=N_("Repeating the command with the same KEY does not call again."))
@flag("--explain", about=N_("Print what would be dialled, without ringing anybody."))
@json_option
@takes(MakeCall)
def call(session: Session, asked: MakeCall) -> None:
    """Make a call and follow it."""

    async def work() -> None:
        async with daemon(session.settings, session.language) as api:
            if asked.explain:
                _print_plan(await api.post("/calls/plan", asked.body), as_json=session.as_json)
            else:
                await _follow(api, asked.body, asked.key, as_json=session.as_json)

    run(work())


async def _follow(api: Api, asked: dict[str, Any], key: str | None, *, as_json: bool) -> None:
    """Make the call and print its states; raises RefusedError when nobody talked in the end."""
    interrupted = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, _interrupt, loop, interrupted)
    made = await api.post("/calls", asked, key=key)
    if made.get("repeated") and made["state"] is None:  # pbxd was restarted meanwhile, or it was long ago
        _print_repeated(made, as_json=as_json)
        return
    call_id = made["id"]
    async with asyncio.TaskGroup() as group:
        hanging_up = group.create_task(_hang_up(api, call_id, interrupted))
        last = await _print_states(api, call_id, as_json=as_json)
        hanging_up.cancel()
    if last.get("state") != "ended":
        raise UnavailableError(_("the connection to pbxd broke; the call may go on"))
    if last["reason"] != "completed":
        raise RefusedError(last["reason"], _reason(last["reason"]))


def _interrupt(loop: asyncio.AbstractEventLoop, interrupted: asyncio.Event) -> None:
    """Hang up at the first Ctrl-C or SIGTERM; the second ends the command at once."""
    for number in _SIGNALS:
        loop.remove_signal_handler(number)
    interrupted.set()


async def _hang_up(api: Api, call_id: str, interrupted: asyncio.Event) -> None:
    await interrupted.wait()
    try:
        await api.post(f"/calls/{call_id}/hangup")
    except PbxdError as error:  # it may have ended by itself; the states tell
        click.echo(f"pbxd: {printable(str(error))}", err=True)


def _print_repeated(made: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(made)
    else:
        print_line(_("this call was made before: pbxd calls show {id}").format(id=made["id"]))


async def _print_states(api: Api, call_id: str, *, as_json: bool) -> dict[str, Any]:
    last: dict[str, Any] = {}
    async for last in api.lines(f"/calls/{call_id}/states"):
        if as_json:
            print_json(last)
        elif last["state"] == "ended":
            print_line(_("ended: {reason}").format(reason=_reason(last["reason"])))
        else:
            print_line(_state(last["state"]))
    return last


def _print_plan(plan: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(plan)
    else:
        print_card((_plan_name(name), _plan_text(value)) for name, value in plan.items() if value not in (None, ""))


def _plan_text(value: object) -> str:
    names = {"region": _("own region"), "foreign": _("abroad"), "internal": _("internal"), "premium": _("premium")}
    return names.get(str(value), str(value))


def _plan_name(name: str) -> str:
    return {
        "agent": _("Employee"),
        "agent_channel": _("Employee's channel"),
        "route": _("Route"),
        "where": _("Where to"),
        "number": _("Number"),
        "dialled": _("Dialled digits"),
        "client_channel": _("Client's channel"),
        "digits": _("Digits after the answer"),
        "shown_name": _("Name on the employee's phone"),
        "shown_number": _("Number on the employee's phone"),
        "caller_number": _("Number that the client sees"),
        "agent_ring_seconds": _("Employee's phone rings, seconds"),
        "client_ring_seconds": _("Client's phone rings, seconds"),
        "contact": _("Contact"),
        "state_device": _("Device whose state is asked"),
        "auto_answer": _("Automatic answer"),
    }.get(name, name)


def _state(state: str) -> str:
    return {
        "ringing-agent": _("the agent's phone rings"),
        "agent-answered": _("the agent answered"),
        "ringing-client": _("the client's phone rings"),
        "talking": _("talking"),
    }.get(state, state)


def _reason(reason: str) -> str:
    return {
        "agent-offline": _("the agent's phone isn't reachable"),
        "agent-busy": _("the agent is busy"),
        "agent-no-answer": _("the agent didn't answer"),
        "agent-rejected": _("the agent rejected the call"),
        "client-busy": _("the client is busy"),
        "client-no-answer": _("the client didn't answer"),
        "client-rejected": _("the client rejected the call"),
        "wrong-number": _("there is no such number"),
        "no-route": _("the number can't be reached"),
        "cancelled": _("cancelled"),
        "completed": _("the conversation is over"),
        "failed": _("the call failed"),
        "pbx-away": _("the connection to the PBX was lost"),
    }.get(reason, reason)
