"""Who may read /metrics: everybody on this machine, or who has the token; nobody who was led here by another name."""

import http.client
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cjstream import settings
from cjstream.errors import ConfigError
from cjstream.metrics import Metrics
from cjstream.ops import OpsServer, access, read_token
from cjstream.ops.access import Access
from cjstream.settings import Secret

TOKEN = "sesame-0123456789-and-more"


@contextmanager
def serving(token: str | None, host: str = "127.0.0.1") -> Iterator[int]:
    server = OpsServer(Metrics(), lambda: (True, ""), lambda: (True, ""), host, 0)
    port = server.start(None if token is None else Secret(token))
    try:
        yield port
    finally:
        server.stop()


def ask(port: int, path: str, method: str = "GET", **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


def test_with_a_token_metrics_are_for_those_who_send_it_and_health_is_for_all() -> None:
    with serving(TOKEN) as port:
        assert ask(port, "/metrics", Authorization=f"Bearer {TOKEN}")[0].status == 200
        assert ask(port, "/metrics", Authorization=f"bearer  {TOKEN} ")[0].status == 200
        assert ask(port, "/livez")[0].status == ask(port, "/readyz")[0].status == 200


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN} x",
     "Bearer \xff\xfe", f"Bearer Bearer {TOKEN}"],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_without_it_there_is_nothing_but_how_to_send_it(authorization: str, method: str) -> None:
    with serving(TOKEN) as port:
        response, body = ask(port, "/metrics?x=1", method, Authorization=authorization)
    assert response.status == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert TOKEN.encode() not in body
    assert b"cjstream_" not in body


def test_no_token_is_asked_for_unless_there_is_one() -> None:
    with serving(None) as port:
        assert ask(port, "/metrics")[0].status == 200
        assert ask(port, "/metrics", Authorization="Bearer whatever")[0].status == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LocalHost:9464", 200),
        ("127.0.0.1:9464", 200),
        ("[::1]:9464", 200),
        ("[::1]", 200),
        ("10.0.0.7", 200),
        ("rebound.example", 421),
        ("rebound.example:9464", 421),
        ("127.0.0.1.rebound.example:80", 421),
        ("localhost.rebound.example", 421),
        ("localhost:x", 421),
        ("\xff", 421),
    ],
)
@pytest.mark.parametrize("path", ["/metrics", "/readyz"])
def test_on_loopback_a_name_of_somebody_else_is_refused(host: str, status: int, path: str) -> None:
    with serving(None) as port:
        assert ask(port, path, Host=host)[0].status == status


def test_any_name_will_do_for_who_has_a_token_and_where_it_is_open_to_others() -> None:
    with serving(TOKEN) as port:
        answer, _ = ask(port, "/metrics", Host="app-1.example", Authorization=f"Bearer {TOKEN}")
        assert answer.status == 200
    with serving(None, "0.0.0.0") as port:
        assert ask(port, "/metrics", Host="app-1.example")[0].status == 200


def test_a_request_without_a_host_is_answered() -> None:
    with serving(None) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.putrequest("GET", "/livez", skip_host=True)
        connection.endheaders()
        assert connection.getresponse().status == 200
        connection.close()


@pytest.mark.parametrize("host", ["0.0.0.0", "127.0.0.1"])
@pytest.mark.parametrize("token", [None, TOKEN])
def test_it_says_so_when_everybody_may_read(host: str, token: str | None, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), serving(token, host):
        pass
    expected = host == "0.0.0.0" and token is None
    assert caplog.text.count("anybody who can reach 0.0.0.0 may read /metrics") == expected
    assert TOKEN not in caplog.text


def test_the_token_is_read_from_its_file(tmp_path: Path) -> None:
    assert read_token(settings.load({})) is None
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    token = read_token(settings.load({}, metrics_token_file=str(file)))
    assert token is not None
    assert Access("127.0.0.1", token).may_read(f"Bearer {TOKEN}")
    assert TOKEN not in repr(Access("127.0.0.1", token))


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"two words", b"two\nlines\n", "schlüssel".encode(), b"\xff\xfe", None]
)
def test_a_token_that_nobody_could_send_is_a_config_error_without_it(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=access.TOKEN) as caught:
        read_token(settings.load({}, metrics_token_file=str(file)))
    assert "two" not in str(caught.value)
