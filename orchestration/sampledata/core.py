"""The twenty-one application tables of the unified core.

Who exists and until when is planned first (`core_people`), then who logged in (`core_security`);
sessions, audit entries and the figures on users and API keys follow from the logins.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from orchestration.sampledata import core_messages, core_people, core_security, core_service
from orchestration.sampledata.plan import Plan
from orchestration.sampledata.world import World


def generate(plan: Plan, world: World) -> Iterator[tuple[str, pa.Table]]:
    """All chunks, parents before children."""
    people = core_people.plan_people(plan, world)
    roles = core_people.plan_roles(people)
    security = core_security.plan_security(people)
    yield core_people.tenants(people)
    yield core_people.users(people, security.footprint())
    yield core_people.roles(roles)
    yield core_people.permissions(people)
    yield core_people.user_roles(roles)
    yield core_people.role_permissions(roles)
    yield core_security.api_keys(security)
    yield core_security.sessions(security)
    yield from core_security.login_attempts(security)
    yield from core_security.audit_logs(security)
    yield core_service.quotas(people, roles)
    yield core_service.configs(people)
    rules = core_service.plan_rules(people)
    yield from core_service.alerts(rules)
    yield core_service.monitor_rules(rules)
    yield from core_service.system_metrics(people)
    yield core_service.health_checks(people)
    mail = core_messages.plan_mail(people, roles)
    yield core_messages.templates(mail)
    yield core_messages.notifications(mail)
    yield from core_messages.message_logs(mail)
    yield from core_messages.files_and_shares(people)
