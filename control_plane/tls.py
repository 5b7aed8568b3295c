"""`--tls`: a development CA of this lab, made once in the state folder, and a certificate for each start.

::

    <state>/tls/ca.pem        what browsers and clients import to trust the lab
               /ca-key.pem    signs certificates: whoever has it can pretend to be any site to those who trust the CA
               /lab.pem       for localhost, 127.0.0.1, ::1, this machine's name and addresses; new at each start
               /lab-key.pem   keys are readable by their owner alone

The CA stays over starts, so that it is imported once. The certificate is made anew each time: addresses change between
home and classroom, and so it never expires while a lab starts now and then.

Not here: serving and asking with them (`lab_runtime/tls.py`).
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import psutil

from control_plane.settings import ROOT, Settings, command_environ
from lab_runtime.env import Env
from lab_runtime.guards import WILDCARDS
from lab_runtime.tls import TlsFiles
from metrics_core.errors import LabError

VALID_FOR: Final = timedelta(days=397)  # browsers take no longer one
MOST_NAMES: Final = 100
_OWNER_ONLY: Final = 0o600
_ORGANIZATION: Final = "metrics-ingestion-lab"


def make_certificates(settings: Settings) -> TlsFiles:
    """Make the CA where there is none, and a certificate for this start.

    Raises:
        LabError: The files cannot be written, or those that are there cannot be read.
    """
    import trustme  # 0.1 s, only where it is needed

    files = TlsFiles.under(settings.state_dir)
    key_file = ca_key(files)
    try:
        files.ca.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if files.ca.is_file() and key_file.is_file():
            ca = trustme.CA.from_pem(files.ca.read_bytes(), key_file.read_bytes())
        else:
            ca = trustme.CA(organization_name=_ORGANIZATION, organization_unit_name="development CA")
            _write(key_file, ca.private_key_pem.bytes(), _OWNER_ONLY)
            _write(files.ca, ca.cert_pem.bytes(), 0o644)
        now = datetime.now(UTC)
        certificate = ca.issue_cert(
            *names_of(settings),
            organization_name=_ORGANIZATION,
            organization_unit_name="the lab",
            not_before=now - timedelta(days=1),
            not_after=now + VALID_FOR,
        )
        _write(files.key, certificate.private_key_pem.bytes(), _OWNER_ONLY)
        _write(files.certificate, b"".join(part.bytes() for part in certificate.cert_chain_pems), 0o644)
    except (OSError, ValueError) as error:
        raise LabError(
            f"--tls: {files.ca.parent}: {error}; remove that folder to have a new CA (browsers must import it again)"
        ) from None
    return files


def ca_key(files: TlsFiles) -> Path:
    """Where the CA's private key is."""
    return files.ca.with_name("ca-key.pem")


def names_of(settings: Settings) -> list[str]:
    """What the certificate is valid for: every name and number that clients may call this lab by."""
    names = ["localhost", "127.0.0.1", "::1", socket.gethostname(), *settings.hostnames]
    if settings.host not in WILDCARDS:
        names.append(settings.host)
    names += own_addresses()
    return [name for name in dict.fromkeys(names) if _fits(name)][:MOST_NAMES]


def own_addresses() -> list[str]:
    """The numeric addresses of this machine that others could reach it by."""
    found = (address.address for card in psutil.net_if_addrs().values() for address in card)
    usable = []
    for text in found:
        try:
            number = ip_address(text)  # link-local ones come with `%card`, and mean nothing elsewhere
        except ValueError:
            continue
        if not (number.is_loopback or number.is_link_local):
            usable.append(text)
    return usable


def trusted() -> ssl.SSLContext:
    """What a client of this folder's lab (and of its `check`) checks servers with: their CAs and no other."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    state_dir = ROOT / Env(command_environ()).text("LAB_STATE_DIR")
    for folder in (state_dir, state_dir / "check"):
        files = TlsFiles.under(folder)
        if files.ca.is_file():
            try:
                context.load_verify_locations(files.ca)
            except (OSError, ssl.SSLError) as error:
                raise LabError(f"{files.ca} cannot be used ({error.strerror or error})") from None
    return context


def trusted_for(url: str) -> ssl.SSLContext | None:
    """The same for one WebSocket URL; None where it is not `wss:`."""
    return trusted() if url.startswith("wss:") else None


def refuse_tls(urls: Iterable[str], command: str) -> None:
    """For a command that speaks no TLS.

    Raises:
        LabError: One of the URLs is a TLS one.
    """
    if any(url.startswith(("https:", "wss:")) for url in urls):
        raise LabError(
            f"{command} speaks no TLS, and the lab here runs with --tls: start it without, or measure with --own"
        )


def _write(path: Path, content: bytes, mode: int) -> None:
    """Write whole or not at all; never readable by others for a moment."""
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
    new.replace(path)


def _fits(name: str) -> bool:
    """Whether a certificate can carry it: a number, or a name of letters, digits, `-` and dots."""
    try:
        ip_address(name)
    except ValueError:
        return bool(name) and name.isascii() and name.replace("-", "").replace(".", "").isalnum()
    return True
