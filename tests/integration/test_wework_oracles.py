"""Every value of the wework statistics tables and views against pandas, on both engines.

The raw rows are the sample data, whole: three years of status history, four months of messages.
"""

from __future__ import annotations

import oracles.wework as oracle
import pytest
from warehouses import ENGINES, Demo, Relation

RELATIONS = {
    "wework_tenant_usage": Relation(("tenant_id", "stat_date"), oracle.tenant_usage),
    "wework_account_daily": Relation(("account_id", "stat_date"), oracle.account_daily),
    "wework_message_daily": Relation(
        ("tenant_id", "stat_date", "account_id", "direction", "message_type", "send_status"),
        oracle.message_daily,
    ),
    "wework_account_status_daily": Relation(
        ("account_id", "stat_date", "status"), oracle.account_status_daily
    ),
    "wework_account_health": Relation(("account_id",), oracle.account_health),
    "wework_account_statistics": Relation(("account_id",), oracle.account_statistics),
    "v_wework_account_overview": Relation(
        ("id",),
        oracle.account_overview,
        "id tenant_id account_name wework_guid status health_score message_success_rate "
        "uptime_percentage total_messages online_duration_hours contact_count group_count "
        "conversation_count open_alerts last_heartbeat_time created_at",
    ),
    "v_wework_message_stats": Relation(
        ("tenant_id", "account_id", "message_date", "direction", "message_type", "send_status"),
        oracle.message_stats,
        "tenant_id account_id message_date direction message_type send_status message_count "
        "avg_processing_time avg_response_time",
    ),
}


@pytest.mark.parametrize("name", RELATIONS)
@pytest.mark.parametrize("engine", ENGINES)
def test_every_value_equals_the_computation(demo: Demo, engine: str, name: str) -> None:
    demo.check_relation(engine, f"wework_platform.{name}", RELATIONS[name])
