from __future__ import annotations

import asyncio
import os
import ssl
from pathlib import Path
from typing import Any

import aiohttp
import bcrypt
import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from sunhelm.configuration.mistakes import ConfigurationError
from sunhelm.service.webconfig_file import WebConfigFile, load_web_config

HASH = bcrypt.hashpw(b"right", bcrypt.gensalt(4)).decode()
TLS = "tls_server_config: {cert_file: server.crt, key_file: server.key}\n"
MUTUAL = (
    "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n  client_ca_file: ca.crt\n"
    "  client_auth_type: RequireAndVerifyClientCert\n"
)


def write(folder: Path, content: str) -> Path:
    """Write the web configuration so that it counts as changed, however coarse the clock of the disk is."""
    path = folder / "web.yml"
    path.write_text(content)
    touch(path)
    return path


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": aiohttp.encode_basic_auth(user, password)}


def touch(path: Path) -> None:
    touch.now += 1_000_000_000
    os.utime(path, ns=(touch.now, touch.now))


touch.now = 1_000_000_000_000


def said(path: Path) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load_web_config(path)
    return [str(mistake).replace(f"{path.parent}/", "") for mistake in caught.value.mistakes]


def examples() -> list[tuple[str, str]]:
    """The pairs of a file: what is written, and after "=>" what is said about it."""
    _, *blocks = Path(__file__).with_name("webconfig_mistakes.txt").read_text().rstrip().split("\n\n")
    return [(written, said) for written, _, said in (block.rpartition("\n=> ") for block in blocks)]


@pytest.mark.parametrize(("content", "mistake"), examples())
def test_what_is_wrong_or_not_supported_is_refused_by_name(
    certificates: Path, stranger: trustme.CA, content: str, mistake: str
) -> None:
    stranger.issue_cert("localhost").private_key_pem.write_to_path(certificates / "other.key")
    encrypt(certificates / "server.key", certificates / "locked.key")
    assert said(write(certificates, content))[0] == f"web.yml:{mistake}"


def encrypt(key: Path, to: Path) -> None:
    loaded = serialization.load_pem_private_key(key.read_bytes(), None)
    to.write_bytes(
        loaded.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"pass phrase"),
        )
    )


def test_every_mistake_is_found_at_once(certificates: Path) -> None:
    content = (
        "rate_limit: {burst: 1}\nhttp_server_config: {http2: true}\nbasic_auth_users: {a: b}\nx: 1\n" + TLS
    )
    assert len(said(write(certificates, content))) == 4


def test_the_headers_that_are_given_take_the_place_of_ours(certificates: Path) -> None:
    headers = "{X-Frame-Options: sameorigin, X-XSS-Protection: ''}"
    config = load_web_config(write(certificates, f"http_server_config: {{http2: false, headers: {headers}}}"))
    assert config.headers == {"X-Frame-Options": "sameorigin"}


async def test_tls_is_served_and_plain_http_is_not(
    certificates: Path, serve: Any, client: aiohttp.ClientSession, trusting: Any
) -> None:
    url = await serve(WebConfigFile(write(certificates, TLS)))
    assert url.startswith("https://")
    async with client.get(f"{url}/hello", ssl=trusting()) as answer:
        assert await answer.text() == "hello"
    with pytest.raises(aiohttp.ClientError):
        await client.get(f"{url}/hello", ssl=ssl.create_default_context())
    with pytest.raises(aiohttp.ClientError):
        await client.get(url.replace("https", "http"))


@pytest.mark.parametrize(
    ("limits", "version", "ok"),
    [
        ("", ssl.TLSVersion.TLSv1_2, True),
        ("  min_version: TLS13\n", ssl.TLSVersion.TLSv1_2, False),
        ("  max_version: TLS12\n", ssl.TLSVersion.TLSv1_3, False),
        ("  max_version: TLS12\n", ssl.TLSVersion.TLSv1_2, True),
    ],
)
async def test_the_versions_of_tls_are_limited(
    *, certificates: Path, serve: Any, trusting: Any, limits: str, version: ssl.TLSVersion, ok: bool
) -> None:
    content = f"tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n{limits}"
    url = await serve(WebConfigFile(write(certificates, content)))
    context = trusting()
    context.minimum_version = context.maximum_version = version
    try:
        await serial_number(url, context)
    except (ssl.SSLError, ConnectionError):
        assert not ok
    else:
        assert ok


async def test_only_the_cipher_suites_that_are_given_are_spoken(
    certificates: Path, serve: Any, trusting: Any
) -> None:
    suite = "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"
    content = (
        "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n  max_version: TLS12\n"
        f"  prefer_server_cipher_suites: false\n  cipher_suites: [TLS_AES_128_GCM_SHA256, {suite}]\n"
    )
    url = await serve(WebConfigFile(write(certificates, content)))
    port = int(url.rpartition(":")[2])
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting())
    assert writer.get_extra_info("cipher")[0] == "ECDHE-ECDSA-CHACHA20-POLY1305"
    writer.close()
    await writer.wait_closed()


async def test_certificate_and_keys_may_stand_in_the_file_itself(
    certificates: Path, serve: Any, client: aiohttp.ClientSession, trusting: Any, authority: trustme.CA
) -> None:
    def block(name: str, file: str) -> str:
        lines = (certificates / file).read_text().splitlines()
        return f"  {name}: |\n" + "".join(f"    {line}\n" for line in lines)

    content = "tls_server_config:\n  client_auth_type: RequireAndVerifyClientCert\n"
    content += block("cert", "server.crt") + block("key", "server.key") + block("client_ca", "ca.crt")
    url = await serve(WebConfigFile(write(certificates, content)))
    async with client.get(f"{url}/hello", ssl=trusting(authority.issue_cert("me"))) as answer:
        assert answer.status == 200


async def test_a_client_must_show_a_certificate_of_the_authority(
    *,
    certificates: Path,
    serve: Any,
    client: aiohttp.ClientSession,
    trusting: Any,
    authority: trustme.CA,
    stranger: trustme.CA,
) -> None:
    url = await serve(WebConfigFile(write(certificates, MUTUAL)))
    async with client.get(f"{url}/hello", ssl=trusting(authority.issue_cert("prometheus"))) as answer:
        assert answer.status == 200
    for certificate in (None, stranger.issue_cert("prometheus")):
        with pytest.raises((aiohttp.ClientError, ConnectionError)):
            await client.get(f"{url}/hello", ssl=trusting(certificate))


async def test_only_names_that_are_allowed_enter(
    certificates: Path, serve: Any, client: aiohttp.ClientSession, trusting: Any, authority: trustme.CA
) -> None:
    content = MUTUAL + "  client_allowed_sans: [prometheus.lan, 192.0.2.1]\n"
    url = await serve(WebConfigFile(write(certificates, content)))
    for name, status in (("prometheus.lan", 200), ("192.0.2.1", 200), ("other.lan", 403)):
        async with client.get(f"{url}/hello", ssl=trusting(authority.issue_cert(name))) as answer:
            assert answer.status == status


async def test_a_certificate_may_be_left_out_when_it_is_only_verified_if_given(
    certificates: Path, serve: Any, client: aiohttp.ClientSession, trusting: Any, stranger: trustme.CA
) -> None:
    content = MUTUAL.replace("RequireAndVerifyClientCert", "VerifyClientCertIfGiven")
    url = await serve(WebConfigFile(write(certificates, content)))
    async with client.get(f"{url}/hello", ssl=trusting()) as answer:
        assert answer.status == 200
    with pytest.raises((aiohttp.ClientError, ConnectionError)):
        await client.get(f"{url}/hello", ssl=trusting(stranger.issue_cert("x")))


async def test_a_rotated_certificate_is_shown_at_the_next_connection(
    certificates: Path, serve: Any, trusting: Any, authority: trustme.CA
) -> None:
    url = await serve(WebConfigFile(write(certificates, TLS)))
    first = await serial_number(url, trusting())
    assert await serial_number(url, trusting()) == first
    renewed = authority.issue_cert("127.0.0.1")
    renewed.private_key_pem.write_to_path(certificates / "server.key")
    touch(certificates / "server.key")
    with capture_logs() as logs:
        assert await serial_number(url, trusting()) == first, "half a rotation locks nobody out"
        assert await serial_number(url, trusting()) == first
    assert [line["event"] for line in logs] == ["web_config_refused"]
    assert "key_file: does not belong to the certificate" in logs[0]["mistake"]
    renewed.cert_chain_pems[0].write_to_path(certificates / "server.crt")
    touch(certificates / "server.crt")
    with capture_logs() as logs:
        assert await serial_number(url, trusting()) != first
    assert [line["event"] for line in logs] == ["web_config_changed"]


async def serial_number(url: str, context: ssl.SSLContext) -> str:
    _, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]), ssl=context)
    number: str = writer.get_extra_info("peercert")["serialNumber"]
    writer.close()
    await writer.wait_closed()
    return number


async def test_a_client_certificate_can_be_asked_for_without_a_restart(
    certificates: Path, serve: Any, client: aiohttp.ClientSession, trusting: Any
) -> None:
    url = await serve(WebConfigFile(write(certificates, TLS)))
    async with client.get(f"{url}/hello", ssl=trusting()) as answer:
        assert answer.status == 200
    write(certificates, MUTUAL)
    with pytest.raises((aiohttp.ClientError, ConnectionError)):
        await client.get(f"{url}/hello", ssl=trusting())


async def test_tls_cannot_be_taken_away_from_a_running_server(
    certificates: Path, serve: Any, client: aiohttp.ClientSession, trusting: Any
) -> None:
    url = await serve(WebConfigFile(write(certificates, TLS)))
    write(certificates, "basic_auth_users: {}\n")
    with capture_logs() as logs:
        async with client.get(f"{url}/hello", ssl=trusting()) as answer:
            assert answer.status == 200
    assert "can be added or taken away by a restart only" in logs[0]["mistake"]


async def test_users_enter_with_their_password_only(
    certificates: Path, serve: Any, client: aiohttp.ClientSession
) -> None:
    url = await serve(WebConfigFile(write(certificates, f"basic_auth_users: {{me: '{HASH}'}}\n")))
    entering = {None: 401, ("me", "right"): 200, ("me", "wrong"): 401, ("me", ""): 401, ("you", "right"): 401}
    for _ in range(2):
        for credentials, status in entering.items():
            auth = {} if credentials is None else basic(*credentials)
            for path in ("/hello", "/-/healthy", "/none"):
                async with client.get(f"{url}{path}", headers=auth) as answer:
                    assert answer.status == (404 if status == 200 and path == "/none" else status)
                    if status == 401:
                        assert answer.headers["WWW-Authenticate"].startswith("Basic realm=")


@pytest.mark.parametrize(
    "header",
    ["", "Basic", "Basic ", "Basic !!!", "Basic bWU=", "Bearer x", "Basic /////w==", "basic bWU6cmlnaHQ=x"],
)
async def test_a_header_that_is_no_password_is_refused(
    certificates: Path, serve: Any, client: aiohttp.ClientSession, header: str
) -> None:
    url = await serve(WebConfigFile(write(certificates, f"basic_auth_users: {{me: '{HASH}'}}\n")))
    async with client.get(f"{url}/hello", headers={"Authorization": header}) as answer:
        assert answer.status == 401


async def test_a_user_who_is_taken_away_does_not_enter_again(
    certificates: Path, serve: Any, client: aiohttp.ClientSession
) -> None:
    url = await serve(
        WebConfigFile(write(certificates, f"basic_auth_users: {{me: '{HASH}', you: '{HASH}'}}\n"))
    )
    auth = basic("me", "right")
    async with client.get(f"{url}/hello", headers=auth) as answer:
        assert answer.status == 200
    write(certificates, f"basic_auth_users: {{you: '{HASH}'}}\n")
    async with client.get(f"{url}/hello", headers=auth) as answer:
        assert answer.status == 401


async def test_a_file_that_became_wrong_lets_nobody_in_who_could_not_enter_before(
    certificates: Path, serve: Any, client: aiohttp.ClientSession
) -> None:
    path = write(certificates, f"basic_auth_users: {{me: '{HASH}'}}\n")
    url = await serve(WebConfigFile(path))
    for broken in ("", "basic_auth_users: {me: x}\n", "basic_auth_users: [\n"):
        write(certificates, broken)
        async with client.get(f"{url}/hello") as answer:
            assert answer.status == 401
    path.unlink()
    async with client.get(f"{url}/hello") as answer:
        assert answer.status == 401
    async with client.get(f"{url}/hello", headers=basic("me", "right")) as answer:
        assert answer.status == 200


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.binary(max_size=100), st.text(max_size=100).map(str.encode)))
def test_no_file_makes_anything_but_a_configuration_or_mistakes(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "web.yml"
    path.write_bytes(content)
    try:
        load_web_config(path)
    except ConfigurationError as error:
        lines = [len(str(mistake).splitlines()) for mistake in error.mistakes]
        assert set(lines) == {1}
