"""The core's tables agree with each other, and with what their descriptions promise."""

from __future__ import annotations

import csv
import json
from itertools import pairwise

import pandas as pd
import pytest

from orchestration.sampledata.core import generate
from orchestration.sampledata.generate import prepared_world
from orchestration.sampledata.plan import make_plan
from orchestration.schema.record import load_record
from orchestration.settings import PROJECT_ROOT
from tests.frames import pandas_frames, plain

END = pd.Timestamp("2026-06-30 23:59:59")
CLEANED = pd.Timestamp("2026-06-30 03:00:00")
DEFAULTS = PROJECT_ROOT / "orchestration" / "schema" / "defaults"
Frames = dict[str, pd.DataFrame]


@pytest.fixture(scope="module")
def core() -> Frames:
    return pandas_frames("core")


def defaults(table: str) -> list[dict[str, str]]:
    with (DEFAULTS / f"{table}.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def attempts_of_users(core: Frames) -> pd.DataFrame:
    """Attempts joined to the user they lead to, by tenant and login name; others are left out."""
    users = core["saas_users"][["id", "tenant_id", "username"]].rename(columns={"id": "user_id"})
    return core["saas_login_attempts"].merge(users, on=["tenant_id", "username"])


# --- keys and references -------------------------------------------------------------------------


def test_every_application_table_is_there(core: Frames) -> None:
    assert len(core) == 21
    assert all(len(frame) for frame in core.values())


def test_keys_are_unique(core: Frames) -> None:
    for name, frame in core.items():
        table = load_record().table(name)
        for key in (table.primary_key, *table.unique):
            whole = frame[list(key)].dropna()
            assert not whole.duplicated().any(), f"{name} {key}"


def test_references_exist_and_stay_inside_the_tenant(core: Frames) -> None:
    shared = {"saas_tenants", "saas_permissions"}
    for name, frame in core.items():
        for reference in load_record().table(name).references:
            parents = core[reference.table].set_index("id")
            there = frame.dropna(subset=reference.column)
            assert there[reference.column].isin(parents.index).all(), f"{name}.{reference.column}"
            if reference.table in shared or "tenant_id" not in frame:
                continue
            theirs = parents.tenant_id[there[reference.column]].to_numpy()
            # The platform's own settings belong to no tenant.
            same = (theirs == there.tenant_id.to_numpy()) | pd.isna(theirs)
            assert same.all(), f"{name}.{reference.column}"


def test_columns_that_name_users_name_users(core: Frames) -> None:
    users = set(core["saas_users"].id)
    for name, frame in core.items():
        for column in frame.columns:
            if column.endswith("_by") or column in ("operator_id", "user_id", "recipient_id"):
                assert set(frame[column].dropna()) <= users, f"{name}.{column}"


def test_no_row_is_written_after_the_end_or_before_its_tenant(core: Frames) -> None:
    born = core["saas_tenants"].set_index("id").created_at
    plan = make_plan("demo", 7, "2026-06-30")
    for name, frame in core.items():
        for column in ("created_at", "updated_at", "recorded_at", "granted_at", "last_login_at"):
            if column in frame:
                assert frame[column].max() <= END, f"{name}.{column}"
        if "created_at" in frame and "tenant_id" in frame:
            mine = frame.dropna(subset="tenant_id")
            assert (mine.created_at.values >= born[mine.tenant_id].values).all(), name
            assert (frame.updated_at >= frame.created_at).all() if "updated_at" in frame else True
        if load_record().table(name).retention:
            moment = "created_at" if "created_at" in frame else "recorded_at"
            assert frame[moment].min() >= pd.Timestamp(plan.since(name)), name


def test_nothing_collides_with_what_ships_with_the_platform(core: Frames) -> None:
    for table, column in (
        ("saas_permissions", "permission_code"),
        ("saas_permissions", "id"),
        ("saas_tenants", "tenant_code"),
        ("saas_unified_configs", "config_key"),
    ):
        shipped = {row[column] for row in defaults(table)}
        assert shipped and not shipped & set(core[table][column]), f"{table}.{column}"


def test_json_columns_hold_json(core: Frames) -> None:
    for name, frame in core.items():
        for column in load_record().table(name).stored_columns:
            if column.base_type == "json" and column.name in frame:
                for value in frame[column.name].dropna().unique():
                    json.loads(value)


# --- identities ----------------------------------------------------------------------------------


def test_trees_of_roles_and_permissions_lead_to_their_roots(core: Frames) -> None:
    for table, parent, level, path in (
        ("saas_roles", "parent_role_id", "role_level", "role_path"),
        ("saas_permissions", "parent_permission_id", "permission_level", "permission_path"),
    ):
        rows = core[table].set_index("id")
        children = rows.dropna(subset=parent)
        above = rows.loc[children[parent]]
        assert (children[level].values == above[level].values + 1).all()
        assert (children[path].values == above[path].values + "/" + children.index.values).all()
        roots = rows[rows[parent].isna()]
        assert (roots[level] == 0).all() and (roots[path] == "/" + roots.index).all()
        assert (children.created_at.values >= above.created_at.values).all()
    assert core["saas_roles"].role_level.max() == 2


def test_grants_allow_deny_and_inherit_with_and_without_effect(core: Frames) -> None:
    grants, roles = core["saas_role_permissions"], core["saas_roles"].set_index("id")
    assert set(grants.permission_type) == {"allow", "deny", "inherit"}
    inherits = grants[grants.permission_type == "inherit"]
    parents = roles.parent_role_id[inherits.role_id]
    assert parents.notna().all()
    allowed = grants[grants.permission_type == "allow"]
    allowed = set(zip(allowed.role_id, allowed.permission_id, strict=True))
    effect = [pair in allowed for pair in zip(parents, inherits.permission_id, strict=True)]
    assert any(effect) and not all(effect)


def test_assignments_are_in_force_or_out_of_it_in_every_way(core: Frames) -> None:
    rows = core["saas_user_roles"]
    assert set(rows.status) == {"active", "expired", "revoked", "suspended"}
    assert (rows.status == "revoked").eq(rows.revoked_at.notna()).all()
    assert rows.revoked_by.notna().eq(rows.revoked_at.notna()).all()
    for column in ("expires_at", "revoked_at", "effective_end"):
        later = rows.dropna(subset=column)
        assert (later[column] >= later.granted_at).all(), column
    assert (rows.expires_at[rows.status == "expired"] <= END).all()
    active = rows[rows.status == "active"]
    assert (active.expires_at <= END).any(), "expired, and the status lags"
    assert (active.expires_at > END).any()
    assert (active.effective_start > END).any() and (active.effective_end <= END).any()
    window = rows.dropna(subset=["effective_start", "effective_end"])
    assert (window.effective_end >= window.effective_start).all()
    assert rows.scope_type.isna().any()
    # NULL is read as global, so a user holds a role globally once.
    meant = rows.assign(scope_type=rows.scope_type.fillna("global"))
    assert not meant.duplicated(["user_id", "role_id", "scope_type"]).any()
    made = core["saas_roles"].set_index("id").created_at[rows.role_id].values
    assert (rows.granted_at.values >= made).all()


def test_users_are_deleted_softly_and_administrated(core: Frames) -> None:
    users = core["saas_users"]
    assert (users.status == "deleted").eq(users.deleted_at.notna()).all()
    assert users.groupby("tenant_id").is_tenant_admin.sum().eq(1).all()
    assert set(users.status) == {"active", "inactive", "locked", "deleted", "pending_activation"}
    assert users.last_login_at[users.status == "pending_activation"].isna().all()
    gone = users.dropna(subset="deleted_at")
    assert not (gone.last_login_at > gone.deleted_at).any()


def test_tenants_that_left_are_not_active(core: Frames) -> None:
    tenants = core["saas_tenants"]
    assert tenants.status.isin(["suspended", "expired", "deleted"]).any()
    assert (tenants.status == "active").mean() > 0.5
    assert tenants.suspension_reason.notna().eq(tenants.status == "suspended").all()


def test_api_keys_count_their_requests(core: Frames) -> None:
    keys = core["saas_api_keys"].set_index("id")
    assert (keys.total_requests == keys.successful_requests + keys.failed_requests).all()
    assert keys.last_used_at.notna().eq(keys.total_requests > 0).all()
    assert (keys.total_requests == 0).any() and (keys.failed_requests > 0).any()
    assert keys.revoked_at.notna().eq(keys.status == "revoked").all()
    assert not (keys.last_used_at > keys.revoked_at).any()
    assert not (keys.last_used_at > keys.expires_at).any()
    audit = core["saas_unified_audit_logs"].query("operator_type == 'api'")
    with_key = audit.business_context.map(lambda text: json.loads(text)["api_key_id"])
    assert (keys.user_id[with_key].values == audit.operator_id.values).all()
    newest = audit.groupby(with_key).created_at.max()
    assert (keys.last_used_at.dropna() == newest.reindex(keys.last_used_at.dropna().index)).all()
    entries = audit.groupby(with_key).size().reindex(keys.index, fill_value=0)
    assert (keys.total_requests >= entries).all()


# --- logins, sessions, audit ---------------------------------------------------------------------


def test_each_successful_login_has_its_audit_entry(core: Frames) -> None:
    logins = attempts_of_users(core).query("attempt_result == 'success'")
    assert len(logins) == (core["saas_login_attempts"].attempt_result == "success").sum()
    audit = core["saas_unified_audit_logs"].query("action == 'login' and status == 'success'")
    assert set(audit.operator_type) == {"user"}
    columns = ["tenant_id", "user_id", "created_at", "ip_address"]
    written = audit.rename(columns={"operator_id": "user_id"})[columns]
    order = [*columns]
    left = logins[columns].sort_values(order).reset_index(drop=True)
    right = written.sort_values(order).reset_index(drop=True)
    pd.testing.assert_frame_equal(left, right)


def test_users_know_their_newest_login_and_the_failures_since(core: Frames) -> None:
    users, tried = core["saas_users"].set_index("id"), attempts_of_users(core)
    good = tried[tried.attempt_result == "success"]
    newest = good.groupby("user_id").created_at.max().reindex(users.index)
    pd.testing.assert_series_equal(users.last_login_at, newest, check_names=False)
    at = good.sort_values("created_at").groupby("user_id").ip_address.last()
    assert (users.last_login_ip.dropna() == at[users.last_login_ip.dropna().index]).all()
    bad = tried[tried.attempt_result == "failed"]
    since = bad[~(bad.created_at <= bad.user_id.map(newest))].groupby("user_id").size()
    assert (users.login_failure_count == since.reindex(users.index, fill_value=0)).all()
    assert (users.login_failure_count > 0).any()


def test_attempts_fail_in_every_way(core: Frames) -> None:
    tried = core["saas_login_attempts"]
    assert set(tried.attempt_result) == {"success", "failed", "blocked", "suspended"}
    good = tried.attempt_result == "success"
    assert tried.failure_reason.isna().eq(good).all()
    assert tried.tenant_id[good].notna().all() and tried.tenant_id.isna().any()
    assert tried.blocked_until.notna().eq(tried.attempt_result == "blocked").all()
    assert (tried.blocked_until.dropna() > tried.created_at[tried.blocked_until.notna()]).all()
    assert tried.is_suspicious[good].any() and tried.is_suspicious[~good].any()
    assert (tried.login_method[good] == "mfa").any()
    known = tried.dropna(subset="tenant_id")
    names = set(zip(core["saas_users"].tenant_id, core["saas_users"].username, strict=True))
    found = [pair in names for pair in zip(known.tenant_id, known.username, strict=True)]
    assert not all(found), "a name that nobody has"
    users = core["saas_users"].set_index("id")
    tenants = core["saas_tenants"].set_index("id").status
    refused = attempts_of_users(core).query("attempt_result == 'suspended'")
    out = users.status[refused.user_id].isin(["locked", "inactive", "deleted"]).values
    left = tenants[refused.tenant_id].isin(["suspended", "expired", "deleted"]).values
    assert len(refused) and (out | left).all()


def test_sessions_belong_to_logins_and_survived_the_cleanup(core: Frames) -> None:
    sessions = core["saas_user_sessions"].set_index("id")
    audit = core["saas_unified_audit_logs"]
    logins = audit.query("action == 'login' and status == 'success'").set_index("session_id")
    mine = logins.loc[sessions.index]
    assert (mine.operator_id.values == sessions.user_id.values).all()
    assert (mine.created_at.values == sessions.created_at.values).all()
    assert (sessions.expires_at >= CLEANED).all()
    assert (sessions.expires_at > sessions.last_activity_at).all()
    assert (sessions.last_activity_at <= END).all()
    last = audit.groupby("session_id").created_at.max()[sessions.index]
    assert (sessions.last_activity_at == last).all()
    assert sessions.revoked_at.notna().eq(sessions.status == "revoked").all()
    live = (sessions.status == "active") & (sessions.expires_at > END)
    deleted = core["saas_users"].set_index("id").deleted_at[sessions.user_id].notna().values
    assert live.any() and not (live & deleted).any()
    assert ((sessions.status == "active") & (sessions.expires_at <= END)).any(), "lagging"


def test_work_in_the_audit_log_follows_a_login(core: Frames) -> None:
    audit = core["saas_unified_audit_logs"]
    logins = audit.query("action == 'login' and status == 'success'").set_index("session_id")
    by_user = audit[audit.operator_type == "user"]
    opened = logins.loc[by_user.session_id]
    assert (opened.operator_id.values == by_user.operator_id.values).all()
    assert (opened.created_at.values <= by_user.created_at.values).all()
    sessions = set(core["saas_user_sessions"].id)
    assert not sessions & set(audit.session_id[audit.action == "logout"])
    assert (audit.action == "logout").any()


def test_the_audit_log_holds_everything_that_is_counted(core: Frames) -> None:
    audit = core["saas_unified_audit_logs"]
    assert audit.created_at.is_monotonic_increasing
    assert set(audit.operator_type) == {"user", "system", "api", "scheduled"}
    alone = audit.operator_type.isin(["system", "scheduled"])
    assert audit.operator_id.isna().eq(alone).all()
    assert set(audit.status) == {"success", "failure", "partial"}
    exports = audit[audit.target_type == "export"]
    assert {"success", "failure"} <= set(exports.status)
    assert audit.module.nunique() == 6
    assert audit.error_info.notna().eq(audit.status == "failure").all()
    users = core["saas_users"].set_index("id").tenant_id
    people = audit.dropna(subset="operator_id")
    assert (users[people.operator_id].values == people.tenant_id.values).all()


def test_audit_entries_name_rows_of_other_domains(core: Frames) -> None:
    audit = core["saas_unified_audit_logs"]
    agents = pandas_frames("ai")["ai_agents"].set_index("id").tenant_id
    named = audit[(audit.target_type == "agent") & audit.target_id.notna()]
    assert len(named) and (agents[named.target_id].values == named.tenant_id.values).all()


# --- quotas, settings, alerts, monitoring --------------------------------------------------------


def test_quotas_are_in_force_or_not_and_some_have_no_limit(core: Frames) -> None:
    quotas = core["saas_tenant_quotas"]
    assert set(quotas.tenant_id) == set(core["saas_tenants"].id)
    today = END.date()
    assert (quotas.effective_from > today).any()
    ended = quotas.dropna(subset="effective_to")
    assert (ended.effective_to < today).any() and quotas.effective_to.isna().any()
    assert (ended.effective_to >= ended.effective_from).all()
    limits = [c for c in quotas.columns if c.startswith("max_")]
    assert quotas[limits].isna().any().any()
    assert quotas.warning_threshold.isna().any()
    assert quotas.overage_rate.notna().eq(quotas.overage_policy == "allow_overage").all()
    users = core["saas_users"].groupby("tenant_id").size()
    have = quotas.tenant_id.map(users).values
    assert (quotas.max_users < have).any() and (quotas.max_users >= have).mean() > 0.5


def test_settings_are_typed_and_secrets_are_encrypted(core: Frames) -> None:
    rows = core["saas_unified_configs"]
    assert set(rows.config_scope) == {"global", "module", "tenant", "user"}
    assert (rows.config_type == "encrypted").eq(rows.is_encrypted).all()
    assert rows.is_encrypted.any() and not rows.is_public[rows.is_encrypted].any()
    kinds = {"number": (int, float), "boolean": bool, "array": list, "json": dict}
    for kind, value in zip(rows.config_type, rows.config_value.map(json.loads), strict=True):
        assert isinstance(value, kinds.get(kind, str)), kind
    meant = rows[["tenant_id", "user_id", "config_key"]].fillna("")
    assert not meant.duplicated().any()
    assert rows.user_id.notna().eq(rows.config_scope == "user").all()
    assert rows.tenant_id.notna().eq(rows.config_scope.isin(["tenant", "user"])).all()
    keys = rows.set_index("id").config_key
    narrow = rows.dropna(subset="parent_config_id")
    assert (keys[narrow.parent_config_id].values == narrow.config_key.values).all()


def test_alert_times_follow_from_the_status(core: Frames) -> None:
    rows = core["saas_unified_alerts"]
    assert set(rows.status) == {"open", "acknowledged", "resolved", "suppressed", "expired"}
    assert rows.resolved_at.notna().eq(rows.status == "resolved").all()
    assert rows.acknowledged_at[rows.status == "acknowledged"].notna().all()
    assert rows.acknowledged_at[rows.status.isin(["open", "expired", "suppressed"])].isna().all()
    assert rows.acknowledged_by.notna().eq(rows.acknowledged_at.notna()).all()
    solved = rows[rows.status == "resolved"]
    assert solved.resolved_by.isna().any() and solved.resolved_by.notna().any()
    assert not (rows.acknowledged_at < rows.first_occurred_at).any()
    assert not (rows.resolved_at < rows.acknowledged_at).any()
    assert not (rows.resolved_at < rows.last_occurred_at).any()
    assert (rows.last_occurred_at > rows.first_occurred_at).eq(rows.occurrence_count > 1).all()
    for column in ("last_occurred_at", "acknowledged_at", "resolved_at"):
        assert rows[column].max() <= END, column
    age = END - rows.created_at
    assert (age[rows.status == "open"] <= pd.Timedelta(days=30)).all()
    assert (age[rows.status == "expired"] >= pd.Timedelta(days=29)).all()
    assert rows.alert_category.nunique() == 16


def test_rules_know_the_alerts_that_name_them(core: Frames) -> None:
    rules, raised = core["saas_monitor_rules"].set_index("id"), core["saas_unified_alerts"]
    theirs = raised[raised.source_id.isin(rules.index)]
    assert set(theirs.source_type) == {"monitor"}
    assert (rules.tenant_id[theirs.source_id].values == theirs.tenant_id.values).all()
    newest = theirs.groupby("source_id").created_at.max().reindex(rules.index)
    pd.testing.assert_series_equal(rules.last_triggered_at, newest, check_names=False)
    assert newest.notna().any()
    assert (rules.execution_count == rules.success_count + rules.failure_count).all()
    assert rules.last_executed_at.notna().eq(rules.execution_count > 0).all()
    assert not (rules.last_triggered_at > rules.last_executed_at).any()


def test_metrics_are_series_without_holes(core: Frames) -> None:
    rows = core["saas_system_metrics"]
    series = ["tenant_id", "metric_name", "labels"]
    keyed = rows[[*series, "recorded_at"]].fillna({"tenant_id": "", "labels": ""})
    assert not keyed.duplicated().any()
    gaps = keyed.groupby(series).recorded_at.apply(lambda t: t.sort_values().diff().nunique())
    assert (gaps == 1).all()
    assert rows.groupby("metric_name").time_window.nunique().eq(1).all()
    percent = rows[rows.metric_name.str.contains("percent")].metric_value.astype(float)
    assert percent.between(0, 100).all() and (rows.metric_value.astype(float) >= 0).all()
    assert rows.tenant_id.isna().any() and rows.tenant_id.notna().any()


def test_probes_count_their_checks(core: Frames) -> None:
    rows = core["saas_health_checks"]
    assert (rows.total_checks >= rows.successful_checks + rows.consecutive_failures).all()
    assert (rows.consecutive_failures[rows.status == "healthy"] == 0).all()
    unknown = rows.status == "unknown"
    assert rows.last_check_at.isna().eq(unknown).all()
    assert (rows.total_checks[unknown] == 0).all()
    assert rows.status_code[rows.check_type != "http"].isna().all()


# --- messages and files --------------------------------------------------------------------------


def test_notifications_reach_at_most_those_addressed(core: Frames) -> None:
    rows = core["saas_notifications"]
    assert set(rows.status) == {"draft", "scheduled", "sending", "sent", "failed", "cancelled"}
    assert (rows.sent_count <= rows.total_recipients).all()
    assert (rows.read_count <= rows.sent_count).all()
    out = rows.status.isin(["sent", "sending"])
    assert rows.sent_at.notna().eq(out).all() and (rows.sent_count[~out] == 0).all()
    assert (rows.sent_count[rows.status == "sent"] > 0).any()
    assert not (rows.sent_at < rows.created_at).any() and not (rows.sent_at > END).any()
    assert rows.scheduled_at.isna().eq(rows.send_immediately).all()
    assert (rows.scheduled_at[rows.status == "scheduled"] > END).all()
    assert rows.recipient_ids.isna().eq(rows.recipient_type == "all").all()
    users = core["saas_users"].groupby("tenant_id").size()
    assert (rows.total_recipients <= rows.tenant_id.map(users)).all()
    one = rows[(rows.recipient_type == "user")].recipient_ids.map(lambda text: json.loads(text)[0])
    assert one.isin(core["saas_users"].id).all()


def test_message_times_follow_from_the_status(core: Frames) -> None:
    rows = core["saas_message_logs"]
    assert set(rows.status) == {"pending", "sending", "sent", "delivered", "failed", "bounced"}
    assert rows.sent_at.notna().eq(rows.status.isin(["sent", "delivered", "bounced"])).all()
    assert rows.delivered_at.notna().eq(rows.status == "delivered").all()
    assert rows.error_code.notna().eq(rows.status.isin(["failed", "bounced"])).all()
    steps = ["created_at", "sent_at", "delivered_at", "opened_at", "clicked_at"]
    for earlier, later in pairwise(steps):
        both = rows.dropna(subset=later)
        assert len(both) and (both[later] >= both[earlier]).all(), later
        assert rows[later].max() <= END, later
    assert rows.recipient_id.notna().eq(rows.recipient_type == "user").all()
    users = core["saas_users"].set_index("id")
    mails = rows[(rows.message_type == "email") & rows.recipient_id.notna()]
    assert (users.email[mails.recipient_id].values == mails.recipient_address.values).all()
    templates = core["saas_message_templates"].set_index("id").template_type
    made = rows.dropna(subset="template_id")
    assert len(made) and (templates[made.template_id].values == made.message_type.values).all()


def test_messages_of_a_notification_are_within_its_counters(core: Frames) -> None:
    told = core["saas_notifications"].set_index("id")
    rows = core["saas_message_logs"]
    assert rows.notification_id.isna().any()
    mine = rows.dropna(subset="notification_id")
    reached = mine[mine.status.isin(["sent", "delivered"])].groupby("notification_id").size()
    assert len(reached) and (reached <= told.sent_count[reached.index]).all()
    every = mine.groupby("notification_id").size()
    assert (every <= told.total_recipients[every.index]).all()
    assert (mine.created_at.values >= told.sent_at[mine.notification_id].values).all()
    assert not mine.duplicated(["notification_id", "recipient_id"]).any()


def test_files_are_temporary_deleted_or_kept(core: Frames) -> None:
    rows = core["saas_files"]
    assert rows.is_temporary.eq(rows.expires_at.notna()).all()
    passing = rows[rows.is_temporary]
    assert (passing.expires_at >= CLEANED).all(), "what expired earlier was removed at night"
    assert (passing.expires_at <= END).any() and (passing.expires_at > END).any()
    gone = rows.dropna(subset="deleted_at")
    assert len(gone) and (gone.deleted_at >= gone.created_at).all()
    assert rows.deleted_by.notna().eq(rows.deleted_at.notna()).all()
    assert rows.user_id.isna().any()
    same = rows[rows.duplicated("file_hash", keep=False)]
    assert len(same) and same.groupby("file_hash").file_size.nunique().eq(1).all()
    assert not (rows.last_accessed_at < rows.created_at).any()
    assert rows.file_category.nunique() == 6


def test_shares_belong_to_files_that_were_there(core: Frames) -> None:
    files, rows = core["saas_files"].set_index("id"), core["saas_file_shares"]
    theirs = files.loc[rows.file_id]
    assert (theirs.created_at.values <= rows.created_at.values).all()
    assert not (theirs.deleted_at.values < rows.created_at.values).any()
    assert not rows.is_active[rows.expires_at < CLEANED].any()
    assert rows.is_active.any() and (rows.expires_at < CLEANED).any()
    assert (rows.download_count <= rows.access_count).all()
    assert not (rows.download_count > rows.max_downloads).any()
    assert rows.share_password.notna().eq(rows.share_type == "password").all()
    through = rows.groupby("file_id").download_count.sum()
    assert (files.download_count[through.index] >= through).all()
    assert not (rows.last_accessed_at > rows.expires_at).any()


# --- the whole -----------------------------------------------------------------------------------


def test_the_same_plan_gives_the_same_rows() -> None:
    plan = make_plan("demo", 3, "2026-02-28")
    once = list(generate(plan, prepared_world(plan)))
    again = list(generate(plan, prepared_world(plan)))
    assert [name for name, _ in once] == [name for name, _ in again]
    assert all(a.equals(b) for (_, a), (_, b) in zip(once, again, strict=True))


def test_logins_older_than_their_table_are_only_in_the_audit_log() -> None:
    plan = make_plan("small", 1, "2026-06-30")
    tables = ("saas_users", "saas_login_attempts", "saas_unified_audit_logs")
    frames = {
        name: chunk.select(
            [c for c in ("id", "created_at", "last_login_at", "action", "status") if c in
             chunk.column_names]
        ).to_pandas()
        for name, chunk in generate(plan, prepared_world(plan))
        if name in tables
    }  # fmt: skip
    kept = pd.Timestamp(plan.since("saas_login_attempts"))
    assert frames["saas_login_attempts"].created_at.min() >= kept
    assert len(frames["saas_login_attempts"]) == plan.rows("saas_login_attempts")
    audit = frames["saas_unified_audit_logs"]
    logins = audit[(audit.action == "login") & (audit.status == "success")].created_at
    assert (logins < kept).any() and (logins >= kept).any()
    assert logins.max() == frames["saas_users"].last_login_at.max()


def test_no_alert_was_resolved_after_the_end_where_there_are_many() -> None:
    plan = make_plan("small", 1, "2026-06-30")
    chunks = generate(plan, prepared_world(plan))
    rows = pd.concat(plain(c).to_pandas() for name, c in chunks if name == "saas_unified_alerts")
    young = rows[rows.created_at > END - pd.Timedelta(hours=12)]
    assert len(young) > 10
    for column in ("last_occurred_at", "acknowledged_at", "resolved_at", "updated_at"):
        assert rows[column].max() <= END, column
