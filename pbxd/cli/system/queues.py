"""`pbxd queues`: who waits where, and who is served next."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from pbxd.cli.control_socket import daemon
from pbxd.cli.groups import command
from pbxd.cli.options import json_option, option
from pbxd.cli.output import length, mark, print_json, print_table
from pbxd.cli.session import Session, pass_session, run
from pbxd.i18n import N_, _
from pbxd.numbers import display


@command("queues")
@option(
    "--first",
    nargs=2,
    metavar=N_("QUEUE CALL"),
    about=N_("Before that, put this call before everybody in the queue, VIPs too."),
)
@json_option
@pass_session
def queues(session: Session, first: tuple[str, str] | None) -> None:
    """Show the waiting callers; put one first."""

    async def work() -> dict[str, Any]:
        async with daemon(session.settings, session.language) as api:
            if first:
                queue, call = (quote(each, safe="") for each in first)
                await api.post(f"/queues/{queue}/callers/{call}/first")
            answer: dict[str, Any] = await api.get("/queues")
            return answer

    answer = run(work())
    if session.as_json:
        print_json(answer)
        return
    heads = [_("Queue"), _("Place"), _("VIP"), _("Number"), _("Name"), _("Wait"), _("Call")]
    print_table(heads, map(_cells, answer["items"]), _("total: {total}").format(total=len(answer["items"])))


def _cells(caller: dict[str, Any]) -> list[str]:
    number = caller["number"] or ""
    return [
        caller["queue"],
        str(caller["position"]),
        mark(caller["vip"]),
        display(number) if number.startswith("+") else number,
        caller["name"] or "",
        length(caller["wait_seconds"]),
        caller["call"] or "",
    ]
