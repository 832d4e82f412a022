"""Forms of pages that are carried out once, however often they are sent: a second click, a page gone back to.

Each form has a key of its own. Sent again with the same fields it leads to where it led first; with other fields it is
another form, since somebody may go back and type something else. What was refused is not kept: it did nothing. If what
the form made was deleted meanwhile, the form is carried out anew.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from pbxd.errors import ConflictError, NotFoundError
from pbxd.i18n import _
from pbxd.storage.access.request_keys import Answered, Made, RequestKey, RequestKeys, under_way
from pbxd.storage.engine.database import Database

KEY_FIELD: Final = "_key"
_LONGEST_KEY = 100
_PAUSE_SECONDS = 0.05  # between two looks at whether the first one is done
_LOOKS = 200
_SEEN = 303


def new_form_key() -> str:
    """Return a key for a form that is shown."""
    return secrets.token_urlsafe(12)


class StillSavingError(ConflictError):
    """Another click on the same form is not done yet."""


@dataclass(frozen=True, slots=True)
class Making:
    """What a form makes: `make` returns the id of something new, `show` raises NotFoundError if that is gone."""

    make: Callable[[], Awaitable[int]]
    show: Callable[[int], Awaitable[object]]


async def carried_out_once(
    database: Database, user_id: int, path: str, fields: Mapping[str, str], making: Making
) -> int:
    """Return the id of what a form made; `making` makes it, unless this form has made it before.

    Raises what `making.make` raises, and StillSavingError if the form is still being carried out after ten seconds.
    """
    key = fields.get(KEY_FIELD, "")
    if not key or len(key) > _LONGEST_KEY:
        return await making.make()
    sent = "\0".join(f"{name}={fields[name]}" for name in sorted(fields))
    digest = sha256(sent.encode("utf-8", "surrogatepass")).hexdigest()
    keys, asked = RequestKeys(database), RequestKey(f"form of user {user_id}", path, digest, digest)
    while (known := await _claimed(keys, asked)) is not None:
        made = int(known.body) if isinstance(known, Answered) else known.id
        try:
            await making.show(made)
        except NotFoundError:
            await keys.forget(asked, made)
        else:
            return made
    try:
        with under_way(asked):
            made = await making.make()
    except BaseException:
        await asyncio.shield(keys.release(asked))
        raise
    await keys.keep(asked, Answered(_SEEN, {}, str(made)))
    return made


async def _claimed(keys: RequestKeys, asked: RequestKey) -> Answered | Made | None:
    """Claim a form; wait until the first of two clicks is done. Only a claim writes: the waiting ones read."""
    for _look in range(_LOOKS):
        with suppress(ConflictError):
            return await keys.find(asked) or await keys.claim(asked)
        await asyncio.sleep(_PAUSE_SECONDS)
    raise StillSavingError(_("this form is still being saved; wait a moment"))
