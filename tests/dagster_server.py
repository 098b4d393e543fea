"""`warehouse dagster` for tests: on a port of its own, asked over GraphQL, ended in full."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from rows import insert

from orchestration import dagster_dev
from orchestration.schema.deploy import deploy
from orchestration.settings import PROJECT_ROOT, Settings

DOMAINS = ("core", "wework")
AS_OF = datetime(2026, 6, 30, 23, 59, 59)
DAY = "2026-06-29"
# Bounds against a hang; an idle machine needs a fifth of them.
START_SECONDS, RUN_SECONDS, STOP_SECONDS = 180, 420, 90
REPOSITORY = {
    "repositoryLocationName": "orchestration.definitions",
    "repositoryName": "__repository__",
}


def deploy_a_day(settings: Settings) -> None:
    """Core and wework with one account and four messages of DAY, three of them sent."""
    deploy(settings, oldest=date(2026, 6, 1), progress=lambda _: None)
    fill_a_day(settings)


def fill_a_day(settings: Settings) -> None:
    """The rows alone."""
    # On DAY itself: earlier days then need no rows, so that one day alone is complete.
    opened = datetime(2026, 6, 29)
    tenant = {"id": "t1", "created_at": opened, "status": "active"}
    account = {"id": "a1", "tenant_id": "t1", "created_at": opened, "status": "ONLINE"}
    messages = [
        _message(1, "send", "delivered", datetime(2026, 6, 29, 0, 0, 0)),
        _message(2, "send", "failed", datetime(2026, 6, 29, 12, 0, 0)),
        _message(3, "send", "read", datetime(2026, 6, 29, 23, 59, 59)),
        _message(4, "receive", "pending", datetime(2026, 6, 29, 12, 0, 1)),
    ]
    insert(settings, "saas_tenants", tenant)
    insert(settings, "wework_accounts", account)
    insert(settings, "wework_message_records", *messages)


def _message(number: int, direction: str, status: str, at: datetime) -> dict[str, Any]:
    return {
        "id": f"m{number}",
        "tenant_id": "t1",
        "account_id": "a1",
        "message_id": f"wx{number}",
        "direction": direction,
        "send_status": status,
        "created_at": at,
    }


@dataclass(frozen=True)
class DagsterServer:
    """A running web server and daemon."""

    address: str

    def query(self, query: str, **variables: Any) -> dict[str, Any]:
        """What GraphQL answers."""
        request = urllib.request.Request(
            f"{self.address}/graphql",
            json.dumps({"query": query, "variables": variables}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            answer = json.loads(response.read())
        assert not answer.get("errors"), answer["errors"]
        return dict(answer["data"])

    def launch(self, job: str, day: str) -> str:
        """The id of a run of the job for a day."""
        answer = self.query(
            """mutation($params: ExecutionParams!) {launchRun(executionParams: $params) {
                __typename ... on LaunchRunSuccess {run {runId}} ... on PythonError {message}}}""",
            params={
                "selector": {**REPOSITORY, "jobName": job},
                "runConfigData": {},
                "executionMetadata": {"tags": [{"key": "dagster/partition", "value": day}]},
            },
        )["launchRun"]
        assert answer["__typename"] == "LaunchRunSuccess", answer
        return str(answer["run"]["runId"])

    def switch_on(self, schedule: str) -> None:
        """As the switch on the schedule's page does."""
        answer = self.query(
            """mutation($it: ScheduleSelector!) {startSchedule(scheduleSelector: $it) {
                ... on ScheduleStateResult {scheduleState {status}}
                ... on PythonError {message}}}""",
            it={**REPOSITORY, "scheduleName": schedule},
        )["startSchedule"]
        assert answer == {"scheduleState": {"status": "RUNNING"}}

    def switch_off(self, schedule: str) -> None:
        answer = self.query(
            """query($it: ScheduleSelector!) {scheduleOrError(scheduleSelector: $it) {
                ... on Schedule {scheduleState {id}}}}""",
            it={**REPOSITORY, "scheduleName": schedule},
        )
        number = answer["scheduleOrError"]["scheduleState"]["id"]
        stopped = self.query(
            """mutation($id: String!) {stopRunningSchedule(id: $id) {
                ... on ScheduleStateResult {scheduleState {status}}
                ... on PythonError {message}}}""",
            id=number,
        )["stopRunningSchedule"]
        assert stopped == {"scheduleState": {"status": "STOPPED"}}

    def tick(self, schedule: str, status: str) -> dict[str, Any]:
        """The first tick of that status, waited for; those before it may only have skipped."""
        deadline = time.monotonic() + RUN_SECONDS
        ticks: list[dict[str, Any]] = []
        while time.monotonic() < deadline:
            answer = self.query(
                """query($it: ScheduleSelector!) {scheduleOrError(scheduleSelector: $it) {
                    ... on Schedule {scheduleState {ticks {status skipReason runIds
                        error {message}}}}}}""",
                it={**REPOSITORY, "scheduleName": schedule},
            )
            ticks = answer["scheduleOrError"]["scheduleState"]["ticks"]
            assert {tick["status"] for tick in ticks} <= {"STARTED", "SKIPPED", status}, ticks
            assert all(tick["skipReason"] for tick in ticks if tick["status"] == "SKIPPED"), ticks
            if found := [tick for tick in ticks if tick["status"] == status]:
                return found[-1]
            time.sleep(1)
        pytest.fail(f"no {status} of {schedule} in {RUN_SECONDS} s: {ticks}")

    def finished(self, run_id: str) -> str:
        """How it ended, waited for."""
        deadline = time.monotonic() + RUN_SECONDS
        status = "none"
        while time.monotonic() < deadline:
            run = self.query(
                "query($id: ID!) {runOrError(runId: $id) {... on Run {status}}}", id=run_id
            )
            status = run["runOrError"]["status"]
            if status in ("SUCCESS", "FAILURE", "CANCELED"):
                return status
            time.sleep(1)
        return f"still {status} after {RUN_SECONDS} s"

    def failures(self, run_id: str) -> list[str]:
        run = self.query(
            """query($id: ID!) {runOrError(runId: $id) {... on Run {eventConnection {events {
                ... on ExecutionStepFailureEvent {error {message}}
                ... on RunFailureEvent {message}}}}}}""",
            id=run_id,
        )
        return [str(event) for event in run["runOrError"]["eventConnection"]["events"] if event]

    def materialization(self, key: list[str]) -> dict[str, Any]:
        """The newest one: its partition, the window's days and the rows, as far as it has them."""
        asset = self.query(
            """query($key: AssetKeyInput!) {assetOrError(assetKey: $key) {... on Asset {
                assetMaterializations(limit: 1) {partition metadataEntries {label
                ... on IntMetadataEntry {intValue} ... on TextMetadataEntry {text}}}}}}""",
            key={"path": key},
        )
        [event] = asset["assetOrError"]["assetMaterializations"]
        wanted = ("start_date", "end_date", "dagster/row_count")
        found = {
            entry["label"]: entry.get("intValue", entry.get("text"))
            for entry in event["metadataEntries"]
            if entry["label"] in wanted
        }
        return {"partition": event["partition"], **found}

    def check(self, key: list[str], name: str) -> str:
        found = self.query(
            """query($key: AssetKeyInput!, $name: String!) {assetCheckExecutions(
                assetKey: $key, checkName: $name, limit: 1) {status}}""",
            key={"path": key},
            name=name,
        )["assetCheckExecutions"]
        assert found, f"{name} was not recorded"
        return str(found[0]["status"])


@contextmanager
def served(settings: Settings) -> Iterator[DagsterServer]:
    """The running UI; at the end it is stopped as a service manager would."""
    port = free_port()
    log = settings.local_dir / "dagster.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [Path(sys.executable).with_name("warehouse"), "dagster", "--port", str(port)],
            cwd=PROJECT_ROOT,
            env=settings.child_environment(),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_until_up(address, process, log)
        yield DagsterServer(address)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=STOP_SECONDS) == 0, log.read_text()
        assert _still_there(settings) == [], "processes outlived `warehouse dagster`"
        dagster_dev.check_port("127.0.0.1", port)
    finally:
        if process.poll() is None:
            process.kill()
        for number in _still_there(settings):
            os.kill(number, signal.SIGKILL)


def free_port() -> int:
    """One that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _still_there(settings: Settings) -> list[int]:
    """Processes other than this one whose environment names this test's DAGSTER_HOME."""
    home = f"DAGSTER_HOME={dagster_dev.dagster_home(settings)}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                variables = (entry / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if home in variables:
                found.append(int(entry.name))
    return found


def _wait_until_up(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            loaded = DagsterServer(address).query(
                "{repositoriesOrError {... on RepositoryConnection {nodes {id}}}}"
            )
            if loaded["repositoriesOrError"].get("nodes"):
                return
        except (urllib.error.URLError, ConnectionError):
            pass
        time.sleep(1)
    pytest.fail(f"Dagster did not come up in {START_SECONDS} s: {log.read_text()[-3000:]}")
