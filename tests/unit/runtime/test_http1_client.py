"""The lean client against servers that behave and misbehave."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from services.runtime.http1_client import Answer, Client
from services.runtime.ports import HOST
from services.runtime.proxies import proxy_to
from tests.wait import until

CHUNKED: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3\r\n\xea\xb0\x80\r\n5;x=1\r\nhello\r\n0\r\nTrailer: 1\r\n\r\n"
)
PLAIN: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """Answers every request with the same bytes, cut at `cut`, and remembers what it was asked."""

    def __init__(self, says: bytes, *, cut: int | None = None, closes: bool = False) -> None:
        self.says = says
        self.cut = cut
        self.closes = closes
        self.asked: list[bytes] = []
        self.connections = 0
        self.open = 0
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                size = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0] or 0)
                self.asked.append(head + await reader.readexactly(size))
                if self.cut is not None:
                    writer.write(self.says[: self.cut])
                    await writer.drain()
                    await asyncio.sleep(0)
                writer.write(self.says[self.cut or 0 :])
                await writer.drain()
                if self.closes:
                    break
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            self.open -= 1
            writer.close()


@asynccontextmanager
async def running(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[int]:
    server = await asyncio.start_server(serve, HOST, 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@asynccontextmanager
async def asking(server: Server, **headers: str) -> AsyncIterator[Client]:
    async with running(server.serve) as port:
        client = Client(f"http://{HOST}:{port}/v1", headers, connect_seconds=5)
        try:
            yield client
        finally:
            client.close()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


async def whole(answer: Answer) -> bytes:
    try:
        return await answer.read(1 << 20)
    finally:
        answer.close()


async def test_a_stream_is_the_same_wherever_its_bytes_are_cut() -> None:
    server = Server(CHUNKED)
    async with asking(server) as client:
        for server.cut in range(len(CHUNKED)):
            answer = await client.post("/v1/x", b"{}")
            assert answer.headers["content-type"] == "text/event-stream"
            assert await whole(answer) == "가hello".encode()
    assert server.connections == 1


async def test_a_request_carries_its_headers_and_its_body_whole() -> None:
    server = Server(PLAIN)
    async with asking(server, Authorization="Bearer key") as client:
        answer = await client.post("/v1/chat", b"b" * 300_000)
        assert (answer.status, await whole(answer)) == (200, b"ok")
    head, _, body = server.asked[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/chat HTTP/1.1\r\nhost: ")
    assert b"\r\nAuthorization: Bearer key\r\n" in head
    assert body == b"b" * 300_000


async def test_what_comes_between_two_reads_is_handed_over_in_one_piece() -> None:
    server = Server(CHUNKED, cut=CHUNKED.index(b"3\r\n"))
    async with asking(server) as client:
        answer = await client.post("/x", b"")
        assert await answer.some() == "가hello".encode()
        assert await answer.some() == b""
        answer.close()


async def test_an_answer_that_is_read_late_is_not_mixed_with_the_next() -> None:
    async with asking(Server(PLAIN)) as client:
        first = await client.post("/1", b"")
        second = await client.post("/2", b"")
        assert await whole(second) == b"ok"
        assert await whole(first) == b"ok"


async def test_two_at_a_time_have_a_connection_each_and_later_ones_use_those() -> None:
    server = Server(CHUNKED, cut=CHUNKED.index(b"0\r\nTrailer"))
    async with asking(server) as client:
        for _ in range(3):
            answers = await asyncio.gather(client.post("/1", b""), client.post("/2", b""))
            assert [await whole(answer) for answer in answers] == ["가hello".encode()] * 2
    assert server.connections == 2


@pytest.mark.parametrize("says", [PLAIN, b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok"])
async def test_a_server_that_closes_is_connected_to_anew(says: bytes) -> None:
    server = Server(says, closes=True)
    async with asking(server) as client:
        for _ in range(2):
            assert await whole(await client.post("/x", b"")) == b"ok"
            await until(lambda: client.connections == 0, what="the end of the connection")
    assert server.connections == 2


async def test_a_word_in_between_is_not_the_answer() -> None:
    async with asking(Server(b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\n" + PLAIN)) as client:
        answer = await client.post("/x", b"")
        assert (answer.status, answer.headers) == (200, {"content-length": "2"})
        assert await whole(answer) == b"ok"


@pytest.mark.parametrize(
    "says",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000,
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        CHUNKED[:-20],
        b"",
    ],
)
async def test_what_is_no_whole_answer_is_an_error(says: bytes) -> None:
    async with asking(Server(says, closes=True)) as client:
        with pytest.raises(OSError, match=r"closed|not HTTP|reset"):
            await whole(await client.post("/x", b""))


async def test_a_second_answer_that_nobody_asked_for_ends_the_connection() -> None:
    server = Server(PLAIN + PLAIN)
    async with asking(server) as client:
        for _ in range(2):
            assert await whole(await client.post("/x", b"")) == b"ok"
            await until(lambda: client.connections == 0, what="the end of the connection")
    assert server.connections == 2


async def test_an_answer_that_is_let_go_or_never_comes_is_cut() -> None:
    server = Server(CHUNKED[:-20])
    async with asking(server) as client:
        answer = await client.post("/x", b"")
        assert await answer.some()
        answer.close()
        await until(lambda: server.open == 0, what="the end of the stream")
        server.says = b""
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await client.post("/x", b"")
        await until(lambda: server.open == 0, what="the end of the call")


async def test_no_more_is_read_than_wanted() -> None:
    long = b"HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n" + b"x" * 5_000_000
    async with asking(Server(long)) as client:
        answer = await client.post("/x", b"")
        assert 1000 < len(await answer.read(1000)) < 2_000_000
        answer.close()


async def test_nobody_there_is_an_error() -> None:
    async with running(Server(b"").serve) as port:
        pass
    client = Client(f"http://{HOST}:{port}", {}, connect_seconds=5)
    with pytest.raises(OSError, match=r".") as caught:
        await client.post("/x", b"")
    assert not isinstance(caught.value, TimeoutError)


async def test_connections_that_were_idle_for_long_are_not_used_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = Server(PLAIN)
    async with asking(server) as client:
        answers = await asyncio.gather(client.post("/1", b""), client.post("/2", b""))
        assert [await whole(answer) for answer in answers] == [b"ok"] * 2
        monkeypatch.setattr("services.runtime.http1_client.IDLE_SECONDS", -1.0)
        assert await whole(await client.post("/3", b"")) == b"ok"
        await until(lambda: client.connections == 1, what="the end of the idle ones")
    assert server.connections == 3


@pytest.mark.parametrize("value", ["a\r\nx: y", "a\nb", "\0", "키"])
def test_a_header_stays_in_its_line(value: str) -> None:
    with pytest.raises(ValueError, match=r"control|latin"):
        Client("http://models.example", {"x": value}, connect_seconds=1)


@pytest.mark.parametrize("url", ["ftp://models.example", "models.example", "http://"])
def test_only_a_server_of_http_can_be_asked(url: str) -> None:
    with pytest.raises(ValueError, match="address"):
        Client(url, {}, connect_seconds=1)


# -- proxies ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environ", "url", "proxy"),
    [
        ({}, "https://api.example/v1", None),
        ({"https_proxy": "http://u:p@proxy:1"}, "https://api.example/v1", "http://u:p@proxy:1"),
        ({"https_proxy": "proxy:3128"}, "https://api.example/v1", "http://proxy:3128"),
        ({"https_proxy": "http://proxy:3128"}, "http://10.0.0.1/v1", None),
        ({"https_proxy": "http://proxy", "no_proxy": "example"}, "https://api.example", None),
    ],
)
def test_the_proxy_is_the_one_of_the_environment(
    environ: dict[str, str], url: str, proxy: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    found = proxy_to(urlsplit(url))
    assert (found.geturl() if found else None) == proxy


def test_a_proxy_of_another_kind_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "socks5://proxy:1080")
    with pytest.raises(ValueError, match="socks5"):
        proxy_to(urlsplit("https://api.example"))


async def test_a_proxy_is_asked_for_the_whole_address(monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = Server(PLAIN)
    async with running(proxy.serve) as port:
        monkeypatch.setenv("http_proxy", f"http://us%65r:p%40ss@{HOST}:{port}")
        client = Client("http://models.example:81/v1", {}, connect_seconds=5)
        assert await whole(await client.post("/v1/x", b"")) == b"ok"
        client.close()
    assert proxy.asked[0].startswith(
        b"POST http://models.example:81/v1/x HTTP/1.1\r\nhost: models.example:81\r\n"
    )
    assert b"\r\nproxy-authorization: Basic dXNlcjpwQHNz\r\n" in proxy.asked[0]


@pytest.mark.parametrize("opens", [True, False])
async def test_a_proxy_opens_a_tunnel_to_a_server_with_tls(
    opens: bool, tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, wanted = Server(CHUNKED), []

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)
        writer.close()

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wanted.append((await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")[0])
        if not opens:
            writer.write(b"HTTP/1.1 407 Who are you?\r\nContent-Length: 0\r\n\r\n")
            return
        there, back = await asyncio.open_connection(HOST, port)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(pump(reader, back), pump(there, writer))

    async with running(server.serve, tls) as port, running(proxy) as proxy_port:
        monkeypatch.setenv("https_proxy", f"http://{HOST}:{proxy_port}")
        client = Client("https://localhost:8/v1", {}, connect_seconds=5)
        if opens:
            for _ in range(2):
                assert await whole(await client.post("/v1/x", b"")) == "가hello".encode()
            assert server.connections == 1
        else:
            with pytest.raises(OSError, match="proxy"):
                await client.post("/v1/x", b"")
        client.close()
    assert wanted == [b"CONNECT localhost:8 HTTP/1.1"]


# -- TLS ----------------------------------------------------------------------------------------


async def test_a_server_with_tls_is_verified(tls: ssl.SSLContext) -> None:
    server = Server(PLAIN)
    async with running(server.serve, tls) as port:
        client = Client(f"https://localhost:{port}", {}, connect_seconds=5)
        assert await whole(await client.post("/x", b"")) == b"ok"
        stranger = Client(f"https://{HOST}:{port}", {}, connect_seconds=5)
        with pytest.raises(OSError, match=r"(?i)certificate"):
            await stranger.post("/x", b"")
        client.close()
        stranger.close()


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A server's side for ``localhost``, whose certificate is trusted."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    chain, secret = tmp_path / "cert.pem", tmp_path / "key.pem"
    chain.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    monkeypatch.setenv("SSL_CERT_FILE", str(chain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, secret)
    return context
