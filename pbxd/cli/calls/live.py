"""`pbxd calls live`: the calls under way and the phones, from the running daemon."""

from __future__ import annotations

from typing import Any

from pbxd.cli.calls.formats import part_names, party
from pbxd.cli.control_socket import daemon
from pbxd.cli.groups import command
from pbxd.cli.options import json_option
from pbxd.cli.output import print_json, print_table
from pbxd.cli.session import Session, pass_session, run
from pbxd.exchange.call_columns import direction_name, time_text
from pbxd.i18n import _


@command("live")
@json_option
@pass_session
def live(session: Session) -> None:
    """Show the calls under way."""

    async def work() -> dict[str, Any]:
        async with daemon(session.settings, session.language) as api:
            answer: dict[str, Any] = await api.get("/calls/live")
            return answer

    answer = run(work())
    if session.as_json:
        print_json(answer)
        return
    heads = [_("Started"), _("Direction"), _("Caller"), _("Callee"), _("Queue"), _("Now"), _("Employees"), _("Id")]
    print_table(heads, map(_cells, answer["items"]), _("total: {total}").format(total=len(answer["items"])))


def _cells(call: dict[str, Any]) -> list[str]:
    return [
        time_text(call["started"]),
        direction_name(call["direction"]),
        party(call["caller"]),
        party(call["callee"]),
        call["queue"] or "",
        part_names()[call["part"]],
        ", ".join(call["phones"]),
        call["id"],
    ]
