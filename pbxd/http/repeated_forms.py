"""Forms of pages that are carried out once, however often they are sent: a second click, a page gone back to.

Each form has a key of its own. Sent again with the same fields it leads to where it led first; with other fields it is
another form, since somebody may go back and type something else. What was refused is not kept: it did nothing.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from hashlib import sha256
from typing import Final

from pbxd.errors import ConflictError
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


async def carried_out_once(
    database: Database, user_id: int, path: str, fields: Mapping[str, str], make: Callable[[], Awaitable[int]]
) -> int:
    """Return the id of what a form made; `make` makes it, unless this form has made it before.

    Raises what `make` raises, and ConflictError if the form is still being carried out after ten seconds.
    """
    key = fields.get(KEY_FIELD, "")
    if not key or len(key) > _LONGEST_KEY:
        return await make()
    sent = "\0".join(f"{name}={fields[name]}" for name in sorted(fields))
    digest = sha256(sent.encode("utf-8", "surrogatepass")).hexdigest()
    keys, asked = RequestKeys(database), RequestKey(f"form of user {user_id}", path, digest, digest)
    known = await _claimed(keys, asked)
    if known is not None:
        return int(known.body) if isinstance(known, Answered) else known.id
    try:
        with under_way(asked):
            made = await make()
    except BaseException:
        await asyncio.shield(keys.release(asked))
        raise
    await keys.keep(asked, Answered(_SEEN, {}, str(made)))
    return made


async def _claimed(keys: RequestKeys, asked: RequestKey) -> Answered | Made | None:
    """Wait until the first of two clicks is done."""
    for _look in range(_LOOKS):
        try:
            return await keys.claim(asked)
        except ConflictError:
            await asyncio.sleep(_PAUSE_SECONDS)
    return await keys.claim(asked)
