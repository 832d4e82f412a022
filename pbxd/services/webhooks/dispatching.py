"""Send events to webhooks: at least once, in order within a call, whatever dies when.

The feed's events that a webhook wants become rows of `webhook_deliveries`, in the transaction that moves its cursor.
From there they are sent; how that went is written some times a second. A row that was sent but not written is sent
again after a restart, with the same id.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

import structlog

from pbxd.errors import UnavailableError
from pbxd.logs import Complaints
from pbxd.measures import Reading
from pbxd.services.events.hearing import Event, Hearing, event_of
from pbxd.services.webhooks.lanes import Entry, Lanes, is_given_up, seconds_until_next
from pbxd.services.webhooks.sender import Outcome, Sender, signed_headers
from pbxd.storage.access.webhook_deliveries import Attempt, Deliveries, Queued, State
from pbxd.storage.access.webhooks import Webhook, Webhooks
from pbxd.storage.engine.database import Database
from pbxd.storage.engine.feed import Feed
from pbxd.storage.engine.finishing import to_its_end

POLL_SECONDS = 1.0  # for webhooks that other processes change, and events that they write
TOGETHER_SECONDS = 0.05  # events within this time are taken in together
NOTE_SECONDS = 0.2  # results within this time are written together
_PAGE = 500
_LOADED = 20_000  # events of one webhook in memory
_SENDING = 16  # at the same time, to one webhook
_RETRY_SECONDS = 1.0
_LAST_SECONDS = 2.0  # for writing results at a stop
_UNREACHED = 3  # failures one after another from which on the receiver counts as away
_LONGEST_AWAY_SECONDS = 60.0
_QUIET_ROWS = 1000  # of the feed that nobody wants, after which a cursor is written all the same

_log = structlog.get_logger(__name__)


def hearing_of(webhook: Webhook) -> Hearing:
    """Return what a webhook hears: never of personal contacts."""
    calls_of = frozenset({webhook.extension}) if webhook.extension else None
    return Hearing(frozenset(webhook.kinds), queue=webhook.queue, calls_of=calls_of)


class Dispatcher:
    """Runs the webhooks. `run` is a root task; `wake` says that the feed or a webhook changed."""

    def __init__(self, database: Database, sender: Sender) -> None:
        self._database = database
        self._webhooks = Webhooks(database)
        self._sender = sender
        self._running: dict[int, tuple[int, _Running]] = {}  # by id: the webhook's version
        self._work = asyncio.Event()
        self._complaints = Complaints("webhooks")
        database.on_commit.append(self.wake)

    def wake(self) -> None:
        """Look at the webhooks and the feed at once."""
        self._work.set()

    def readings(self) -> Iterator[Reading]:
        """Say what is counted."""
        about = "Events of an enabled webhook in memory, by its id."
        yield Reading("pbxd_webhook_events_waiting", about, "gauge", lambda: self.waiting, ("webhook",))

    @property
    def waiting(self) -> dict[str, float]:
        """How many events wait in memory, by the webhook's id."""
        return {str(key): float(len(running.lanes)) for key, (_version, running) in self._running.items()}

    async def run(self) -> None:
        """Send for ever."""
        try:
            async with self._sender, asyncio.TaskGroup() as group:
                while True:
                    self._work.clear()
                    try:
                        await self._look(group)
                    except (UnavailableError, TimeoutError) as error:
                        self._complaints.tell("webhooks_not_read", str(error) or "timeout")
                        await asyncio.sleep(_RETRY_SECONDS)
                    else:
                        self._complaints.forget()
                    await asyncio.sleep(TOGETHER_SECONDS)
                    try:
                        async with asyncio.timeout(POLL_SECONDS):
                            await self._work.wait()
                    except TimeoutError:
                        pass
        finally:
            for _version, running in self._running.values():
                await running.finish()

    async def _look(self, group: asyncio.TaskGroup) -> None:
        """Begin, end and begin anew as the webhooks say; have each look at the feed."""
        there = {each.id: each for each in await self._webhooks.list() if each.disabled is None}
        for key, (version, running) in list(self._running.items()):
            if key not in there or there[key].version != version:
                del self._running[key]
                running.stop()
                await running.finish()
        for key, webhook in there.items():
            if key not in self._running:
                installation = await self._webhooks.installation()
                running = _Running(self._database, self._sender, webhook, installation)
                await running.load()
                self._running[key] = (webhook.version, running)
                running.start(group)
            await self._running[key][1].take_in()


class _Running:
    """One webhook at work."""

    def __init__(self, database: Database, sender: Sender, webhook: Webhook, installation: str) -> None:
        self._webhook = webhook
        self._webhooks = Webhooks(database)
        self._deliveries = Deliveries(database)
        self._feed = Feed(database)
        self._sender = sender
        self._installation = installation
        self._hearing = hearing_of(webhook)
        self._cursor = webhook.cursor  # what was looked at
        self._written_cursor = webhook.cursor
        self._loaded = 0  # everything pending up to this number is in `lanes`
        self._all_loaded = False
        self.lanes = Lanes()
        self._work = asyncio.Event()
        self._results: deque[Attempt] = deque()
        self._away_until: datetime | None = None
        self._unreached = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._gone = False  # the receiver answered 410: nothing more is sent, also before the dispatcher learns of it

    async def load(self) -> None:
        """Read more of what is still to be sent, if there is room. Raises UnavailableError."""
        while not self._all_loaded and len(self.lanes) < _LOADED:
            rows = await self._deliveries.pending(self._webhook.id, self._loaded, _PAGE)
            self.lanes.add(Entry(row) for row in rows)
            self._loaded = rows[-1].seq if rows else self._loaded
            self._all_loaded = len(rows) < _PAGE

    def start(self, group: asyncio.TaskGroup) -> None:
        """Begin to send."""
        tasks = [self._send_on() for _number in range(_SENDING)] + [self._note_on()]
        self._tasks = [group.create_task(task) for task in tasks]

    def stop(self) -> None:
        """Send no more; what is under way may be sent again later."""
        for task in self._tasks:
            task.cancel()

    async def finish(self) -> None:
        """Write at a stop what was sent."""
        try:
            await asyncio.wait_for(self._note(), _LAST_SECONDS)  # as in Recorder.finish
        except (UnavailableError, TimeoutError) as error:
            _log.warning("webhook_results_lost", webhook=self._webhook.id, why=str(error) or "timeout")

    async def take_in(self) -> None:
        """Keep what the feed has for this webhook. Raises UnavailableError."""
        await self.load()
        while rows := await self._feed.read(self._cursor, _PAGE):
            events = [event for row in rows if (event := event_of(row)) and self._hearing.hears(event)]
            due = events or rows[-1].seq - self._written_cursor >= _QUIET_ROWS
            if due and not await self._queue(events, rows[-1].seq):
                return  # it was changed: the dispatcher begins anew
            self._cursor = rows[-1].seq
            if len(rows) < _PAGE:
                return

    async def _queue(self, events: Sequence[Event], cursor: int) -> bool:
        now = datetime.now(UTC)
        queued = [Queued(event.seq, event.kind, event.order, now) for event in events]
        keeping = self._deliveries.queue(self._webhook.id, self._webhook.version, queued, cursor)
        if not await to_its_end(keeping, _LAST_SECONDS):
            return False
        self._written_cursor = cursor
        if self._all_loaded and len(self.lanes) < _LOADED:
            self.lanes.add(Entry(each, event.text) for each, event in zip(queued, events, strict=True))
            self._loaded = queued[-1].seq if queued else self._loaded
        else:
            self._all_loaded = False  # they are read when there is room
        self._work.set()
        return True

    async def _send_on(self) -> None:
        """Send what is due, one event at a time, for ever."""
        while True:
            entry = await self._due()
            try:
                text = entry.text or await self._text(entry.queued.seq)
            except (UnavailableError, TimeoutError):
                self.lanes.put_back(entry, datetime.now(UTC) + timedelta(seconds=_RETRY_SECONDS), entry.queued.attempts)
                continue
            if text is None:
                self._settle(entry, "dead", Outcome(None, "the feed no longer has it", 0))
                continue
            now = datetime.now(UTC)
            headers = signed_headers(self._webhook, f"{self._installation}.{entry.queued.seq}", text, now)
            await self._judge(entry, await self._sender.send(self._webhook.url, headers, text))

    async def _due(self) -> Entry:
        """Wait for an entry that is due, and take it."""
        while True:
            now = datetime.now(UTC)
            away = self._gone or (self._away_until is not None and now < self._away_until)
            entry = None if away else self.lanes.take(now)
            if entry is not None:
                return entry
            due = self._away_until if away else self.lanes.next_due()
            self._work.clear()
            try:
                async with asyncio.timeout(None if due is None else max(0.0, (due - now).total_seconds())):
                    await self._work.wait()
            except TimeoutError:
                pass

    async def _text(self, seq: int) -> bytes | None:
        row = (await self._deliveries.events([seq])).get(seq)
        event = event_of(row) if row is not None else None
        return event.text if event is not None else None

    async def _judge(self, entry: Entry, outcome: Outcome) -> None:
        """Decide what follows from an attempt."""
        now = datetime.now(UTC)
        self._gone = self._gone or outcome.status == HTTPStatus.GONE
        self._note_reached(outcome, now)
        if outcome.delivered:
            self._settle(entry, "delivered", outcome)
        elif is_given_up(entry.queued, now):
            _log.warning("webhook_delivery_dead", webhook=self._webhook.id, seq=entry.queued.seq, status=outcome.status)
            self._settle(entry, "dead", outcome)
        else:
            attempts = entry.queued.attempts + 1
            jitter = random.uniform(0.8, 1.2)  # noqa: S311 - no secret
            due = now + timedelta(seconds=seconds_until_next(attempts, jitter, outcome.retry_after))
            entry.unreached = outcome.status is None
            self.lanes.put_back(entry, due, attempts)
            self._results.append(_attempt(entry.queued, "pending", outcome, now, due))
            self._work.set()
        if outcome.status == HTTPStatus.GONE:
            await self._disable()

    async def _disable(self) -> None:
        _log.warning("webhook_disabled", webhook=self._webhook.id, status=HTTPStatus.GONE.value)
        try:
            await to_its_end(self._webhooks.disable(self._webhook.id, "410"), _LAST_SECONDS)
        except UnavailableError:
            self._gone = False  # the next attempt is answered so too
            self._work.set()

    def _settle(self, entry: Entry, state: State, outcome: Outcome) -> None:
        now = datetime.now(UTC)
        queued = entry.queued
        done = Queued(queued.seq, queued.kind, queued.lane, queued.since, queued.attempts + 1, queued.due)
        self._results.append(_attempt(done, state, outcome, now, queued.due or queued.since))
        self.lanes.settle(entry)
        self._work.set()

    def _note_reached(self, outcome: Outcome, now: datetime) -> None:
        """Note whether somebody answers. A receiver that is away is asked now and then, not for each event."""
        if outcome.status is not None:
            if self._unreached >= _UNREACHED:
                self.lanes.hurry(now)
            self._unreached, self._away_until = 0, None
            return
        self._unreached += 1
        if self._unreached >= _UNREACHED:
            seconds = min(2.0 ** min(self._unreached - _UNREACHED, 10), _LONGEST_AWAY_SECONDS)
            self._away_until = now + timedelta(seconds=seconds)

    async def _note_on(self) -> None:
        """Write results as they come, for ever."""
        while True:
            await asyncio.sleep(NOTE_SECONDS)
            try:
                await self._note()
                await self.load()
            except (UnavailableError, TimeoutError):
                await asyncio.sleep(_RETRY_SECONDS)

    async def _note(self) -> None:
        while self._results:
            part = list(self._results)[:_PAGE]
            await to_its_end(self._deliveries.note(self._webhook.id, part), _LAST_SECONDS)
            for _done in part:
                self._results.popleft()


def _attempt(queued: Queued, state: State, outcome: Outcome, now: datetime, due: datetime) -> Attempt:
    return Attempt(queued.seq, state, queued.attempts, due, now, outcome.status, outcome.milliseconds, outcome.error)
