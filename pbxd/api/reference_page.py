"""The OpenAPI document as a page to read: one file without scripts, so that it works offline and under any policy."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable, Mapping
from functools import cache
from hashlib import sha256
from html import escape
from typing import Any, ClassVar, Final

from pbxd.api.openapi import PATH as DOCUMENT
from pbxd.api.openapi import document
from pbxd.http.answers import Reply, TextAnswer
from pbxd.http.context import Context
from pbxd.http.operations import OPERATIONS, Operation, Resource

PATH: Final = "/api/v1/docs"
_STYLE: Final = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem;color:#1b1f24;background:#fff}
a{color:#0b57d0}code,pre{font:14px/1.45 ui-monospace,monospace}pre{background:#f4f6f8;padding:.75rem;overflow:auto}
details{border:1px solid #d0d7de;border-radius:6px;margin:.4rem 0;padding:.4rem .8rem}summary{cursor:pointer}
summary code{font-weight:600}table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;
border-bottom:1px solid #d0d7de;padding:.25rem .5rem .25rem 0}nav a{margin-right:1rem}
@media(prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}pre{background:#161b22}a{color:#7fb2ff}
details,th,td{border-color:#30363d}}
"""
_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{b64encode(sha256(_STYLE.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
Schema = Mapping[str, Any]

resource = Resource("reference", "This API as a page to read.")


class ReferenceAnswer(TextAnswer):
    """A page (HTML)."""

    content_type: ClassVar[str] = "text/html"


@resource.operation("GET", PATH, scope="open")
async def show_reference(context: Context) -> Reply[ReferenceAnswer]:
    """Show every operation as a page to read in a browser, with examples for curl."""
    found = _page(tuple(dict.fromkeys(context.request.app[OPERATIONS].values())))
    return Reply(ReferenceAnswer(text=found), headers={"Content-Security-Policy": _POLICY})


@cache
def _page(operations: tuple[Operation, ...]) -> str:
    found = document(operations)
    by_tag: dict[str, list[str]] = {}
    for path, methods in found.paths.items():
        for method, told in methods.items():
            by_tag.setdefault(told["tags"][0], []).append(_operation(method.upper(), path, told))
    tags = [tag for tag in found.tags if tag["name"] in by_tag]
    links = " ".join(f'<a href="#{escape(tag["name"])}">{escape(tag["name"])}</a>' for tag in tags)
    parts = [
        f'<h2 id="{escape(tag["name"])}">{escape(tag["name"])}</h2><p>{escape(tag["description"])}</p>'
        + "".join(by_tag[tag["name"]])
        for tag in tags
    ]
    title = f"pbxd {found.info['version']}: HTTP API"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>'
        f"<body><h1>{escape(title)}</h1>"
        f'<p>For programs: <a href="{DOCUMENT}">{DOCUMENT}</a>. A token is made by '
        "<code>pbxd tokens create NAME --scope SCOPE</code>.</p>"
        f"<nav>{links}</nav>{''.join(parts)}</body></html>"
    )


def _operation(method: str, path: str, told: Schema) -> str:
    scopes = [scope for way in told["security"] for scope in way.get("token", ())]
    needed = f"Scope: <code>{escape(scopes[0])}</code>." if scopes else "A token or nothing, without a scope."
    parts = [
        f"<p>{escape(told.get('description', ''))}</p>" if told.get("description") else "",
        f"<p>{needed}</p>",
        _parameters(told["parameters"]),
        f"<pre>{escape(_curl(method, path, told))}</pre>",
        _answers(told["responses"]),
    ]
    return (
        f'<details id="{escape(told["operationId"])}"><summary><code>{method} {escape(path)}</code> '
        f"{escape(told['summary'])}</summary>{''.join(parts)}</details>"
    )


def _parameters(parameters: Iterable[Schema]) -> str:
    rows = [
        f"<tr><td><code>{escape(each['name'])}</code></td><td>{escape(each['in'])}</td>"
        f"<td>{escape(_kind(each['schema']))}</td><td>{escape(each.get('description', ''))}</td></tr>"
        for each in parameters
    ]
    head = "<tr><th>Parameter</th><th>In</th><th>Kind</th><th>Meaning</th></tr>"
    return f"<table>{head}{''.join(rows)}</table>" if rows else ""


def _kind(schema: Schema) -> str:
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    return str(schema.get("format") or schema.get("type") or "")


def _curl(method: str, path: str, told: Schema) -> str:
    """Return a command that asks for this, with the examples."""
    for each in told["parameters"]:
        if each["in"] == "path":
            path = path.replace(f"{{{each['name']}}}", str(each["example"]))
    lines = [f"curl -X {method} http://127.0.0.1:8573{path}"]
    if told["security"]:
        lines.append("-H 'Authorization: Bearer pbxd_…'")
    lines += [f"-H '{each['name']}: {each['example']}'" for each in told["parameters"] if each["name"] == "If-Match"]
    for kind, content in told.get("requestBody", {}).get("content", {}).items():
        if kind == "multipart/form-data":
            lines.append("-F file=@contacts.xlsx")
        elif kind == "application/json":
            lines += [f"-H 'Content-Type: {kind}'", f"-d '{json.dumps(content['example'], ensure_ascii=False)}'"]
    return " \\\n  ".join(lines)


def _answers(responses: Mapping[str, Schema]) -> str:
    rows = [
        f"<tr><td><code>{escape(status)}</code></td><td>{escape(each['description'])}</td></tr>"
        for status, each in responses.items()
    ]
    parts = [f"<table><tr><th>Status</th><th>Meaning</th></tr>{''.join(rows)}</table>"]
    for status, each in responses.items():
        example = each.get("content", {}).get("application/json", {}).get("example")
        if status.startswith("2") and example is not None:
            parts.append(f"<pre>{escape(json.dumps(example, ensure_ascii=False, indent=2))}</pre>")
            break
    return "".join(parts)
