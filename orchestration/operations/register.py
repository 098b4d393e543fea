"""Every operation, declared once: the command line and the schedules go by this table."""

from __future__ import annotations

from orchestration.operations import business, customer, health, wework
from orchestration.operations.running import Operation

OPERATIONS = (
    Operation(
        "check_low_capacity_services",
        "business",
        business.check_low_capacity_services,
        "Notes in the capacity log, once a crossing, that an active service is at or under its "
        "threshold.",
    ),
    Operation(
        "cleanup_expired_coupons",
        "business",
        business.cleanup_expired_coupons,
        "Marks active coupons past their end as expired.",
    ),
    Operation(
        "handle_timeout_service_orders",
        "business",
        business.handle_timeout_service_orders,
        "Cancels orders that nobody paid within 30 minutes, and gives their places and coupons "
        "back; completes slots whose time is over.",
    ),
    Operation(
        "auto_assign_tags",
        "customer",
        customer.auto_assign_tags,
        "Evaluates the rule of every active tag with auto_assign; assigns, and removes where "
        "auto_remove is set.",
    ),
    Operation(
        "update_dynamic_segments",
        "customer",
        customer.update_dynamic_segments,
        "Recomputes the members and figures of the dynamic segments that are due.",
    ),
    Operation(
        "evaluate_health_alert_rules",
        "health",
        health.evaluate_health_alert_rules,
        "Evaluates threshold, combination and trend rules over the newest vital signs; raises "
        "alerts, and resolves them where the condition has ended.",
    ),
    Operation(
        "auto_status_check",
        "wework",
        wework.auto_status_check,
        "Takes ONLINE accounts without a heartbeat for two minutes OFFLINE, with an alert; "
        "resolves the alerts of accounts that are back.",
    ),
    Operation(
        "evaluate_wework_monitor_rules",
        "wework",
        wework.evaluate_wework_monitor_rules,
        "Evaluates the monitor rules that are due over the accounts' figures; raises alerts of the "
        "fifteen types, and resolves them where the condition has ended.",
    ),
)
