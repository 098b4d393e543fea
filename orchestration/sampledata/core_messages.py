"""Message templates, notifications and their deliveries; files and shares of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from orchestration.sampledata.conform import conform
from orchestration.sampledata.core_people import (
    DEPARTMENTS,
    Chunk,
    People,
    Roles,
    inside,
    tenant_column,
    when,
)
from orchestration.sampledata.random import (
    DAY,
    Bools,
    Indexes,
    Times,
    chance,
    choice,
    choice_index,
    codes,
    fixed_text,
    hash_share,
    hex_text,
    ids_of,
    join,
    json_choice,
    json_object,
    log_normal_int,
    nullify,
    numbers_as_text,
    phones,
    plus_seconds,
    rank_in_group,
    rhythm,
    sentences,
    stream,
    take,
    text,
    unique_emails,
    urls,
)
from orchestration.sampledata.world import Rows

EMAIL, SMS, PUSH, WEBHOOK, IN_APP = range(5)
CHANNELS = ("email", "sms", "push", "webhook", "in_app")
PROVIDERS = ("smtp", "sms-gateway", "push-gateway", "webhook", "console")
# (code, name, channel, category, subject or "", body)
TEMPLATES = (
    ("welcome", "欢迎邮件", EMAIL, "onboarding", "欢迎 🎉", "您好 {{name}}，账号已开通。"),
    ("login_code", "登录验证码", SMS, "verification", "", "验证码 {{code}}，五分钟内有效。"),
    ("order_paid", "支付成功", IN_APP, "order", "订单已支付", "订单 {{order_no}} 已支付。"),
    ("visit_reminder", "服务提醒", SMS, "reminder", "", "{{name}}，服务将于 {{time}} 开始。"),
    ("weekly_report", "周报", EMAIL, "report", "本周运营周报 📈", "<h1>{{week}}</h1>{{body}}"),
    ("promotion", "营销推送", PUSH, "marketing", "", "限时优惠 🧧：{{title}}"),
    ("order_hook", "订单回调", WEBHOOK, "integration", "", '{"order": "{{order_no}}"}'),
    ("alert_digest", "告警汇总", EMAIL, "alert", "[{{level}}] 告警汇总", "共 {{count}} 条告警。"),
)  # fmt: skip
DRAFT, SCHEDULED, SENDING, SENT, FAILED, CANCELLED = range(6)
TO_USER, TO_ROLE, TO_DEPARTMENT, TO_ALL = range(4)


@dataclass(frozen=True)
class Mail:
    """Templates, and notifications sorted by time with who they reached."""

    people: People
    roles: Roles
    templates: Rows
    template_kind: Indexes
    tenant: Indexes
    created: Times
    sent_at: Times
    scheduled_at: Times
    status: Indexes
    to: Indexes
    recipient: Indexes  # the user of a notification to one
    total: Indexes
    sent: Indexes
    read: Indexes


def plan_mail(people: People, roles: Roles) -> Mail:
    """Who was told what, when, and how many of them it reached."""
    plan, world = people.plan, people.world
    rng = stream(plan, "core/notifications")
    templates_ = world.rows("saas_message_templates")
    beat = rhythm(plan.start, plan.end, growth=1.5)
    tenant, created = people.happenings(rng, plan.rows("saas_notifications"), plan.start, beat)
    count, end = len(tenant), people.end
    recent = (end - created).astype(np.int64) < 3 * DAY
    status = choice_index(rng, count, (3, 0, 0, 90, 3, 4))
    status = np.where(recent, choice_index(rng, count, (8, 18, 6, 68, 0, 0)), status)
    status[-2:] = SCHEDULED, SENDING  # some of each, at any scale
    planned = (status == SCHEDULED) | ((status == SENT) & chance(rng, count, 0.2))
    wait = log_normal_int(rng, count, 18_000, 0.9, 600, 3 * DAY)
    due = plus_seconds(created, wait)
    planned &= (status == SCHEDULED) | (due < end)
    due = np.where(status == SCHEDULED, plus_seconds(np.full(count, end), wait), due)
    began = np.where(
        planned, due, np.minimum(plus_seconds(created, rng.integers(0, 5, count)), end)
    )
    out = (status == SENT) | (status == SENDING)
    to = choice_index(rng, count, (60, 15, 10, 15))
    there = people.count_at(tenant, created)
    some = np.maximum(there * rng.integers(10, 50, count) // 100, 1)
    total = np.where(to == TO_USER, 1, np.where(to == TO_ALL, there, some))
    total = np.where(out | (status == FAILED), total, 0)
    missed = np.where(chance(rng, count, 0.2), total * rng.integers(0, 30, count) // 100, 0)
    sent = np.where(status == SENT, total - missed, np.where(status == SENDING, total // 2, 0))
    read = np.where(status == SENT, np.floor(sent * rng.random(count) ** 0.6), 0).astype(np.int64)
    return Mail(
        people=people,
        roles=roles,
        templates=templates_,
        template_kind=rank_in_group(templates_.tenant) % len(TEMPLATES),
        tenant=tenant,
        created=created,
        sent_at=when(began, out),
        scheduled_at=when(due, planned),
        status=status,
        to=to,
        recipient=people.somebody(rng, tenant, created),
        total=total,
        sent=sent,
        read=read,
    )


def templates(mail: Mail) -> Chunk:
    """Templates of the tenants; the shipped ones belong to the default tenant."""
    rows, kind, plan = mail.templates, mail.template_kind, mail.people.plan
    count, rng = len(rows), stream(plan, "saas_message_templates")
    series = rank_in_group(rows.tenant) // len(TEMPLATES)
    suffix = pa.array([f"_{n + 1}" if n else "" for n in series])
    subjects = [t[4] for t in TEMPLATES]
    return "saas_message_templates", conform(
        "saas_message_templates",
        {
            "id": rows.ids(),
            "tenant_id": rows.tenant_ids(),
            "template_name": take([t[1] for t in TEMPLATES], kind),
            "template_code": join(take([t[0] for t in TEMPLATES], kind), suffix),
            "template_type": take([CHANNELS[t[2]] for t in TEMPLATES], kind),
            "template_category": take([t[3] for t in TEMPLATES], kind),
            "subject": take(subjects, kind, np.asarray([bool(s) for s in subjects])[kind]),
            "content": take([t[5] for t in TEMPLATES], kind),
            "content_format": take(
                ["html" if t[0] == "weekly_report" else "json" if t[2] == WEBHOOK else "text"
                 for t in TEMPLATES], kind,
            ),
            "variables": json_choice(rng, count, [["name"], ["name", "time"]], null=0.1),
            "default_values": json_choice(rng, count, [{"name": "客户"}], null=0.5),
            "priority": choice(rng, count, {"low": 1, "normal": 6, "high": 2, "urgent": 1}),
            "is_active": chance(rng, count, 0.9),
            "version": choice(rng, count, {"1.0": 6, "1.1": 3, "2.0": 1}),
            "created_at": rows.created_at,
            "created_by": mail.people.rows.ids(
                mail.people.somebody(rng, rows.tenant, rows.created_at)
            ),
        },
    )  # fmt: skip


def notifications(mail: Mail) -> Chunk:
    """Notifications with their delivery counters."""
    people, plan = mail.people, mail.people.plan
    count, rng = len(mail.tenant), stream(plan, "saas_notifications")
    kind = choice_index(rng, count, (20, 35, 20, 15, 10))
    titles = ("系统维护通知 🔧", "新订单待处理", "告警提醒 🚨", "日程提醒", "平台公告")
    first = mail.roles.first[mail.tenant]
    size = np.diff(mail.roles.first)[mail.tenant]
    role = first + np.floor(rng.random(count) * size).astype(np.int64)
    department = take(DEPARTMENTS, rng.integers(0, len(DEPARTMENTS), count))
    one = pc.coalesce(
        people.rows.ids(np.where(mail.to == TO_USER, mail.recipient, -1)),
        mail.roles.ids(np.where(mail.to == TO_ROLE, role, -1)),
        nullify(department.dictionary_decode(), mail.to == TO_DEPARTMENT),
    )
    began = np.where(np.isnat(mail.sent_at), mail.created, mail.sent_at)
    return "saas_notifications", conform(
        "saas_notifications",
        {
            "id": ids_of(plan, "saas_notifications", np.arange(count)),
            "tenant_id": tenant_column(people, mail.tenant),
            "notification_type": take(
                ("system", "business", "alert", "reminder", "announcement"), kind
            ),
            "title": take(titles, kind),
            "content": sentences(rng, count),
            "content_format": choice(rng, count, {"text": 8, "html": 1, "markdown": 1}),
            "recipient_type": take(("user", "role", "department", "all"), mail.to),
            "recipient_ids": join('["', one, '"]'),
            "priority": choice(rng, count, {"low": 1, "normal": 6, "high": 2, "urgent": 1}),
            "category": choice(rng, count, {"运营": 3, "安全": 2, "订单": 4, None: 2}),
            "tags": json_choice(rng, count, [["自动"]], null=0.8),
            "send_immediately": np.isnat(mail.scheduled_at),
            "scheduled_at": mail.scheduled_at,
            "expires_at": when(
                plus_seconds(np.fmax(began, mail.scheduled_at), rng.integers(DAY, 30 * DAY, count)),
                chance(rng, count, 0.4),
            ),
            "status": take(
                ("draft", "scheduled", "sending", "sent", "failed", "cancelled"), mail.status
            ),
            "total_recipients": mail.total,
            "sent_count": mail.sent,
            "read_count": mail.read,
            "created_at": mail.created,
            "updated_at": began,
            "created_by": people.rows.ids(
                np.where(
                    chance(rng, count, 0.5), people.somebody(rng, mail.tenant, mail.created), -1
                )
            ),
            "sent_at": mail.sent_at,
        },
    )


# --- single messages -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Messages:
    """Messages sorted by time; -1 where there is no user or notification."""

    tenant: Indexes
    at: Times
    user: Indexes
    notification: Indexes
    missed: Bools  # a recipient of the notification who was not reached


def plan_messages(mail: Mail) -> Messages:
    """Deliveries of notifications (never more than addressed) and messages on their own."""
    people, plan = mail.people, mail.people.plan
    rng, since = stream(plan, "core/messages"), plan.since("saas_message_logs")
    total = plan.rows("saas_message_logs")
    slots = np.minimum(mail.total, 500)
    slots = np.where(mail.sent_at >= np.datetime64(since, "s"), slots, 0)
    owner = np.repeat(np.arange(len(slots)), slots)
    place = rank_in_group(owner)
    kept = np.sort(rng.choice(len(owner), min(len(owner), round(total * 0.4)), replace=False))
    owner, place = owner[kept], place[kept]
    tenant = mail.tenant[owner]
    there = people.count_at(tenant, mail.created[owner])
    user = people.rows.first[tenant] + (owner + place) % there
    user = np.where(mail.to[owner] == TO_USER, mail.recipient[owner], user)
    at = np.minimum(plus_seconds(mail.sent_at[owner], rng.integers(0, 90, len(owner))), people.end)
    rest = total - len(owner)
    beat = rhythm(since, plan.end, growth=1.5)
    lone_tenant, lone_at = people.happenings(rng, rest, since, beat)
    lone_user = people.somebody(rng, lone_tenant, lone_at)
    lone_user = np.where(chance(rng, rest, 0.45), -1, lone_user)
    times = np.r_[at, lone_at]
    order = np.argsort(times, kind="stable")
    none = np.full(rest, -1)
    return Messages(
        np.r_[tenant, lone_tenant][order],
        times[order],
        np.r_[user, lone_user][order],
        np.r_[owner, none][order],
        np.r_[place >= mail.sent[owner], none == 0][order],
    )


def message_logs(mail: Mail) -> Iterator[Chunk]:
    """Messages; their times follow from their status."""
    people, plan, sent = mail.people, mail.people.plan, plan_messages(mail)
    kinds = np.asarray([t[2] for t in TEMPLATES])[mail.template_kind]
    for number, part in enumerate(plan.chunks(len(sent.at))):
        rows, rng = np.arange(part.start, part.stop), stream(plan, "saas_message_logs", number)
        n, tenant, at, user = len(rows), sent.tenant[part], sent.at[part], sent.user[part]
        told, end = sent.notification[part] >= 0, np.full(len(rows), people.end)
        channel = choice_index(rng, n, (35, 30, 15, 8, 12))
        channel = np.where((user < 0) & (channel == IN_APP), WEBHOOK, channel)
        channel = np.where((user >= 0) & (channel == WEBHOOK), IN_APP, channel)
        emails, numbers = take(people.emails, user), take(people.phones, user)
        no_email = ~emails.dictionary_decode().is_valid().to_numpy(False)
        no_phone = ~numbers.dictionary_decode().is_valid().to_numpy(False)
        unreachable = (channel == EMAIL) & no_email | (channel == SMS) & no_phone
        channel = np.where(unreachable & (user >= 0), IN_APP, channel)
        template = np.where(~told, mail.templates.pick(rng, tenant, at=at), -1)
        template = np.where((template >= 0) & (kinds[template] == channel), template, -1)
        address = pc.coalesce(
            nullify(emails.dictionary_decode(), channel == EMAIL),
            nullify(numbers.dictionary_decode(), channel == SMS),
            nullify(unique_emails(rng, rows), channel == EMAIL),
            nullify(phones(rng, n), channel == SMS),
            nullify(urls("hooks", "in", fixed_text(plan, "hook", tenant, 12)), channel == WEBHOOK),
            nullify(join("user:", people.rows.ids(user)), channel == IN_APP),
            fixed_text(plan, "device_token", rows, 32),
        )
        # 0 pending, 1 sending, 2 sent, 3 delivered, 4 failed, 5 bounced
        status = choice_index(rng, n, (0, 0, 12, 80, 5, 3))
        status = np.where(told & ~sent.missed[part], choice_index(rng, n, (0, 0, 1, 9)), status)
        status = np.where(sent.missed[part], choice_index(rng, n, (0, 0, 0, 0, 2, 1)), status)
        fresh = ((end - at).astype(np.int64) < 6 * 3600) & ~told
        fresh |= (rows >= len(sent.at) - 20) & ~told
        status = np.where(fresh & chance(rng, n, 0.6), rng.integers(0, 2, n), status)
        accepted = (status == 2) | (status == 3) | (status == 5)
        sent_at = np.minimum(plus_seconds(at, log_normal_int(rng, n, 3, 0.9, 0, 900)), end)
        arrived = np.minimum(plus_seconds(sent_at, log_normal_int(rng, n, 8, 1.2, 0, 7200)), end)
        opened_at = plus_seconds(arrived, log_normal_int(rng, n, 3600, 1.5, 5, 5 * DAY))
        delivered = status == 3
        tracked = (channel == EMAIL) | (channel == PUSH) | (channel == IN_APP)
        opened = delivered & tracked & chance(rng, n, 0.5) & (opened_at <= end)
        clicked_at = plus_seconds(opened_at, rng.integers(2, 600, n))
        clicked = opened & chance(rng, n, 0.3) & (clicked_at <= end)
        bad = (status == 4) | (status == 5)
        error = np.where(bad, rng.integers(0, 3, n), -1)
        newest = np.fmax(np.fmax(at, when(sent_at, accepted)), when(arrived, delivered))
        newest = np.fmax(np.fmax(newest, when(opened_at, opened)), when(clicked_at, clicked))
        yield (
            "saas_message_logs",
            conform(
                "saas_message_logs",
                {
                    "id": ids_of(plan, "saas_message_logs", rows),
                    "tenant_id": tenant_column(people, tenant),
                    "message_type": take(CHANNELS, channel),
                    "template_id": mail.templates.pooled_ids(template),
                    "notification_id": ids_of(plan, "saas_notifications", sent.notification[part]),
                    "recipient_type": take(("user", "external"), np.where(user < 0, 1, 0)),
                    "recipient_id": people.rows.pooled_ids(user),
                    "recipient_address": address,
                    "subject": nullify(
                        choice(rng, n, ("您的周报", "订单通知 📦", "账号安全提醒", "告警通知")),
                        channel == EMAIL,
                    ),
                    "content": sentences(rng, n),
                    "variables_used": json_choice(rng, n, [{"name": "张伟"}, {}], null=0.4),
                    "status": take(
                        ("pending", "sending", "sent", "delivered", "failed", "bounced"), status
                    ),
                    "provider": take(PROVIDERS, channel, status > 0),
                    "external_id": nullify(hex_text(rng, n, 24), accepted),
                    "sent_at": when(sent_at, accepted),
                    "delivered_at": when(arrived, delivered),
                    "opened_at": when(opened_at, opened),
                    "clicked_at": when(clicked_at, clicked),
                    "error_code": take(("TIMEOUT", "REJECTED", "INVALID_ADDRESS"), error),
                    "error_message": nullify(join("rejected: ", address), bad),
                    "retry_count": np.where(
                        bad, rng.integers(1, 4, n), np.where(chance(rng, n, 0.03), 1, 0)
                    ),
                    "created_at": at,
                    "updated_at": newest,
                },
            ),
        )


# --- files ---------------------------------------------------------------------------------------

# (extension or None, media type, category, share, median bytes)
FILE_KINDS = (
    ("pdf", "application/pdf", "document", 24, 420_000),
    ("docx", "application/msword", "document", 12, 180_000),
    ("xlsx", "application/vnd.ms-excel", "document", 16, 90_000),
    ("jpg", "image/jpeg", "image", 24, 900_000),
    ("png", "image/png", "image", 10, 600_000),
    ("mp4", "video/mp4", "video", 3, 24_000_000),
    ("amr", "audio/amr", "audio", 4, 60_000),
    ("zip", "application/zip", "archive", 5, 5_000_000),
    (None, None, "other", 2, 20_000),
)
# (business_type, table)
OWNERS = (
    ("customer", "customers"),
    ("patient", "health_patients"),
    ("agent", "ai_agents"),
    ("service", "services"),
)
_TITLES = ("合同", "体检报告", "客户名单", "发票", "方案 📎", "照片", "录音", "周报")


@dataclass(frozen=True)
class Files:
    """Files sorted by upload; `gone` is the soft deletion (NaT while there)."""

    tenant: Indexes
    created: Times
    temporary: Bools
    expires: Times
    gone: Times


def plan_files(people: People) -> Files:
    """Uploads of the tenants' whole lives; of temporary files, what the nightly cleanup left."""
    plan, world = people.plan, people.world
    rng, total = stream(plan, "core/files"), plan.rows("saas_files")
    oldest = world.created_at.min().astype(object)
    scratch = max(round(total * 0.06), 12)
    recent = (people.end - np.timedelta64(5 * DAY, "s")).astype(object)
    kept = people.happenings(rng, total - scratch, oldest, rhythm(oldest, plan.end, growth=3.0))
    passing = people.happenings(rng, scratch, recent, rhythm(recent, plan.end))
    tenant, created = np.r_[kept[0], passing[0]], np.r_[kept[1], passing[1]]
    temporary = np.repeat([False, True], [total - scratch, scratch])
    order = np.lexsort((tenant, created.astype(np.int64)))
    tenant, created, temporary = tenant[order], created[order], temporary[order]
    night, end = np.full(total, people.last_night), np.full(total, people.end)
    life = np.asarray([DAY, 7 * DAY])[rng.integers(0, 2, total)]
    expires = plus_seconds(created, life)
    # Older ones are gone: what is left expires after the last cleanup.
    expires = np.where(expires < night, inside(rng, night, end), expires)
    gone = chance(rng, total, 0.08) & ~temporary
    return Files(
        tenant,
        created,
        temporary,
        when(expires, temporary),
        when(inside(rng, created, world.closed_at[tenant]), gone),
    )


@dataclass(frozen=True)
class Shares:
    """Share links; how often each was opened and used to download."""

    file: Indexes
    created: Times
    limit: Indexes  # -1: none
    downloads: Indexes
    opened: Indexes


def plan_shares(people: People, files: Files) -> Shares:
    """Links to files that are kept, made while the file was there."""
    plan, rng = people.plan, stream(people.plan, "core/shares")
    kept, count = np.flatnonzero(~files.temporary), plan.rows("saas_file_shares")
    file = kept[np.sort(rng.integers(0, len(kept), count))]
    last = np.where(np.isnat(files.gone[file]), people.world.closed_at[files.tenant[file]],
                    files.gone[file])  # fmt: skip
    created = inside(rng, files.created[file], last, 3.0)
    limit = np.where(chance(rng, count, 0.3), rng.integers(1, 20, count), -1)
    downloads = np.floor(rng.exponential(4, count)).astype(np.int64)
    downloads = np.where(limit >= 0, np.minimum(downloads, limit), downloads)
    opened = downloads + np.floor(rng.exponential(6, count)).astype(np.int64)
    return Shares(file, created, limit, downloads, opened)


def files_and_shares(people: People) -> Iterator[Chunk]:
    """Files, then the links to them; a file counts the downloads through its links too."""
    plan, world, files = people.plan, people.world, plan_files(people)
    shares, total = plan_shares(people, files), len(files.tenant)
    shared = np.bincount(shares.file, shares.downloads, minlength=total).astype(np.int64)
    for number, part in enumerate(plan.chunks(total)):
        rows, rng = np.arange(part.start, part.stop), stream(plan, "saas_files", number)
        n, tenant, created = len(rows), files.tenant[part], files.created[part]
        # Some were uploaded before, by somebody else perhaps: same bytes.
        again = hash_share(plan, "core/duplicate", rows) < 0.04
        body = np.where(again, rows // 2, rows)
        kind = np.searchsorted(
            np.cumsum([k[3] for k in FILE_KINDS]) / 100,
            hash_share(plan, "core/kind", body),
            "right",
        )
        kind = np.minimum(kind, len(FILE_KINDS) - 1)
        spread = (1 - hash_share(plan, "core/size", body)) ** -0.7
        size = np.asarray([k[4] for k in FILE_KINDS])[kind] * spread * 0.6
        size = np.minimum(size, 2**30).astype(np.int64)
        half = fixed_text(plan, "core/hash", body, 32)
        by_hand = chance(rng, n, 0.9)
        user = people.somebody(rng, tenant, created)
        title = join(take(_TITLES, rng.integers(0, len(_TITLES), n)), "-", rng.integers(1, 999, n))
        dot = take([f".{k[0]}" if k[0] else "" for k in FILE_KINDS], kind)
        name = join(title, dot)
        stored = join(numbers_as_text(rows, 9), dot)
        remote = chance(rng, n, 0.6)
        of = np.where(chance(rng, n, 0.5), rng.integers(0, len(OWNERS), n), -1)
        thing = np.full(n, -1, dtype=np.int64)
        for index, (_, table) in enumerate(OWNERS):
            mine = np.flatnonzero(of == index)
            thing[mine] = world.rows(table).pick(rng, tenant[mine], at=created[mine])
        of = np.where(thing >= 0, of, -1)
        gone = files.gone[part]
        here = np.where(np.isnat(gone), world.closed_at[tenant], gone)
        downloads = shared[part] + np.floor(rng.exponential(1.5, n)).astype(np.int64)
        used = (downloads > 0) | chance(rng, n, 0.1)
        path = join("/", take(world.code, tenant), "/", text(created.astype("M8[D]")), "/", stored)
        public = chance(rng, n, 0.05)
        yield (
            "saas_files",
            conform(
                "saas_files",
                {
                    "id": ids_of(plan, "saas_files", rows),
                    "tenant_id": tenant_column(people, tenant),
                    "user_id": people.rows.pooled_ids(np.where(by_hand, user, -1)),
                    "original_name": name,
                    "file_name": stored,
                    "file_path": path,
                    "file_size": size,
                    "file_type": take([k[0] or "" for k in FILE_KINDS], kind, kind < 8),
                    "mime_type": take([k[1] or "" for k in FILE_KINDS], kind, kind < 8),
                    "file_category": take([k[2] for k in FILE_KINDS], kind),
                    "business_type": take([o[0] for o in OWNERS], of),
                    "business_id": pc.coalesce(
                        *[
                            ids_of(plan, table, np.where(of == index, thing, -1))
                            for index, (_, table) in enumerate(OWNERS)
                        ]
                    ),
                    "storage_provider": take(("local", "oss"), remote.astype(np.int64)),
                    "storage_bucket": take(["saas-files"], np.where(remote, 0, -1)),
                    "storage_key": nullify(path, remote),
                    "is_public": public,
                    "is_temporary": files.temporary[part],
                    "expires_at": files.expires[part],
                    "file_hash": join(half, half),
                    "encryption_method": choice(rng, n, {"AES-256-GCM": 4, None: 6}),
                    "access_token": nullify(hex_text(rng, n, 40), public),
                    "download_count": downloads,
                    "last_accessed_at": when(inside(rng, created, here), used),
                    "deleted_at": gone,
                    "deleted_by": people.rows.ids(
                        np.where(np.isnat(gone), -1, people.rows.first[tenant])
                    ),
                    "created_at": created,
                    "updated_at": np.fmax(created, gone),
                },
            ),
        )
    yield _shares(people, files, shares)


def _shares(people: People, files: Files, shares: Shares) -> Chunk:
    plan, count = people.plan, len(shares.file)
    rng, tenant = stream(plan, "saas_file_shares"), files.tenant[shares.file]
    kind = choice_index(rng, count, (30, 50, 20))
    life = rng.integers(DAY, 90 * DAY, count)
    limited = chance(rng, count, 0.7)
    expires = when(plus_seconds(shares.created, life), limited)
    gone = ~np.isnat(files.gone[shares.file])
    active = ~(expires < people.last_night) & ~gone & chance(rng, count, 0.93)
    last = np.fmin(np.full(count, people.end), expires)
    last = np.fmin(last, files.gone[shares.file])
    return "saas_file_shares", conform(
        "saas_file_shares",
        {
            "id": ids_of(plan, "saas_file_shares", np.arange(count)),
            "tenant_id": tenant_column(people, tenant),
            "file_id": ids_of(plan, "saas_files", shares.file),
            "share_token": join(hex_text(rng, count, 32), codes("s", np.arange(count), 8)),
            "share_name": nullify(join("分享 ", np.arange(count) + 1), chance(rng, count, 0.7)),
            "share_description": nullify(sentences(rng, count), chance(rng, count, 0.3)),
            "share_type": take(("public", "password", "internal"), kind),
            "share_password": nullify(hex_text(rng, count, 8), kind == 1),
            "allowed_users": nullify(
                join('["', people.rows.ids(people.rows.first[tenant]), '"]'),
                (kind == 2) & chance(rng, count, 0.5),
            ),
            "permissions": nullify(
                json_object(preview=True, download=chance(rng, count, 0.8)),
                chance(rng, count, 0.9),
            ),
            "max_downloads": pa.array(shares.limit, mask=shares.limit < 0),
            "expires_at": expires,
            "access_count": shares.opened,
            "download_count": shares.downloads,
            "last_accessed_at": when(inside(rng, shares.created, last), shares.opened > 0),
            "is_active": active,
            "created_at": shares.created,
            "created_by": people.rows.ids(people.somebody(rng, tenant, shares.created)),
        },
    )
