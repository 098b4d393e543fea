"""Damaged data: the ledger says exactly what differs from the clean data, and nothing else does."""

from __future__ import annotations

import json
from collections import Counter

import pyarrow.parquet as pq
import pytest

from orchestration.errors import WarehouseError
from orchestration.sampledata.generate import generate, read_manifest
from orchestration.schema.record import load_record
from orchestration.settings import load_settings

RATE = 0.05
TABLES = load_record(("wework",)).application_tables()


@pytest.fixture(scope="module")
def datasets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dirt")
    settings = load_settings({"WAREHOUSE_LOCAL_DIR": str(folder)})
    clean = generate(settings, "demo", 3, "2026-06-30", folder / "clean", ["wework"])
    dirty = generate(settings, "demo", 3, "2026-06-30", folder / "dirty", ["wework"], dirt=RATE)
    return settings, clean, dirty


@pytest.fixture(scope="module")
def ledger(datasets):
    _, _, dirty = datasets
    return [json.loads(line) for line in (dirty.directory / "ledger.jsonl").open(encoding="utf-8")]


def rows(report, table):
    file = report.directory / table.database / f"{table.name}.parquet"
    found = pq.read_table(file).to_pylist()
    return {tuple(str(row[k]) for k in table.primary_key): row for row in found}


def as_text(value):
    return None if value is None else str(value)


def test_the_ledger_is_exactly_the_difference(datasets, ledger):
    _, clean, dirty = datasets
    told = {}
    for entry in ledger:
        key = load_record().table(entry["table"]).primary_key
        cell = (entry["table"], *(entry["key"][name] for name in key), entry["column"])
        assert cell not in told, "a cell damaged twice cannot be told in one line"
        told[cell] = entry
    seen = set()
    for table in TABLES:
        before, after = rows(clean, table), rows(dirty, table)
        assert before.keys() <= after.keys(), "damage must not move a key"
        for key, row in after.items():
            if key not in before:
                entry = told[(table.name, *key, "id")]
                assert entry["kind"] == "duplicate"
                seen.add((table.name, *key, "id"))
                original = next(k for k in before if k[0] == entry["before"])
                assert {**after[original], "id": key[0]} == row
                continue
            for column, value in row.items():
                if value != before[key][column]:
                    entry = told[(table.name, *key, column)]
                    assert entry["before"] == as_text(before[key][column])
                    assert entry["after"] == as_text(value)
                    seen.add((table.name, *key, column))
    assert seen == set(told), "the ledger tells damage that nobody did"


def test_the_rate_and_the_kinds_are_there(datasets, ledger):
    _, clean, dirty = datasets
    damaged = {(e["table"], *e["key"].values()) for e in ledger}
    assert 0.02 < len(damaged) / clean.total_rows < 2 * RATE
    assert Counter(e["kind"] for e in ledger).keys() == {
        "orphan", "broken_counter", "shifted_timestamp", "future_row", "mojibake", "empty_text",
        "unknown_version", "swapped_columns", "duplicate",
    }  # fmt: skip
    manifest = read_manifest(dirty.directory)
    assert sum(t["damaged"] for t in manifest["tables"].values()) == len(ledger)
    assert dirty.dirty_rows == len(ledger) and clean.dirty_rows == 0
    assert not (clean.directory / "ledger.jsonl").exists()


def test_keys_and_foreign_keys_still_hold(datasets):
    _, _, dirty = datasets
    record = load_record(("wework",))
    for table in TABLES:
        found = rows(dirty, table)
        for key in table.unique:
            values = [tuple(r[k] for k in key) for r in found.values()]
            values = [v for v in values if None not in v]
            assert len(set(values)) == len(values), (table.name, key)
        for reference in table.references:
            parents = {k[0] for k in rows(dirty, record.table(reference.table))}
            held = {r[reference.column] for r in found.values()} - {None}
            assert held <= parents, (table.name, reference.column)


def test_same_rate_same_bytes_and_switching_back_leaves_no_ledger(datasets, tmp_path):
    settings, clean, dirty = datasets
    again = generate(settings, "demo", 3, "2026-06-30", tmp_path / "d", ["wework"], dirt=RATE)
    first = (dirty.directory / "ledger.jsonl").read_bytes()
    assert (again.directory / "ledger.jsonl").read_bytes() == first
    assert read_manifest(again.directory) == read_manifest(dirty.directory)
    generate(settings, "demo", 3, "2026-06-30", tmp_path / "d", ["wework"])
    assert not list((tmp_path / "d").rglob("*ledger.jsonl"))
    assert read_manifest(tmp_path / "d") == read_manifest(clean.directory)


def test_a_senseless_rate_is_refused(datasets, tmp_path):
    settings, _, _ = datasets
    with pytest.raises(WarehouseError, match=r"0\.7"):
        generate(settings, "demo", 3, "2026-06-30", tmp_path, ["wework"], dirt=0.7)
