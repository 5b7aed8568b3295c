"""TLS as every process of the lab uses it (`LAB_TLS=on`): which files, and the contexts of servers and clients.

Clients inside the lab trust the lab's own development CA and no other: a certificate of some public CA for the name
`localhost` would not do. Where TLS is off a client's context trusts nothing.

Not here: making the CA and the certificate (`control_plane/tls.py`).
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lab_runtime.env import Env
from metrics_core.errors import ConfigError

_ROOT: Final = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Where the CA's certificate, the lab's certificate and its private key are."""

    ca: Path
    certificate: Path
    key: Path

    @classmethod
    def under(cls, state_dir: Path) -> TlsFiles:
        """Their places in a state folder."""
        folder = state_dir / "tls"
        return cls(folder / "ca.pem", folder / "lab.pem", folder / "lab-key.pem")

    @classmethod
    def from_env(cls, env: Env) -> TlsFiles | None:
        """Their places; None where TLS is off.

        Raises:
            ConfigError: TLS is on, and the CA is not there.
        """
        if not env.switch("LAB_TLS"):
            return None
        files = cls.under(_ROOT / env.text("LAB_STATE_DIR"))
        if not files.ca.is_file():
            raise ConfigError(f"LAB_TLS=on: {files.ca} is missing; `python3 lab.py up --tls` makes it")
        return files

    def server_context(self) -> ssl.SSLContext:
        """What a server speaks TLS with.

        Raises:
            ConfigError: The certificate or its key cannot be read.
        """
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        try:
            context.load_cert_chain(self.certificate, self.key)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(
                f"LAB_TLS=on: {self.certificate} cannot be used ({error.strerror or error})"
            ) from None
        return context


def server_context(files: TlsFiles | None) -> ssl.SSLContext | None:
    """What a server speaks TLS with; None: it does not."""
    return files.server_context() if files else None


def client_context(files: TlsFiles | None) -> ssl.SSLContext:
    """What a client inside the lab checks servers with: the lab's CA, or nothing where TLS is off.

    Raises:
        ConfigError: The CA's certificate cannot be read.
    """
    if files is None:  # a bare context: reading the system's certificates would cost 5 MB
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        return ssl.create_default_context(cafile=files.ca)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"LAB_TLS=on: {files.ca} cannot be used ({error.strerror or error})") from None
