"""Every operation, declared once: the command line and the schedules go by this table."""

from __future__ import annotations

from orchestration.operations import (
    ai,
    business,
    core,
    customer,
    customer_lifecycle,
    health,
    health_devices,
    wework,
)
from orchestration.operations.running import Operation
from orchestration.operations.write_back import WRITE_BACKS

OPERATIONS = (
    Operation(
        "cleanup_expired_conversations",
        "ai",
        ai.cleanup_expired_conversations,
        "Archives expired and completed conversations that were left untouched for 30 days.",
    ),
    Operation(
        "mark_idle_conversations",
        "ai",
        ai.mark_idle_conversations,
        "Marks active conversations that were silent for 30 minutes as idle.",
    ),
    Operation(
        "update_all_agent_statistics",
        "ai",
        WRITE_BACKS["update_all_agent_statistics"],
        "Writes the figures of ai_agent_statistics that changed back to ai_agents.",
    ),
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
        "cleanup_expired_data",
        "core",
        core.cleanup_expired_data,
        "Deletes ended sessions and temporary files past their expiry, switches expired shares "
        "off, and expires alerts open for 30 days.",
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
        "update_customer_lifecycle",
        "customer",
        customer_lifecycle.update_customer_lifecycle,
        "Moves active customers to the lifecycle stage that the rules give them, with history.",
    ),
    Operation(
        "check_device_status",
        "health",
        health_devices.check_device_status,
        "Takes devices that were silent for an hour offline, with an alert for their patient; "
        "alerts about calibrations that are past; resolves both when the device is back.",
    ),
    Operation(
        "evaluate_health_alert_rules",
        "health",
        health.evaluate_health_alert_rules,
        "Evaluates threshold, combination and trend rules over the newest vital signs; raises "
        "alerts, and resolves them where the condition has ended.",
        is_due=health.anything_new,
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
        is_due=wework.due_rules,
    ),
    Operation(
        "update_account_statistics",
        "wework",
        WRITE_BACKS["update_account_statistics"],
        "Writes the figures of wework_account_statistics that changed back to wework_accounts.",
    ),
    Operation(
        "update_health_scores",
        "wework",
        WRITE_BACKS["update_health_scores"],
        "Writes the scores of wework_account_health that changed back to ONLINE and OFFLINE "
        "accounts.",
        is_due=WRITE_BACKS["update_health_scores"].has_rows,
    ),
)
