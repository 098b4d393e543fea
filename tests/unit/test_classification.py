"""The classification of every source column, held against what its name says of it.

A person read all of them; this keeps the next column from being classed by habit. Each exception
has its reason.
"""

from __future__ import annotations

import re

from test_project import SEED_STATISTICS

from orchestration.governance.lineage import CLASSIFIED
from orchestration.schema.record import Column, Record, Table, load_record
from orchestration.settings import PROJECT_ROOT

SECRET = re.compile(
    r"password(_hash)?$|_password$|secret|(access|login|refresh|session|share)_(token|key)$"
    r"|auth_config|_headers$|webhook_|callback_url|mfa_secret|mfa_backup|_hash$|qr_code_url"
)
PERSONAL = re.compile(
    r"(^|_)(phone|email|wechat_id|qq|id_card|real_name|nickname|birth_date|gender|address|ip"
    r"|user_agent|user_name|username|fingerprint|avatar_url|position|doctor_name)$"
    r"|^(ip_|device_info|location(_info)?$|contact_info|emergency_|from_name|to_name|last_login_)"
)
FREE_TEXT = re.compile(
    r"(^|_)(remark|notes?|reason|content|comment|error_message|error_info|sync_error|process_error"
    r"|instructions|resolution_action|conclusion)$"
)
NOT_SO: dict[str, str] = {
    "saas_files.file_hash": "of the content, to find duplicates",
    "saas_message_templates.content": "placeholders, before a person's data is filled in",
    "service_variants.preparation_notes": "about an article, not a customer",
    "tag_rule_execution_logs.error_message": "our operation writes it: the path of a rule's fault",
    "segment_calculation_history.error_message": "our operation writes it",
    "saas_login_attempts.failure_reason": "a code by which attempts are counted",
    "ai_dispatch_logs.selection_reason": "the scheduler's own words about platforms",
    "ai_messages.finish_reason": "the platform's code: stop, length",
    "ai_agents.avatar_url": "of a program",
}  # fmt: skip
COUNTS = {"secret": 50, "pii": 218, "phi": 79, "internal": 1506, "public": 99}


def columns(record: Record) -> list[tuple[Table, Column]]:
    return [(t, c) for t in record if not t.built_by_dbt for c in t.stored_columns]


def test_a_name_that_says_what_it_is_has_the_class_that_goes_with_it() -> None:
    wrong, known = [], set()
    for table, column in columns(load_record()):
        name = f"{table.name}.{column.name}"
        is_flag = column.is_boolean or column.base_type in ("timestamp", "date", "int")
        expected = ()
        if SECRET.search(column.name):
            expected = ("secret",)
        elif PERSONAL.search(column.name) or FREE_TEXT.search(column.name):
            expected = CLASSIFIED
        if is_flag or not expected or column.classification in expected:
            continue
        if name in NOT_SO:
            known.add(name)
        else:
            wrong.append(f"{name} is {column.classification}, not {' or '.join(expected)}")
    assert not wrong, "\n".join(wrong)
    assert known == set(NOT_SO), f"no exceptions any more: {sorted(set(NOT_SO) - known)}"


def test_every_column_is_counted() -> None:
    found = [column.classification for _, column in columns(load_record())]
    assert {kind: found.count(kind) for kind in COUNTS} == COUNTS
    everything = sum(len(table.columns) for table in load_record() if not table.built_by_dbt)
    assert everything == sum(COUNTS.values()) + 3, "three are derived and stored nowhere"
    statistics = [c for name in SEED_STATISTICS for c in load_record().table(name).columns]
    assert {column.classification for column in statistics} == {"internal"}
    assert everything + len(statistics) == 2077


def test_the_security_page_says_the_same_counts() -> None:
    page = (PROJECT_ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| (secret|pii|phi|internal|public) \| ([\d,]+) \|", page, re.M))
    assert {kind: int(text.replace(",", "")) for kind, text in rows.items()} == COUNTS


def test_the_security_page_places_every_identifier_of_patients() -> None:
    """Safe Harbor has eighteen; whatever is pii in health, or a text about somebody, is in one."""
    page = (PROJECT_ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+)\. [^|]+\| ([^|]+) \|", page, re.M)
    assert [int(number) for number, _ in rows] == list(range(1, 19))
    told = set(re.findall(r"`(\w+)`", " ".join(columns for _, columns in rows)))
    known = {c.name: c for t, c in columns(load_record()) if t.domain == "health"}
    assert told <= known.keys()
    texts = ("varchar", "text")
    unplaced = {
        name
        for name, column in known.items()
        if column.classification == "pii"
        or (column.classification == "phi" and column.base_type in texts)
    } - told
    assert unplaced == {"hospital", "hospital_name", "department"}, "where care was given"
