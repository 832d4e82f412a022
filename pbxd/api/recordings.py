"""The recordings of calls."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any, Literal

from pydantic import Field

from pbxd.api.calls import CallQuery
from pbxd.api.click_to_call import CallPath
from pbxd.http.answers import Answer
from pbxd.http.context import Context
from pbxd.http.downloads import GSM, MP3, OGG, WAV, OtherSound, Sound, sound_kind
from pbxd.http.operations import Resource
from pbxd.services.calls.recordings import Recording

resource = Resource("recordings", "The recordings of calls: agents hear their own calls', supervisors everybody's.")


class RecordingAnswer(Answer):
    """A recording of a call."""

    n: int
    """From 1 on; `GET /calls/{id}/recordings/{n}` has the sound."""
    name: Annotated[str, Field(examples=["in-74951234567-101-20261129-120000-1469918176.1.wav"])]
    """Of the file."""
    bytes: Annotated[int | None, Field(examples=[960044])]
    """Null: it can't be heard."""
    type: Annotated[str, Field(examples=["audio/wav"])]
    lack: Annotated[Literal["no-folder", "no-file", "elsewhere", "unreadable", "erased"] | None, Field(examples=[None])]
    """Why it can't be heard."""


class RecordingsAnswer(Answer):
    """The recordings of a call."""

    items: tuple[RecordingAnswer, ...]


class RecordingPath(CallPath):
    """Which recording."""

    n: Annotated[int, Field(ge=1, lt=2**31)]


@resource.operation("GET", "/api/v1/calls/{id}/recordings", scope="calls:read")
async def list_recordings(context: Context, path: CallPath, query: CallQuery) -> RecordingsAnswer:
    """List the recordings of a call. Who may not hear them is refused with `not-own-call`."""
    del query
    found = await context.services.recordings.of_call(context.actor, path.id)
    return RecordingsAnswer.model_validate({"items": list(map(_recording, found))})


@resource.operation(
    "GET",
    r"/api/v1/calls/{id}/recordings/{n:\d+}",
    scope="calls:read",
    status=(HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT, HTTPStatus.NOT_MODIFIED),
    problems={HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE: "The file has no such part."},
)
async def hear_recording(
    context: Context, path: RecordingPath, query: CallQuery
) -> Sound[WAV] | Sound[MP3] | Sound[OGG] | Sound[GSM] | Sound[OtherSound]:
    """Hear a recording; parts of it with `Range`. The audit log says who heard it, once in ten minutes.

    404 says by `reason` what is missing: `no-recording`, or the `lack` of the list.
    """
    del query
    whole = context.request.method != "HEAD"
    opened = await context.services.recordings.open(context.actor, path.id, path.n, whole=whole)
    kind: type[Any] = sound_kind(opened.name)
    return Sound(kind, opened.name, opened.file)


def _recording(recording: Recording) -> dict[str, object]:
    kind = sound_kind(recording.name)
    return {
        "n": recording.n,
        "name": recording.name,
        "bytes": recording.bytes,
        "type": kind.content_type,
        "lack": recording.lack,
    }
