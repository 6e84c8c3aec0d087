"""ClickHouse's HTTP interface, as curl and real clients use it. What is expected is what ClickHouse documents."""

from __future__ import annotations

import base64
import gzip
import http.client
import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import clickhouse_connect
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from argus_otel.serve.compression import compress_blocks, decompress_blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from clickhouse_connect.driver import Client


BUCKETS = (
    "SELECT toStartOfInterval(now(), INTERVAL 60 second) AS time, quantileExactIf(0.5)(cost_usd, cost_usd > 0) AS p"
    " FROM argus.sessions WHERE now() >= toDateTime(0) GROUP BY time"
)


def ask(
    address: str,
    query: str = "",
    *,
    method: str = "GET",
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
    **fields: str,
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(address, timeout=60)
    try:
        text = urlencode({**({"query": query} if query else {}), **fields})
        connection.request(method, f"/?{text}", body, headers or {})
        response = connection.getresponse()
        return response.status, {key.lower(): value for key, value in response.getheaders()}, response.read()
    finally:
        connection.close()


@pytest.fixture
def client(endpoint: str) -> Iterator[Client]:
    host, _, port = endpoint.partition(":")
    made = clickhouse_connect.get_client(host=host, port=int(port), autogenerate_session_id=False)
    yield made
    made.close()


def test_a_query_in_the_url_the_body_or_both(endpoint: str) -> None:
    assert ask(endpoint, "SELECT 1")[::2] == (200, b"1\n")
    assert ask(endpoint, method="POST", body=b"SELECT 1")[2] == b"1\n"
    assert ask(endpoint, "SELECT", method="POST", body=b"1")[2] == b"1\n"
    assert (
        ask(endpoint, method="POST", body=gzip.compress(b"SELECT 1"), headers={"Content-Encoding": "gzip"})[2] == b"1\n"
    )
    assert ask(endpoint, "SELECT 1", method="HEAD")[::2] == (200, b"")


def test_ping_and_the_bare_address(endpoint: str) -> None:
    assert ask(endpoint)[2] == b"Ok.\n"
    connection = http.client.HTTPConnection(endpoint)
    for path in ("/ping", "/replicas_status"):
        connection.request("GET", path)
        assert connection.getresponse().read() == b"Ok.\n"
    connection.close()


def test_formats(endpoint: str) -> None:
    assert json.loads(ask(endpoint, "SELECT 1 AS a FORMAT JSON")[2])["data"] == [{"a": 1}]
    assert ask(endpoint, "SELECT 1 AS a", default_format="JSONEachRow")[2] == b'{"a":1}\n'
    assert ask(endpoint, "SELECT 1 AS a", headers={"X-ClickHouse-Format": "CSVWithNames"})[2] == b'"a"\n1\n'
    status, headers, body = ask(endpoint, "SELECT number FROM numbers(200000) FORMAT JSON")
    assert (status, headers["content-type"]) == (200, "application/json; charset=UTF-8")
    assert len(json.loads(body)["data"]) == 200_000, "one document, however large"


def test_parameters_are_values_never_sql(endpoint: str) -> None:
    text = 'it\'s \\ "quoted"; DROP'
    assert (
        ask(endpoint, "SELECT {text:String}, {n:UInt8} + 1", param_text=text.replace("\\", "\\\\"), param_n="4")[
            2
        ].decode()
        == 'it\\\'s \\\\ "quoted"; DROP\t5\n'
    )
    assert ask(endpoint, "SELECT {n:UInt8}", param_n="1 UNION ALL SELECT 2")[0] != 200
    assert ask(endpoint, "SELECT {missing:UInt8}")[1]["x-clickhouse-exception-code"] == "456"


def test_parameters_as_a_form(endpoint: str) -> None:
    """As clickhouse-connect sends them when they would make a long address."""
    fields = {"query": "SELECT {text:String}", "param_text": "x" * 9000}
    parts = [
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields.items()
    ]
    body = ("".join(parts) + "--b--\r\n").encode()
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    assert ask(endpoint, method="POST", body=body, headers=headers)[2] == b"x" * 9000 + b"\n"


def test_the_database_of_a_query(endpoint: str) -> None:
    assert ask(endpoint, "SELECT count() FROM sessions", database="argus")[2] == b"2\n"
    assert ask(endpoint, "SELECT count() FROM sessions", headers={"X-ClickHouse-Database": "argus"})[2] == b"2\n"
    assert ask(endpoint, "SELECT 1", database="system")[1]["x-clickhouse-exception-code"] == "81"


def test_headers_that_clients_read(endpoint: str) -> None:
    _, headers, _ = ask(endpoint, "SELECT count() FROM argus.sessions FORMAT JSON", query_id="q-1")
    assert headers["x-clickhouse-query-id"] == "q-1"
    assert headers["x-clickhouse-format"] == "JSON"
    assert headers["x-clickhouse-timezone"]
    assert set(json.loads(headers["x-clickhouse-summary"])) >= {"read_rows", "read_bytes", "elapsed_ns"}


@pytest.mark.parametrize(
    ("query", "code", "status"),
    [
        ("SELEC 1", 62, 400),
        ("SELECT nope", 47, 404),
        ("SELECT * FROM argus.nope", 60, 404),
        ("SELECT throwIf(1)", 395, 500),
        ("SELECT 1; SELECT 2", 62, 400),
    ],
)
def test_errors_are_clickhouses(endpoint: str, query: str, code: int, status: int) -> None:
    got, headers, body = ask(endpoint, query)
    assert (got, headers["x-clickhouse-exception-code"]) == (status, str(code))
    assert body.startswith(f"Code: {code}. DB::Exception: ".encode())
    assert body.count(b"DB::Exception") == 1


def test_an_error_in_the_middle_ends_the_stream_with_its_text(endpoint: str) -> None:
    status, _, body = ask(endpoint, "SELECT throwIf(number = 300000) FROM numbers(400000) FORMAT CSV")
    assert status in (200, 500)
    assert b"Code: 395. DB::Exception: " in body[-600:]


def test_compression(endpoint: str) -> None:
    _, headers, body = ask(
        endpoint, "SELECT number FROM numbers(50000)", enable_http_compression="1", headers={"Accept-Encoding": "gzip"}
    )
    plain = "".join(f"{n}\n" for n in range(50_000)).encode()
    assert headers["content-encoding"] == "gzip"
    assert gzip.decompress(body) == plain
    assert decompress_blocks(ask(endpoint, "SELECT number FROM numbers(50000)", compress="1")[2]) == plain
    packed = b"".join(compress_blocks([b"SELECT 7"]))
    assert ask(endpoint, method="POST", body=packed, decompress="1")[2] == b"7\n"


def test_blocks_have_clickhouses_own_checksum() -> None:
    """A block as ClickHouse's native protocol carries it: CityHash 1.0.2 of header and data, little-endian."""
    [block] = compress_blocks([b"hello"])
    assert block[16:25] == bytes([0x82]) + (15).to_bytes(4, "little") + (5).to_bytes(4, "little")
    with pytest.raises(Exception, match="checksum"):
        decompress_blocks(bytes([block[0] ^ 1]) + block[1:])


def test_blocks_of_another_client_are_read() -> None:
    """What ch-go 0.74, the library below Grafana's data source, makes of 29 bytes."""
    written = "72115abbaee1c308ec8395776c6ee31f82240000001d0000006068656c6c6f200600000600000600b068656c6c6f2068656c6c6f"
    assert decompress_blocks(bytes.fromhex(written)) == b"hello hello hello hello hello"


def test_clickhouse_go_is_told_that_native_comes_without_a_protocol_version(endpoint: str) -> None:
    """Its first question, answered as a block of the protocol it names: block info, then per column one byte more."""
    question = "SELECT displayName(), version(), revision(), timezone()"
    body = ask(endpoint, question, default_format="Native", client_protocol_version="54460")[2]
    version = ask(endpoint, "SELECT version()")[2].strip()
    assert body.startswith(b"\x01\x00\x02\xff\xff\xff\xff\x00" + b"\x04\x01" + b"\x0ddisplayName()\x06String\x00")
    assert b"\x09version()\x06String\x00" + bytes([len(version)]) + version in body
    assert b"\x0arevision()\x06UInt32\x00" + bytes(4) in body
    assert (
        ask(endpoint, f"{question} FORMAT TSV", client_protocol_version="54460")[2].startswith(b"argus-otel\t") is False
    )
    plain = ask(endpoint, "SELECT 1", default_format="Native", client_protocol_version="54460")[2]
    assert plain == b"\x01\x01\x011\x05UInt8\x01"


def test_who_may_ask(endpoint: str, endpoint_with: Callable[..., Any]) -> None:
    assert ask(endpoint, "SELECT 1", user="default")[0] == 200
    assert ask(endpoint, "SELECT 1", user="admin")[1]["x-clickhouse-exception-code"] == "516"
    with endpoint_with(user="reader", password="right") as address:
        basic = {"Authorization": "Basic " + base64.b64encode(b"reader:right").decode()}
        assert ask(address, "SELECT 1", headers=basic)[0] == 200
        assert ask(address, "SELECT 1", headers={"X-ClickHouse-User": "reader", "X-ClickHouse-Key": "right"})[0] == 200
        assert ask(address, "SELECT 1", user="reader", password="right")[0] == 200
        for wrong in (
            {},
            {"user": "reader"},
            {"user": "reader", "password": "wrong"},
            {"user": "default", "password": "right"},
        ):
            assert ask(address, "SELECT 1", **wrong)[0] == 403


def test_clickhouse_connect_works(client: Client) -> None:
    assert client.query("SELECT session_id, cost_usd FROM argus.sessions ORDER BY 1").result_rows == [
        ("s1", 0.5),
        ("s2", 1.5),
    ]
    assert client.query(
        "SELECT cost_usd FROM argus.sessions WHERE session_id = {id:String}", parameters={"id": "s2"}
    ).result_rows == [(1.5,)]
    assert client.query(
        "SELECT cost_usd FROM argus.sessions WHERE session_id = %(id)s", parameters={"id": "s1"}
    ).result_rows == [(0.5,)]
    assert client.command("SELECT count() FROM argus.sessions") == 2
    with client.query_row_block_stream("SELECT number FROM numbers(300000)") as stream:
        assert sum(len(block) for block in stream) == 300_000
    with pytest.raises(DatabaseError) as caught:
        client.query("SELECT * FROM argus.nope")
    assert caught.value.code == 60


def test_what_grafanas_data_source_asks(endpoint: str) -> None:
    """clickhouse-go's handshake, and the data source's own questions."""
    for query in (
        "SELECT displayName(), version(), revision(), timezone()",
        "SELECT name FROM system.databases",
        "SELECT name FROM system.tables WHERE database = 'argus'",
        "SHOW TABLES FROM argus",
        "SHOW DATABASES",
        "DESC TABLE argus.sessions",
        "DESCRIBE TABLE `argus`.`sessions`",
        "SHOW CREATE TABLE argus.sessions",
        "EXISTS TABLE argus.sessions",
        "EXPLAIN PLAN indexes = 1 SELECT count() FROM argus.sessions",
        BUCKETS,
        "SELECT * FROM argus.costly(least = 1)",
        "WITH x AS (SELECT 1 AS a) SELECT arrayMap(v -> v + 1, [a]), a::String, CASE WHEN a THEN 1 END, a IN (1, 2) FROM x",
        "SELECT sum(cost_usd) OVER (PARTITION BY workspace ORDER BY session_id) FROM argus.sessions",
    ):
        status, _, body = ask(endpoint, f"{query} FORMAT Native", compress="1")
        assert status == 200, (query, body)
        decompress_blocks(body)


def test_many_at_once_wait_for_nobody(endpoint: str) -> None:
    """A load runs all the time beside; each answer is right."""
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: ask(endpoint, f"SELECT {n} + count() FROM argus.sessions")[2], range(8)))
    assert answers == [f"{n + 2}\n".encode() for n in range(8)]
