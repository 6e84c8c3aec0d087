"""Each way in that is known, tried. All must be refused, and none may have an effect."""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from starlette.requests import Request
from test_serve_protocol import ask

from argus_otel.serve.endpoint import Endpoint, EndpointSettings
from argus_otel.serve.exceptions import QueryError
from argus_otel.serve.query import Login
from argus_otel.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SECRET = "the-secret-in-the-file"

ATTACKS = [
    # files and other machines, as table function, scalar function, in a subquery, in IN, in a join
    "SELECT * FROM file('{file}', 'LineAsString')",
    "SELECT * FROM FILE('{file}', LineAsString)",
    "SELECT file('{file}')",
    "SELECT fIlE('{file}')",
    "SELECT 1 WHERE 'x' IN (SELECT * FROM file('{file}', 'LineAsString'))",
    "SELECT 1 WHERE 'x' IN file('{file}')",
    "SELECT inIgnoreSet('x', other.secrets)",
    "SHOW COLUMNS FROM other.secrets",
    "SELECT * FROM argus.sessions JOIN file('{file}', 'LineAsString') AS f ON 1",
    "WITH f AS (SELECT * FROM file('{file}', 'LineAsString')) SELECT * FROM f",
    "SELECT (SELECT * FROM file('{file}', 'LineAsString'))",
    "SELECT * FROM (SELECT 1 UNION ALL SELECT * FROM file('{file}', 'LineAsString'))",
    "SELECT * FROM fileCluster('c', '{file}', 'LineAsString')",
    "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
    "SELECT * FROM s3('http://127.0.0.1:1/b/k', 'LineAsString')",
    "SELECT * FROM remote('127.0.0.1:1', system.one)",
    "SELECT * FROM remoteSecure('127.0.0.1:1', system.one)",
    "SELECT * FROM cluster('default', system.one)",
    "SELECT * FROM executable('id', TSV, 'a String')",
    "SELECT * FROM Python('x')",
    "SELECT * FROM python(x)",
    "SELECT * FROM mysql('127.0.0.1:1', 'd', 't', 'u', 'p')",
    "SELECT * FROM postgresql('127.0.0.1:1', 'd', 't', 'u', 'p')",
    "SELECT * FROM sqlite('{file}', 't')",
    "SELECT * FROM jdbc('a', 'b', 'c')",
    "SELECT * FROM input('a String')",
    "SELECT * FROM merge('other', '.*')",
    "SELECT * FROM merge('.*')",
    "SELECT * FROM viewIfPermitted(SELECT 1 ELSE null('a UInt8'))",
    "SELECT * FROM format(TSV, 'a String', 'x')",
    "SELECT * FROM loop(other.secrets)",
    "SELECT * FROM dictionary('d')",
    "SELECT * FROM mergeTreeIndex('other', 'secrets')",
    "DESCRIBE TABLE file('{file}', 'LineAsString')",
    "DESCRIBE file('{file}')",
    "EXPLAIN SELECT * FROM file('{file}', 'LineAsString')",
    "EXPLAIN AST SELECT * FROM argus.sessions INTO OUTFILE '{out}'",
    # other tables
    "SELECT * FROM other.secrets",
    "SELECT * FROM `other`.`secrets`",
    "SELECT 'x' IN other.secrets",
    "SELECT * FROM argus.sessions WHERE session_id IN (SELECT text FROM other.secrets)",
    "SHOW CREATE TABLE other.secrets",
    "EXISTS TABLE other.secrets",
    "DESCRIBE TABLE other.secrets",
    "SELECT * FROM system.users",
    "SELECT * FROM system.query_log",
    "SELECT * FROM system.processes",
    "SELECT * FROM system.parts",
    "SELECT * FROM system.server_settings",
    "SELECT 'x' IN system.users",
    "SELECT * FROM SYSTEM.users",
    # functions that tell or wait
    "SELECT dictGet('d', 'a', 1)",
    "SELECT joinGet('other.secrets', 'text', 'x')",
    "SELECT sleep(3)",
    "SELECT sleepEachRow(1) FROM numbers(3)",
    "SELECT getServerSetting('max_connections')",
    "SELECT getMacro('shard')",
    "SELECT hasColumnInTable('other', 'secrets', 'text')",
    "SELECT catboostEvaluate('{file}', 1)",
    "SELECT aiGenerate('x')",
    "SELECT * APPLY(file) FROM argus.sessions",
    "SELECT arrayMap(file, ['{file}'])",
    "SELECT arrayMap(x -> file(x), ['{file}'])",
    # writing
    "SELECT 1 INTO OUTFILE '{out}'",
    "SELECT 1 INTO OUTFILE '{out}' TRUNCATE FORMAT TSV",
    "INSERT INTO FUNCTION file('{out}', 'TSV', 'a String') VALUES ('x')",
    "INSERT INTO FUNCTION file('{out}', 'TSV', 'a String') SELECT 'x'",
    "INSERT INTO argus.sessions VALUES ('a', 'b', 1)",
    "CREATE TABLE argus.t (a UInt8) ENGINE = File(TSV, '{out}')",
    "CREATE TEMPORARY TABLE t (a UInt8)",
    "CREATE VIEW argus.v AS SELECT * FROM file('{file}')",
    "CREATE FUNCTION f AS x -> file(x)",
    "CREATE DATABASE d",
    "ALTER TABLE argus.sessions DELETE WHERE 1",
    "DELETE FROM argus.sessions WHERE 1",
    "UPDATE argus.sessions SET cost_usd = 0 WHERE 1",
    "TRUNCATE TABLE argus.sessions",
    "DROP TABLE argus.sessions",
    "DETACH TABLE argus.sessions",
    "RENAME TABLE argus.sessions TO argus.t",
    "OPTIMIZE TABLE argus.sessions",
    "BACKUP TABLE argus.sessions TO File('{out}')",
    "RESTORE TABLE argus.sessions FROM File('{out}')",
    # the engine itself
    "KILL QUERY WHERE 1",
    "SYSTEM SHUTDOWN",
    "SYSTEM FLUSH LOGS",
    "SYSTEM RELOAD CONFIG",
    "SET max_execution_time = 0",
    "SET readonly = 0",
    "USE other",
    "GRANT ALL ON *.* TO default",
    "CREATE USER u",
    "SHOW PROCESSLIST",
    "SHOW USERS",
    "SHOW GRANTS",
    "CHECK TABLE argus.sessions",
    "BEGIN TRANSACTION",
    "ATTACH TABLE argus.t FROM '{file}' (a String) ENGINE = File(TSV)",
    "EXECUTE AS u SELECT 1",
    # settings and statements that hide others
    "SELECT 1 SETTINGS max_execution_time = 0",
    "SELECT 1 SETTINGS readonly = 0, allow_ddl = 1",
    "SELECT * FROM (SELECT 1 SETTINGS max_result_rows = 0)",
    "SELECT 1; DROP TABLE argus.sessions",
    "SELECT 1;; SELECT 2",
    "SELECT 1 /* */; /* */ SELECT 2",
    "SELECT 1 -- ;\n; SELECT 2",
    "SELECT 1 FORMAT TSV; SELECT 2",
    "EXPLAIN CURRENT TRANSACTION",
    "EXPLAIN SELECT 1 INTO OUTFILE '{out}'",
    "PARALLEL WITH SELECT 1",
    "(SELECT 1) INTO OUTFILE '{out}'",
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_way_in_is_closed(endpoint: str, tmp_path: Path, attack: str) -> None:
    file, out = tmp_path / "secret.txt", tmp_path / "out.tsv"
    file.write_text(SECRET)
    status, headers, body = ask(endpoint, attack.replace("{file}", str(file)).replace("{out}", str(out)))
    assert status >= 400, body
    assert int(headers["x-clickhouse-exception-code"]) > 0
    assert SECRET.encode() not in body
    assert b"top secret" not in body
    assert not out.exists()
    assert ask(endpoint, "SELECT sum(cost_usd) FROM argus.sessions")[2] == b"2\n", "nothing has changed"


def test_an_identifier_as_parameter_is_looked_at_too(endpoint: str) -> None:
    query = "SELECT * FROM {table:Identifier}"
    assert ask(endpoint, query, param_table="argus.sessions")[0] in (200, 404)
    assert b"top secret" not in ask(endpoint, query, param_table="other.secrets")[2]
    assert (
        b"top secret"
        not in ask(endpoint, "SELECT * FROM {d:Identifier}.{t:Identifier}", param_d="other", param_t="secrets")[2]
    )
    assert ask(endpoint, query, param_table="system.users")[0] >= 400


def test_client_settings_loosen_nothing(endpoint: str) -> None:
    endless = "SELECT sum(sipHash64(number)) FROM numbers(1000000000000)"
    status, headers, _ = ask(endpoint, endless, max_execution_time="0", readonly="0", nonsense="1")
    assert (status, headers["x-clickhouse-exception-code"]) == (504, "159")
    assert (
        ask(endpoint, "SELECT number FROM numbers(600000) FORMAT JSON", max_result_rows="0")[1][
            "x-clickhouse-exception-code"
        ]
        == "396"
    )
    assert ask(endpoint, "SELECT 1", nonsense="1")[0] == 200, "unknown settings are dropped"
    assert (
        ask(endpoint, "SELECT 1::UInt64 AS a FORMAT JSONEachRow", output_format_json_quote_64bit_integers="1")[2]
        == b'{"a":"1"}\n'
    )
    assert ask(endpoint, "SELECT 1", **{"output_format_json_x; DROP TABLE argus.sessions": "1"})[0] == 400


def test_a_setting_or_parameter_cannot_break_out(endpoint: str) -> None:
    hostile = "'; DROP TABLE argus.sessions; --"
    ask(endpoint, "SELECT {x:String}", param_x=hostile, session_timezone=hostile, database=hostile)
    assert ask(endpoint, "SELECT {x:String}", param_x=hostile)[0] == 200
    assert ask(endpoint, "SELECT count() FROM argus.sessions")[2] == b"2\n"


def test_queries_at_once_are_bounded(endpoint_with: Callable[..., Any]) -> None:
    with endpoint_with(concurrency_max=2, queue_s_max=0.5, seconds_max=3) as address, ThreadPoolExecutor(6) as pool:
        endless = "SELECT sum(sipHash64(number)) FROM numbers(1000000000000)"
        codes = [
            headers["x-clickhouse-exception-code"]
            for _, headers, _ in pool.map(lambda _: ask(address, endless), range(6))
        ]
        assert sorted(codes) == ["159", "159", "202", "202", "202", "202"]
        assert ask(address, "SELECT 1")[0] == 200, "and none is counted for ever"


def test_a_client_that_hangs_up_costs_nobody_anything(endpoint_with: Callable[..., Any]) -> None:
    with endpoint_with(concurrency_max=2) as address:
        host, _, port = address.rpartition(":")
        for _ in range(20):
            with socket.create_connection((host, int(port)), timeout=30) as client:
                client.sendall(
                    b"GET /?query=SELECT+number,toString(number)+FROM+numbers(900000) HTTP/1.1\r\nHost: x\r\n\r\n"
                )
                assert client.recv(1024).startswith(b"HTTP/1.1 200")
        assert ask(address, "SELECT count() FROM argus.sessions")[::2] == (200, b"2\n")


def test_a_query_whose_client_has_gone_is_ended(endpoint_with: Callable[..., Any]) -> None:
    with endpoint_with(concurrency_max=1, seconds_max=3600, queue_s_max=20) as address:
        host, _, port = address.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=30) as client:
            endless = "SELECT+sum(sipHash64(number))+FROM+numbers(1000000000000)"
            client.sendall(f"GET /?query={endless} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            time.sleep(0.5)
        assert ask(address, "SELECT 1")[0] == 200, "its turn has come"


def test_a_client_that_does_not_read_is_cut_off(endpoint_with: Callable[..., Any]) -> None:
    with endpoint_with(concurrency_max=1, send_s_max=0.5) as address:
        host, _, port = address.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=30) as client:
            client.sendall(
                b"GET /?query=SELECT+number,repeat('x',500)+FROM+numbers(900000) HTTP/1.1\r\nHost: x\r\n\r\n"
            )
            assert ask(address, "SELECT 1")[0] == 200, "it waited for its turn and got it"


@pytest.mark.parametrize(("client", "is_let_in"), [("127.0.0.1", True), ("::1", True), ("192.0.2.1", False)])
def test_without_a_password_only_this_machine_may_ask(client: str, is_let_in: bool) -> None:
    settings = EndpointSettings()
    endpoint = Endpoint(settings, lambda: None, Telemetry())
    request = Request({"type": "http", "headers": [], "client": (client, 1), "query_string": b""})
    with nullcontext() if is_let_in else pytest.raises(QueryError, match="loopback only"):
        endpoint._authenticate(Login("default", ""), request)


def test_many_heads_leave_room_for_a_query(endpoint_with: Callable[..., Any]) -> None:
    with endpoint_with(concurrency_max=2, queue_s_max=1.0) as address:
        assert {ask(address, "SELECT 1", method="HEAD")[0] for _ in range(6)} == {200}
        assert ask(address, "SELECT 1")[0] == 200


@pytest.mark.parametrize("form", ["Protobuf", "ProtobufSingle", "CapnProto"])
def test_no_setting_makes_the_engine_write_a_file(endpoint: str, tmp_path: Path, form: str) -> None:
    file = tmp_path / "precious.proto"
    file.write_text("precious")
    ask(endpoint, f"SELECT 1 AS a FORMAT {form}", output_format_schema=str(file), format_schema=str(file))
    assert file.read_text() == "precious"
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_memory_is_bounded(endpoint_with: Callable[..., Any]) -> None:
    with endpoint_with(memory_bytes_max=64 << 20) as address:
        status, headers, _ = ask(address, "SELECT groupArray(toString(number)) FROM numbers(100000000)")
        assert (status, headers["x-clickhouse-exception-code"]) == (500, "241")


def test_a_query_that_is_too_long_is_refused(endpoint: str) -> None:
    assert (
        ask(endpoint, method="POST", body=b"SELECT '" + b"x" * (2 << 20) + b"'")[1]["x-clickhouse-exception-code"]
        == "229"
    )


def test_strings_that_look_like_attacks_are_only_strings(endpoint: str) -> None:
    text = "file('/etc/passwd'); DROP TABLE x; INTO OUTFILE 'y' -- system.users"
    assert ask(endpoint, f"SELECT '{text.replace(chr(39), chr(92) + chr(39))}'")[0] == 200
    assert quote(text)
