"""The development CA and the lab's certificate: who they are for, who can read them, what stays over starts."""

from __future__ import annotations

import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from control_plane.settings import Settings
from control_plane.tls import ca_key, make_certificates, names_of, refuse_tls, trusted, trusted_for
from lab_runtime.env import Env
from lab_runtime.tls import TlsFiles, client_context, server_context
from metrics_core.errors import ConfigError, LabError


def settings_in(folder: Path, **environ: str) -> Settings:
    return Settings.from_environ({"LAB_STATE_DIR": str(folder), "LAB_TLS": "on", **environ})


def names_in(files: TlsFiles) -> set[str]:
    certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(name.value) for name in names}


def test_the_certificate_is_for_this_machine(tmp_path: Path) -> None:
    files = make_certificates(settings_in(tmp_path, LAB_HOST="10.0.0.5", LAB_HOSTNAMES="lab.example"))
    assert names_in(files) >= {"localhost", "127.0.0.1", "::1", "10.0.0.5", "lab.example"}
    certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    lasts = certificate.not_valid_after_utc - datetime.now(UTC)
    assert timedelta(days=300) < lasts < timedelta(days=398), "browsers refuse longer ones"


def test_a_wildcard_is_no_name(tmp_path: Path) -> None:
    names = names_of(settings_in(tmp_path, LAB_HOST="0.0.0.0"))
    assert "0.0.0.0" not in names
    assert len(names) == len(set(names))
    assert not [name for name in names if "%" in name]


def test_keys_are_readable_by_their_owner_alone(tmp_path: Path) -> None:
    files = make_certificates(settings_in(tmp_path))
    for key in (files.key, ca_key(files)):
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE(files.ca.parent.stat().st_mode) == 0o700


def test_the_ca_stays_and_the_certificate_is_new(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    files = make_certificates(settings)
    ca, certificate = files.ca.read_bytes(), files.certificate.read_bytes()
    files = make_certificates(settings)
    assert files.ca.read_bytes() == ca
    assert files.certificate.read_bytes() != certificate


def test_a_broken_ca_is_told_with_what_to_do(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    files = make_certificates(settings)
    files.ca.write_text("not a certificate")
    with pytest.raises(LabError, match=r"--tls: .*remove that folder"):
        make_certificates(settings)


def test_servers_and_clients_of_one_lab_fit_together(tmp_path: Path) -> None:
    files = make_certificates(settings_in(tmp_path))
    server, client = server_context(files), client_context(files)
    assert server
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    hello = client.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    answer = server.wrap_bio(outgoing, incoming, server_side=True)
    done: set[ssl.SSLObject] = set()
    for _ in range(10):
        for side in (hello, answer):
            try:
                side.do_handshake()
                done.add(side)
            except ssl.SSLWantReadError:
                continue
    assert done == {hello, answer}


def test_clients_trust_the_labs_ca_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = make_certificates(settings_in(tmp_path))
    monkeypatch.setenv("LAB_STATE_DIR", str(tmp_path))
    for context in (client_context(files), trusted()):
        (only,) = context.get_ca_certs()
        assert (("organizationName", "metrics-ingestion-lab"),) in only["subject"]
        assert context.verify_mode == ssl.CERT_REQUIRED
        assert context.check_hostname
    monkeypatch.setenv("LAB_STATE_DIR", str(tmp_path / "empty"))
    assert trusted().get_ca_certs() == []
    assert trusted_for("ws://127.0.0.1:1/") is None
    assert trusted_for("wss://127.0.0.1:1/") is not None


def test_where_tls_is_off_nothing_is_read(tmp_path: Path) -> None:
    assert TlsFiles.from_env(Env({"LAB_STATE_DIR": str(tmp_path)})) is None
    assert server_context(None) is None
    assert client_context(None).get_ca_certs() == []


def test_missing_and_broken_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"LAB_TLS=on: .*ca\.pem is missing"):
        TlsFiles.from_env(Env({"LAB_TLS": "on", "LAB_STATE_DIR": str(tmp_path)}))
    files = make_certificates(settings_in(tmp_path))
    assert TlsFiles.from_env(Env({"LAB_TLS": "on", "LAB_STATE_DIR": str(tmp_path)})) == files
    files.key.write_text("no key")
    files.ca.write_text("no certificate")
    with pytest.raises(ConfigError, match="cannot be used"):
        files.server_context()
    with pytest.raises(ConfigError, match="cannot be used"):
        client_context(files)


def test_every_url_of_a_lab_with_tls_says_so(tmp_path: Path) -> None:
    urls = settings_in(tmp_path).urls
    assert {url.partition("://")[0] for url in urls.values()} == {"https", "wss"}
    env = Env({"LAB_TLS": "on"})
    assert env.url("LAB_INGEST_URL", "http", 1) == "https://127.0.0.1:8766"
    assert env.url("LAB_PIPELINE_B_URL", "ws", 3) == "wss://127.0.0.1:8768"
    with pytest.raises(LabError, match="load speaks no TLS"):
        refuse_tls(urls.values(), "load")
    refuse_tls(["http://127.0.0.1:1", "ws://127.0.0.1:1"], "load")
