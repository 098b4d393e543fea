"""What operations, bookings and reports write, by table: the operator's grants are made of this."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Writes:
    """The columns that are updated; whether rows are inserted or deleted.

    `reads_secrets` is for tables whose rows are read whole.
    """

    columns: tuple[str, ...] = ()
    inserts: bool = False
    deletes: bool = False
    reads_secrets: bool = False


def _updates(columns: str, *, inserts: bool = False, reads_secrets: bool = False) -> Writes:
    return Writes((*columns.split(), "updated_at"), inserts, reads_secrets=reads_secrets)


INSERTS = Writes(inserts=True)
_RULE = "execution_count last_executed_at trigger_count last_triggered_at"

WRITES = {
    # every operation's audit row, and a report's
    "saas_unified_audit_logs": INSERTS,
    # core
    "saas_user_sessions": Writes(deletes=True),
    "saas_files": Writes(deletes=True),
    "saas_file_shares": Writes(("is_active", "updated_at"), deletes=True),
    # an alert about a failed run, too
    "saas_unified_alerts": _updates(
        "status alert_message alert_data last_occurred_at occurrence_count resolved_at "
        "resolution_info",
        inserts=True,
    ),
    # what bookings go by, among settings that may be credentials
    "saas_unified_configs": Writes(reads_secrets=True),
    # ai
    "ai_conversations": _updates("status"),
    "ai_agents": _updates(
        "conversation_count message_count total_tokens total_cost avg_response_time "
        "success_rate satisfaction_score last_used_at"
    ),
    # wework
    "wework_accounts": _updates(
        "status total_messages successful_messages failed_messages online_duration_hours "
        "avg_message_response_time message_success_rate uptime_percentage health_score"
    ),
    "wework_account_alerts": _updates(
        "status resolved_at occurrence_count last_occurred_at", inserts=True
    ),
    "wework_account_monitor_rules": _updates(_RULE, reads_secrets=True),
    "wework_account_status_history": INSERTS,
    # health
    "health_alerts": _updates("status resolved_at", inserts=True),
    "health_alert_rules": _updates(_RULE, reads_secrets=True),
    "health_devices": _updates("status"),
    # customer
    "customers": _updates("lifecycle_stage"),
    "customer_lifecycle_history": INSERTS,
    "customer_tags": Writes(
        ("assign_type", "assign_reason", "assigned_at", "last_verified_at", "expires_at", "status"),
        inserts=True,
    ),
    "customer_tag_definitions": _updates("customer_count last_calculated_at"),
    "tag_rule_execution_logs": INSERTS,
    "customer_segment_members": Writes(
        ("join_type", "join_reason", "joined_at", "last_matched_at", "status"), inserts=True
    ),
    "customer_segments": _updates(
        "customer_count total_revenue avg_order_amount conversion_rate last_calculated_at "
        "calculation_duration_ms"
    ),
    "segment_calculation_history": INSERTS,
    # business: a booking locks and reads an order whole
    "service_orders": _updates(
        "order_status service_status payment_status paid_amount payment_time refund_amount "
        "confirm_time assigned_time service_start_time service_end_time complete_time cancel_time "
        "assigned_provider_id provider_assigned_at provider_assignment_method "
        "cancelled_by cancellation_reason cancellation_fee service_date service_time_start "
        "service_time_end rescheduled_from_date rescheduled_from_time reschedule_reason "
        "reschedule_count service_fee total_amount actual_duration_minutes",
        inserts=True,
        reads_secrets=True,
    ),
    "service_order_items": _updates(
        "service_status time_slot_id base_service_fee final_price actual_start_time "
        "actual_end_time actual_duration_minutes completion_rate",
        inserts=True,
    ),
    "service_order_payments": _updates(
        "payment_status refund_amount refund_time refund_reason refund_type settlement_status "
        "settlement_amount settlement_time platform_fee provider_amount",
        inserts=True,
    ),
    "service_order_status_history": INSERTS,
    "service_capacity_logs": INSERTS,
    "services": _updates("available_slots booked_slots booking_count completed_count revenue"),
    "service_variants": _updates(
        "capacity booked_capacity booking_count completed_count revenue"
    ),
    "service_time_slots": _updates("max_bookings current_bookings status"),
    "service_providers": _updates("service_count"),
    "marketing_coupons": _updates(
        "used_count used_by_user used_order_id used_at status"
    ),
}  # fmt: skip


# What retention needs of a table with a policy, which it reads whole; a partition lies in a table
# of its own, called `<table>__retired`, before it is dropped. LOCK TABLES is a right on databases.
RETENTION_PARTITIONED = ("select", "insert", "create", "alter", "drop")
RETENTION_ROWS = ("select", "insert", "delete")
RETENTION_DATABASES = ("lock tables",)
