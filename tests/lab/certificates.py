"""Certificates for AMI over TLS, made by openssl: an authority and what it signed."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Certificate:
    """A certificate and its key; `both` is what Asterisk's `tlscertfile` wants."""

    certificate: Path
    key: Path
    both: Path

    @property
    def fingerprint(self) -> str:
        """As an administrator would copy it: `AB:CD:…`."""
        shown = _openssl("x509", "-in", str(self.certificate), "-noout", "-fingerprint", "-sha256")
        return shown.strip().partition("=")[2]


def authority(folder: Path, name: str) -> Certificate:
    """Make a certificate authority of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    return _made(folder, name, ["-addext", "basicConstraints=critical,CA:TRUE"])


def signed(folder: Path, name: str, names: str, by: Certificate) -> Certificate:
    """Make a server's certificate; `names` such as `DNS:pbx.test,IP:127.0.0.1`."""
    extensions = ["-addext", f"subjectAltName={names}", "-addext", "basicConstraints=CA:FALSE"]
    return _made(folder, name, [*extensions, "-CA", str(by.certificate), "-CAkey", str(by.key)])


def _made(folder: Path, name: str, more: list[str]) -> Certificate:
    made = Certificate(folder / f"{name}.crt", folder / f"{name}.key", folder / f"{name}.pem")
    _openssl(
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
        "-subj", f"/CN={name}", "-keyout", str(made.key), "-out", str(made.certificate), *more,
    )  # fmt: skip
    made.both.write_text(made.certificate.read_text() + made.key.read_text())
    return made


def _openssl(*arguments: str) -> str:
    return subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=True).stdout
