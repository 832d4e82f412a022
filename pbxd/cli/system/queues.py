"""`pbxd queues`: who waits where."""

from __future__ import annotations

from typing import Any

from pbxd.cli.control_socket import daemon
from pbxd.cli.groups import command
from pbxd.cli.options import json_option
from pbxd.cli.output import length, mark, print_json, print_table
from pbxd.cli.session import Session, pass_session, run
from pbxd.i18n import _
from pbxd.numbers import display


@command("queues")
@json_option
@pass_session
def queues(session: Session) -> None:
    """Show the waiting callers."""

    async def work() -> dict[str, Any]:
        async with daemon(session.settings, session.language) as api:
            answer: dict[str, Any] = await api.get("/queues")
            return answer

    answer = run(work())
    if session.as_json:
        print_json(answer)
        return
    heads = [_("Queue"), _("Position"), _("VIP"), _("Number"), _("Name"), _("Wait")]
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
    ]
