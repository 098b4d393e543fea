"""Packages with known faults are named, and secrets do not get into a commit."""

from __future__ import annotations

import json
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import advisories
import pytest
import yaml

from orchestration.settings import PROJECT_ROOT

HOOK = "no-private-keys"
# In two pieces each, or this file could not be committed.
PLANTED = (
    "-----BEGIN RSA " + "PRIVATE KEY-----",
    "-----BEGIN " + "PRIVATE KEY-----",
    "MYSQL_PASSWORD" + "=hush-hush",
    "export MYSQL_PASSWORD" + "='hush-hush'",
    "WAREHOUSE_MASK_KEY" + "=0123456789abcdef",
    "WAREHOUSE_ARCHIVE_KEY" + "=a2V5LWtleS1rZXk=",
    "aws = 'AKIA" + "IOSFODNN7EXAMPLE'",
    "ghp_" + "a" * 36,
    "xoxb-" + "123456789012-abcdefghij",
    "url: mysql://app:" + "hush-hush@db.example/core",
)
INNOCENT = (
    "MYSQL_PASSWORD=$SECRET",
    'MYSQL_PASSWORD="$(cat file)"',
    "MYSQL_PASSWORD_FILE=%d/mysql_password",
    "mysql+pymysql://",
    "postgresql://user:…@host",
    "-----BEGIN PUBLIC KEY-----",
    "            MYSQL_PASSWORD=server.password,",
)


@contextmanager
def database_of(vulnerable: dict[str, list[str]], status: int = 200) -> Iterator[str]:
    """An HTTP server that answers as OSV does."""

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["queries"]
            assert self.path == "/v1/querybatch" and asked[0]["package"]["ecosystem"] == "PyPI"
            found = [vulnerable.get(query["package"]["name"], []) for query in asked]
            results = [{"vulns": [{"id": one} for one in ids]} if ids else {} for ids in found]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps({"results": results}).encode())

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def test_the_lock_is_read_whole() -> None:
    text = advisories.LOCK.read_text()
    packages = advisories.locked(text)
    assert len(packages) == len(re.findall(r"^\S+==", text, re.MULTILINE)) > 100
    assert dict(packages)["dbt-core"].startswith("1.7.")


@pytest.mark.parametrize(
    ("vulnerable", "status", "code", "says"),
    [
        ({}, 200, 0, "0 with advisories"),
        ({"pyyaml": ["GHSA-1", "PYSEC-2"]}, 200, 1, "GHSA-1, PYSEC-2"),
        ({}, 503, 0, "skipped"),
    ],
)
def test_advisories_are_named(
    vulnerable: dict[str, list[str]],
    status: int,
    code: int,
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with database_of(vulnerable, status) as url:
        monkeypatch.setenv("WAREHOUSE_ADVISORIES_URL", url)
        assert advisories.main() == code
    assert says in capsys.readouterr().out


def test_without_an_answer_the_reason_is_given(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WAREHOUSE_ADVISORIES_URL", "http://127.0.0.1:1")
    assert advisories.main() == 0
    said = capsys.readouterr().out
    assert "skipped" in said and "refused" in said and "fix:" in said


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with our hooks and nothing else."""
    folder = tmp_path_factory.mktemp("repository")
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    config = (PROJECT_ROOT / ".pre-commit-config.yaml").read_text()
    (folder / ".pre-commit-config.yaml").write_text(config)
    return folder


def scan(repository: Path, texts: tuple[str, ...]) -> set[str]:
    """The texts that the hook refuses to let into a commit, each a file of its own."""
    for number, text in enumerate(texts):
        (repository / f"file{number}.txt").write_text(f"{text}\n")
    subprocess.run(["git", "add", "."], cwd=repository, check=True)
    run = subprocess.run(
        [str(PROJECT_ROOT / ".venv" / "bin" / "pre-commit"), "run", HOOK],
        cwd=repository, capture_output=True, text=True, check=False,
        env={"PATH": "/usr/bin:/bin", "PRE_COMMIT_HOME": str(repository.parent / "cache")},
    )  # fmt: skip
    refused = {texts[int(number)] for number in re.findall(r"^file(\d+)\.txt:", run.stdout, re.M)}
    assert run.returncode == (1 if refused else 0), run.stdout + run.stderr
    return refused


def test_a_planted_secret_is_refused(repository: Path) -> None:
    assert scan(repository, PLANTED) == set(PLANTED)


def test_what_looks_alike_passes(repository: Path) -> None:
    for file in repository.glob("*.txt"):
        file.unlink()
    assert scan(repository, INNOCENT) == set()


def test_no_file_of_the_project_holds_one() -> None:
    config = yaml.safe_load((PROJECT_ROOT / ".pre-commit-config.yaml").read_text())
    [hook] = [hook for repo in config["repos"] for hook in repo["hooks"] if hook["id"] == HOOK]
    pattern = re.compile(hook["entry"].encode())
    listed = subprocess.run(
        ["git", "ls-files"], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True
    )
    found = [
        name
        for name in listed.stdout.split()
        if any(map(pattern.search, (PROJECT_ROOT / name).read_bytes().splitlines()))
    ]
    assert found == []
