"""Whether passwords and sessions go over the network in plain text."""

from __future__ import annotations

from urllib.parse import urlsplit

from pbxd.checkup import remedies
from pbxd.checkup.result import Finding, Remedy, ok, skipped, warning
from pbxd.errors import PbxdError
from pbxd.i18n import _
from pbxd.settings import HttpSettings, Settings
from pbxd.storage.access.users import Users
from pbxd.storage.engine.database import Database


async def protected(settings: Settings) -> Finding:
    """Warn if users sign in over plain HTTP from other machines."""
    check = "sign-in"
    address = _plain_address(settings.http)
    if not address:
        return ok(check, _("no password goes over the network in plain text"))
    try:
        async with await Database.open(settings.database_url, create=False) as database:
            users = await Users(database).list()
    except PbxdError:
        return skipped(check, _("not checked: the database can't be read"))
    if not users:
        return ok(
            check,
            _("nobody signs in yet; before the first invitation, set up TLS: {address} is plain HTTP").format(
                address=address
            ),
        )
    message = _(
        "{count} users sign in over plain HTTP ({address}): passwords can be read on the network, "
        "and every other port of that host gets their sessions' cookies"
    )
    own = Remedy(settings.source, ("[http]", 'tls_certificate_file = "pbxd.crt"', 'tls_key_file = "pbxd.key"'))
    where = _("or behind a proxy with TLS on this machine (config/nginx.conf, config/Caddyfile): {file}")
    lines = ("[http]", 'listen = "127.0.0.1:8573"', 'trusted_proxies = ["127.0.0.1"]', 'public_url = "https://…"')
    return warning(
        check, message.format(count=len(users), address=address), own, Remedy(where.format(file=settings.source), lines)
    )


def _plain_address(http: HttpSettings) -> str:
    """Return where browsers of other machines reach pbxd without TLS; empty: nowhere, as far as can be told."""
    if http.public_url.startswith("https://"):
        return ""  # a proxy's TLS, or pbxd's own
    if http.public_url:
        return "" if remedies.is_local(urlsplit(http.public_url).hostname or "") else http.public_url
    host = http.listen.rpartition(":")[0].strip("[]")
    if http.has_tls or http.trusted_proxies or remedies.is_local(host):
        return ""
    return f"http://{http.listen}"
