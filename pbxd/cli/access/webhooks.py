"""`pbxd webhooks`: events as POST requests to other programs."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import click

from pbxd.calls.record import instant
from pbxd.cli.groups import group
from pbxd.cli.listing import Listing, page_length, print_all, print_newest
from pbxd.cli.options import LIMIT, Integer, argument, employee_option, id_argument, json_option, option, yes_option
from pbxd.cli.output import print_json, print_line, print_table
from pbxd.cli.session import Session, pass_session
from pbxd.i18n import N_, _, local_time
from pbxd.services.webhooks import webhooks as service
from pbxd.storage.access.webhook_deliveries import Delivery, State
from pbxd.storage.access.webhooks import Webhook


@group("webhooks")
def webhooks() -> None:
    """Group the commands."""


@webhooks.command("add", help=N_("Send events to a URL from now on. The secret that signs them is shown once."))
@argument("url")
@option(
    "--event",
    "events",
    multiple=True,
    required=True,
    metavar="KIND",
    about=N_("A kind of event, such as call.ringing; call.* names a group. May be repeated."),
)
@option("--queue", default="", about=N_("Of events about calls and queues, only those of this queue."))
@employee_option("--extension", about=N_("And only those that this employee takes part in."))
@json_option
@pass_session
def add(session: Session, url: str, events: tuple[str, ...], queue: str, extension: str) -> None:
    """Add a webhook."""
    allowed = session.settings.webhooks.networks
    asked = service.AddWebhook(url=url, events=events, queue=queue, extension=extension, allowed=allowed)
    made = session.ask(service.add, asked)
    session.report(_json(made) | {"secret": made.secret}, f"{made.id} {made.secret}")


@webhooks.command("list", help=N_("List webhooks, with the events that wait or were given up."))
@json_option
@pass_session
def list_(session: Session) -> None:
    """List webhooks."""
    found = session.ask(service.find)
    if session.as_json:
        items = [_json(each.webhook) | {"pending": each.pending, "dead": each.dead} for each in found]
        print_json({"total": len(items), "items": items})
        return
    heads = [_("Id"), _("Address"), _("Events"), _("Waiting"), _("Dead"), _("State")]
    print_table(
        heads,
        (
            [
                str(each.webhook.id),
                each.webhook.url,
                ", ".join(each.webhook.kinds),
                str(each.pending),
                str(each.dead),
                _("disabled: {why}").format(why=each.webhook.disabled_why) if each.webhook.disabled else _("on"),
            ]
            for each in found
        ),
    )


@webhooks.command("test", help=N_("Send an event of the kind test now, and print the curl that repeats it."))
@id_argument("webhook_id")
@json_option
@pass_session
def test(session: Session, webhook_id: int) -> None:
    """Test a webhook."""
    tested = session.ask(service.test, webhook_id, session.settings.webhooks.networks)
    outcome = tested.outcome
    if session.as_json:
        answer = {"status": outcome.status, "milliseconds": outcome.milliseconds, "error": outcome.error}
        print_json({"delivered": outcome.delivered, **answer, "curl": tested.curl})
    else:
        said = _("{status} after {milliseconds} ms")
        print_line(said.format(status=outcome.status or outcome.error, milliseconds=outcome.milliseconds))
        print_line(tested.curl)
    if not outcome.delivered:
        raise click.exceptions.Exit(1)


@webhooks.command("deliveries", help=N_("List what was sent to a webhook and what is to be sent, the newest first."))
@id_argument("webhook_id")
@option("--state", type=click.Choice(get_args(State)), default=None, about=N_("Only those in this state."))
@option("--before", type=Integer(0), default=None, metavar="N", about=N_("Only events before this number."))
@option("--limit", type=LIMIT, about=N_("Show at most this many."))
@json_option
@pass_session
def deliveries(session: Session, webhook_id: int, state: State | None, before: int | None, limit: int | None) -> None:
    """List deliveries; without a limit a page on a terminal, otherwise all of them."""
    asked = service.FindDeliveries(webhook_id=webhook_id, state=state, before=before)
    heads = [_("Event"), _("Kind"), _("State"), _("Attempts"), _("Last"), _("Answer"), _("ms"), _("Next")]
    listing = Listing(heads, _cells, Delivery.to_json)
    length = page_length(session, limit)
    if length is None:
        print_all(session, service.every_delivery, asked, listing)
        return
    found = session.ask(service.deliveries, replace(asked, limit=length + 1))  # one more: are there more
    print_newest(session, found, length, listing, lambda each: each.queued.seq)


@webhooks.command("rotate", help=N_("Make another secret and show it once. For a day both sign."))
@id_argument("webhook_id")
@json_option
@pass_session
def rotate(session: Session, webhook_id: int) -> None:
    """Rotate the secret."""
    made = session.ask(service.rotate, webhook_id)
    session.report(_json(made) | {"secret": made.secret}, made.secret)


@webhooks.command("replay", help=N_("Send everything after an event again. A disabled webhook is enabled."))
@id_argument("webhook_id")
@option(
    "--after",
    type=Integer(0),
    required=True,
    metavar="N",
    about=N_("The last event that need not be sent again; 0: everything that the feed has."),
)
@pass_session
def replay(session: Session, webhook_id: int, after: int) -> None:
    """Replay events."""
    session.ask(service.replay, webhook_id, after)
    print_line(_("webhook {id}: everything after {after} is sent again").format(id=webhook_id, after=after))


@webhooks.command(
    "delete", help=N_("Delete a webhook. What was still to be sent is not sent. Asks first on a terminal.")
)
@id_argument("webhook_id")
@yes_option
@pass_session
def delete(session: Session, webhook_id: int) -> None:
    """Delete a webhook."""
    url = session.ask(service.show, webhook_id).webhook.url
    session.confirm_at_terminal(_("Delete webhook {id} ({url})? This can't be undone.").format(id=webhook_id, url=url))
    session.ask(service.delete, webhook_id)
    print_line(_("webhook {id} deleted").format(id=webhook_id))


def _cells(delivery: Delivery) -> list[str]:
    queued = delivery.queued
    return [
        str(queued.seq),
        queued.kind,
        {"pending": _("waiting"), "delivered": _("delivered"), "dead": _("dead")}[delivery.state],
        str(queued.attempts),
        local_time(delivery.last),
        str(delivery.status or delivery.error),
        "" if delivery.milliseconds is None else str(delivery.milliseconds),
        local_time(queued.due) if delivery.state == "pending" else "",
    ]


def _json(webhook: Webhook) -> dict[str, object]:
    return {
        "id": webhook.id,
        "url": webhook.url,
        "events": list(webhook.kinds),
        "filter": {"queue": webhook.queue, "extension": webhook.extension},
        "created": instant(webhook.created),
        "disabled": instant(webhook.disabled),
        "disabled_why": webhook.disabled_why,
        "cursor": webhook.cursor,
        "former_secret_until": instant(webhook.former_until),
    }
