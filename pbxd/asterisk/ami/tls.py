"""AMI over TLS: which peer the link trusts.

Three ways: the system's certificate authorities, an own authority (`tls_ca_file`), or one pinned certificate
(`tls_fingerprint`, as `openssl x509 -noout -fingerprint -sha256` prints it). With an authority the certificate must
also have the expected name; a pinned one needs neither name nor authority. Nothing here falls back to plain text: a
peer that is not trusted is refused before the login, which contains the secret, is written.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ssl

from pbxd.errors import ConfigurationError, RefusedError
from pbxd.i18n import _
from pbxd.settings import AsteriskSettings

REFUSED = "tls"  # the reason of every refusal here


def tls_context(settings: AsteriskSettings) -> ssl.SSLContext | None:
    """Return the TLS context, None for plain AMI.

    Raises ConfigurationError if the authority's file can't be used.
    """
    if settings.tls == "off":
        return None
    if settings.tls_fingerprint:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # `check_pinned_certificate` compares the certificate itself
        return context
    try:
        return ssl.create_default_context(cafile=settings.tls_ca_file or None)
    except (OSError, ssl.SSLError) as error:
        message = _("asterisk.tls_ca_file: {file} can't be used: {why}")
        raise ConfigurationError(message.format(file=settings.tls_ca_file, why=_reason(error))) from error


def server_name(settings: AsteriskSettings) -> str | None:
    """Return the name that the certificate must have, None for plain AMI."""
    return None if settings.tls == "off" else settings.tls_server_name or settings.host


def handshake_refused(error: ssl.SSLError) -> RefusedError:
    """Return the reason why there is no TLS: an untrusted certificate, or a peer that does not speak TLS."""
    if isinstance(error, ssl.SSLCertVerificationError):
        message = _("the PBX's certificate is not trusted: {why}")
        return RefusedError(REFUSED, message.format(why=error.verify_message))
    return RefusedError(REFUSED, _("no TLS on this port: {why}").format(why=_reason(error)))


def check_pinned_certificate(settings: AsteriskSettings, transport: asyncio.BaseTransport) -> None:
    """Compare the peer's certificate with the pinned one, if there is one.

    Raises RefusedError `tls`. The message has the fingerprint of the peer's certificate, which is no secret.
    """
    if settings.tls == "off" or not settings.tls_fingerprint:
        return
    found = transport.get_extra_info("ssl_object").getpeercert(binary_form=True) or b""
    shown = hashlib.sha256(found).hexdigest()
    if not hmac.compare_digest(shown, settings.tls_fingerprint.replace(":", "").lower()):
        message = _("the PBX's certificate is not the pinned one: its SHA-256 fingerprint is {fingerprint}")
        raise RefusedError(REFUSED, message.format(fingerprint=shown))


def _reason(error: OSError) -> str:
    return getattr(error, "reason", "") or error.strerror or str(error)
