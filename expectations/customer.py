"""Customers: people and firms, stages, tags, segments, behaviour.

Days are business days, amounts yuan. Behaviour events are read by days (whole partitions are left
alone); the rest is small.
"""

from __future__ import annotations

from expectations.base import (
    CHECKED_DAYS,
    HISTORY_DAYS,
    REBUILT_DAYS,
    Product,
    Scope,
    complete,
    fresh,
    in_order,
    no_copies,
    no_rows,
    not_ahead,
    not_negative,
    quiet_nights,
    readable,
    rule,
    same_tenant,
    steady_mix,
    steady_ratio,
    steady_volume,
    within,
)

DATABASE = "customer_management"
CUSTOMERS = (DATABASE, "customers")
TAGS = (DATABASE, "customer_tag_definitions")
SEGMENTS = (DATABASE, "customer_segments")
BEHAVIORS = (DATABASE, "customer_behavior_definitions")
EVENT_DAY = "cast(event_time as date)"
WRITTEN_DAY = "cast(created_at as date)"
# Jeanne Calment lived 122 years and 164 days, longer than anybody else whose age is proven.
OLDEST_YEARS = 123
# Mainland mobile numbers (Telecommunications Numbering Plan, 2017): eleven digits from 13 to 19.
MOBILE = "^1[3-9][0-9]{9}$"
# RFC 5321 addresses: something, an at sign, a domain.
EMAIL = "^[^@ ]+@[^@ ]+[.][^@ ]+$"
# Amounts are rounded to cents, so two ways to the same one differ by no more than this.
ROUNDING = 0.011
# Household and business services: beyond this a digit, or fen for yuan, is likelier than a sale.
DEAREST_ORDER_CNY = 500_000
# An action that lasts longer than a day was not ended by anybody.
LONGEST_ACTION_SECONDS = 86_400
# Rules of a tenant over all its customers run for minutes at most: the tick is every six hours.
LONGEST_RUN_MS = 6 * 3_600_000


def sources(scope: Scope) -> list[Product]:
    """What the applications wrote, in a fixed order."""
    return [
        customers(scope),
        contacts(scope),
        lifecycle_history(scope),
        tag_definitions(scope),
        tag_assignments(scope),
        tag_runs(scope),
        segments(scope),
        segment_members(scope),
        segment_runs(scope),
        behavior_definitions(scope),
        behavior_events(scope),
    ]


def outputs(scope: Scope) -> list[Product]:
    """What was built from it, in a fixed order."""
    return [
        behavior_statistics(scope),
        behavior_sequences(scope),
        lifetime_value(scope),
        segment_daily(scope),
        heatmap(scope),
        customer_360(scope),
        segment_statistics(scope),
        customer_dimension(scope),
        due_stages(scope),
        stage_changes(scope),
        rfm(scope),
        retention(scope),
        overlap(scope),
        paths(scope),
        event_facts(scope),
    ]


# --- sources: people -----------------------------------------------------------------------------


def customers(scope: Scope) -> Product:
    """One row per customer."""
    return Product(
        *CUSTOMERS,
        expectations=[
            readable(
                "customers_have_readable_names",
                scope,
                ["name", "nickname", "company_name", "position"],
                "Chinese decoded by the wrong table, or cut in the middle of a character.",
            ),
            rule(
                "customers_have_a_name",
                ["name"],
                f"trim(name) = '' or {scope.matches('name', '[?]{2}')}",
                "Empty names, or Chinese that a Latin connection turned into question marks.",
                "a name that can be read",
            ),
            rule(
                "customers_have_a_mobile_number",
                ["phone"],
                f"not {scope.matches('phone', MOBILE)}",
                "A number that a spreadsheet rounded (1.38E+10), or another column in its place.",
                "a mobile number of 11 digits",
            ),
            rule(
                "customers_have_an_address",
                ["email"],
                f"not {scope.matches('email', EMAIL)}",
                "Phone numbers or names in the place of e-mail addresses: swapped columns.",
                "an e-mail address",
            ),
            rule(
                "customers_have_a_plausible_age",
                ["birth_date"],
                f"birth_date > {scope.day(0)} "
                f"or birth_date < {scope.day(0)} - interval '{OLDEST_YEARS}' year",
                "A birth date to come, or a default like 1900-01-01.",
                f"born in the last {OLDEST_YEARS} years",
            ),
            rule(
                "customers_order_first_before_last",
                ["first_order_date", "last_order_date", "total_orders"],
                "first_order_date > last_order_date "
                "or (total_orders > 0) <> (last_order_date is not null)",
                "Swapped days, or a counter that was not moved with them: stages go by both.",
                "the first order not after the last, and days where there are orders",
            ),
            rule(
                "customers_order_in_the_past",
                ["last_order_date", "last_visit_date", "last_interaction_date"],
                f"last_order_date > {scope.day(0)} or last_visit_date > {scope.day(0)} "
                f"or last_interaction_date > {scope.day(0)}",
                "A zone added twice: days since the last order would be negative.",
                "days not after today",
            ),
            rule(
                "customers_mean_order_follows_from_the_total",
                ["avg_order_amount", "total_amount", "total_orders"],
                f"total_orders > 0 and abs(avg_order_amount * total_orders - total_amount) "
                f"> {ROUNDING} * total_orders",
                "Money rounded to whole yuan in one of the two, or fen for yuan.",
                "total_amount / total_orders",
            ),
            rule(
                "customers_last_order_is_part_of_the_total",
                ["last_order_amount", "total_amount"],
                "last_order_amount > total_amount or last_order_amount < 0 or total_amount < 0 "
                f"or total_amount > {DEAREST_ORDER_CNY} * total_orders",
                "Fen for yuan, or a total that was not moved with the order.",
                "last_order_amount at most total_amount",
            ),
            not_negative(
                "customers_counters_are_not_negative",
                [
                    "total_orders",
                    "total_visits",
                    "total_page_views",
                    "interaction_count",
                    "vip_level",
                    "credit_score",
                ],
                "A counter that wrapped round or was corrected by subtraction.",
            ),
            within(
                "customers_are_satisfied_in_stars",
                "satisfaction_score",
                0,
                5,
                "A percentage or a scale of ten for stars.",
            ),
            within(
                "customers_recommend_from_0_to_10",
                "nps_score",
                0,
                10,
                "The net score of all (-100 to 100) in the place of one answer.",
            ),
            in_order(
                "customers_are_contacted_first_before_last",
                ["first_contact_date", "last_contact_date"],
                "Swapped times.",
            ),
            not_ahead(
                "customers_are_not_of_tomorrow",
                scope,
                ["created_at", "updated_at", "first_contact_date", "last_contact_date"],
                "A clock that runs ahead or a zone added twice.",
            ),
            no_rows(
                "customers_do_not_vanish",
                ["status"],
                "A mapping of states that went wrong: hardly anybody active over night.",
                """
                , counted as (
                    select count(*) as customers,
                        sum(case when status in ('active', 'potential') then 1 else 0 end) as live
                    from checked
                )
                select customers as expected, live as got from counted
                where customers >= 50 and live < 0.2 * customers
                """,
                "a fifth of all customers active or potential",
            ),
            no_rows(
                "customers_have_several_stages",
                ["lifecycle_stage", "source_channel"],
                "A default in the place of a value: one stage or channel for everybody.",
                """
                , counted as (
                    select count(*) as customers, count(distinct lifecycle_stage) as stages,
                        count(distinct source_channel) as channels from checked
                )
                select customers as expected, stages as got from counted
                where customers >= 200 and (stages < 2 or channels < 2)
                """,
                "more than one stage and channel",
            ),
        ],
    )


def contacts(scope: Scope) -> Product:
    """One row per contact person."""
    return Product(
        DATABASE,
        "customer_contacts",
        expectations=[
            readable(
                "contacts_have_readable_names",
                scope,
                ["contact_name", "position", "department"],
                "Chinese decoded by the wrong table.",
            ),
            rule(
                "contacts_can_be_reached",
                ["phone", "email"],
                f"not {scope.matches('phone', '^[+]?[0-9][0-9 -]{5,18}$')} "
                f"or not {scope.matches('email', EMAIL)}",
                "Swapped columns, or a number that a spreadsheet rounded.",
                "a phone number and an e-mail address",
            ),
            no_rows(
                "contacts_have_one_to_address_first",
                ["is_primary"],
                "A batch that was loaded twice, or a flag set for everybody.",
                """
                select tenant_id, customer_id, 1 as expected, count(*) as got
                from checked where is_primary group by tenant_id, customer_id having count(*) > 1
                """,
                "at most one primary contact a customer",
            ),
            not_ahead(
                "contacts_are_not_of_tomorrow",
                scope,
                ["created_at", "updated_at"],
                "A clock that runs ahead or a zone added twice.",
            ),
            same_tenant(
                "contacts_stay_with_their_customers_tenant",
                scope,
                "customer_id",
                CUSTOMERS,
                "A tenant's contacts in another's sight.",
            ),
        ],
    )


def lifecycle_history(scope: Scope) -> Product:
    """One row per change of a customer's stage; read are those of the last year."""
    return Product(
        DATABASE,
        "customer_lifecycle_history",
        where=scope.since("created_at", 366),
        day=WRITTEN_DAY,
        expectations=[
            rule(
                "stages_change",
                ["old_stage", "new_stage"],
                "old_stage = new_stage",
                "The same change written twice: a move from a stage to itself.",
                "another stage than before",
            ),
            within(
                "stages_last_plausibly",
                "stage_duration_days",
                0,
                20_000,
                "Hours or seconds for days, or a change before the one before it.",
            ),
            not_ahead(
                "stages_are_not_of_tomorrow",
                scope,
                ["created_at"],
                "A clock that runs ahead: the change would stay the latest for days.",
            ),
            no_copies(
                "stages_are_written_once",
                scope,
                ["tenant_id", "customer_id", "new_stage", "created_at"],
                "A batch that was loaded twice under new identifiers.",
                day=WRITTEN_DAY,
            ),
            same_tenant(
                "stages_stay_with_their_customers_tenant",
                scope,
                "customer_id",
                CUSTOMERS,
                "A tenant's customers in another's history.",
            ),
            no_rows(
                "stages_do_not_all_change_at_once",
                ["new_stage"],
                "A rule that went wrong: a quarter of all customers moved on one day.",
                f"""
                , daily as (
                    select cast(created_at as date) as day, count(distinct customer_id) as moved
                    from checked where created_at >= {scope.instant(CHECKED_DAYS)} group by 1
                ), everybody as (
                    select count(*) as customers from {scope.relation(*CUSTOMERS)}
                )
                select d.day, 0.25 * e.customers as expected, d.moved as got
                from daily as d cross join everybody as e
                where e.customers >= 100 and d.moved > 0.25 * e.customers
                """,
                "less than a quarter of the customers a day",
            ),
        ],
    )


# --- sources: tags and segments ------------------------------------------------------------------


def tag_definitions(scope: Scope) -> Product:
    """One row per tag."""
    return Product(
        *TAGS,
        expectations=[
            no_rows(
                "tags_count_those_who_carry_them",
                ["customer_count"],
                "A stuck counter, or assignments that were lost or doubled since the last run.",
                _counted(scope, "customer_tags", "tag_id"),
                "customer_count near the active assignments",
            ),
            within(
                "tags_weigh_plausibly",
                "weight",
                0,
                100,
                "A percentage taken for a factor.",
            ),
            not_ahead(
                "tags_are_not_of_tomorrow",
                scope,
                ["created_at", "updated_at", "last_calculated_at"],
                "A clock that runs ahead: the rule would not run until then.",
            ),
            rule(
                "tags_by_rule_have_one",
                ["auto_assign", "rule_config"],
                "auto_assign and rule_config is null",
                "A rule that was lost: the tag would be taken from everybody.",
                "a rule where it is assigned by rule",
            ),
            readable(
                "tags_have_readable_names",
                scope,
                ["tag_name", "tag_description", "category"],
                "Chinese decoded by the wrong table, on every customer's page.",
            ),
        ],
    )


def tag_assignments(scope: Scope) -> Product:
    """One row per customer and tag ever assigned."""
    return Product(
        DATABASE,
        "customer_tags",
        expectations=[
            rule(
                "tags_expire_after_they_begin",
                ["assigned_at", "expires_at"],
                "expires_at <= assigned_at",
                "Swapped times: a tag that lapses before anybody sees it.",
                "assigned_at before expires_at",
            ),
            within(
                "tags_are_sure_up_to_certainty",
                "confidence",
                0,
                1,
                "A percentage (95) for a share (0.95).",
            ),
            within(
                "tags_score_plausibly",
                "tag_score",
                0,
                100,
                "An identifier or a count in the place of a factor.",
            ),
            rule(
                "tags_are_given_in_the_past",
                ["assigned_at", "last_verified_at"],
                f"assigned_at > {scope.soon()} or last_verified_at > {scope.soon()} "
                "or last_verified_at < assigned_at - interval '1' hour",
                "A clock that runs ahead, or a zone shifted in one of the two.",
                "assigned, then verified, not after now",
            ),
            same_tenant(
                "tags_stay_with_their_customers_tenant",
                scope,
                "customer_id",
                CUSTOMERS,
                "A tenant's customers tagged by another.",
            ),
            same_tenant(
                "tags_stay_with_their_definitions_tenant",
                scope,
                "tag_id",
                TAGS,
                "A tag of another tenant.",
            ),
        ],
    )


def tag_runs(scope: Scope) -> Product:
    """One row per run of a tag's rule; read are those of the last weeks."""
    return Product(
        DATABASE,
        "tag_rule_execution_logs",
        where=scope.since("created_at"),
        day=WRITTEN_DAY,
        expectations=[
            rule(
                "tag_runs_change_at_most_what_they_looked_at",
                ["processed_customers", "added_tags", "removed_tags"],
                "added_tags < 0 or removed_tags < 0 "
                "or added_tags + removed_tags > processed_customers",
                "Swapped counters, or batches counted twice.",
                "added and removed at most processed",
            ),
            within(
                "tag_runs_take_plausibly_long",
                "execution_time_ms",
                0,
                LONGEST_RUN_MS,
                "Microseconds for milliseconds.",
            ),
            rule(
                "tag_runs_that_fail_say_why",
                ["execution_status", "error_message"],
                "(execution_status = 'success') <> (error_message is null)",
                "States mapped wrongly: a failed rule would look as if it had run.",
                "an error where it failed, and only there",
            ),
            not_ahead(
                "tag_runs_are_not_of_tomorrow",
                scope,
                ["created_at"],
                "A clock that runs ahead: the rule would not fall due.",
            ),
            same_tenant(
                "tag_runs_stay_with_their_tags_tenant",
                scope,
                "tag_id",
                TAGS,
                "A rule run over another tenant's customers.",
            ),
        ],
    )


def segments(scope: Scope) -> Product:
    """One row per segment."""
    return Product(
        *SEGMENTS,
        expectations=[
            no_rows(
                "segments_count_their_members",
                ["customer_count"],
                "A stuck counter, or members that were lost or doubled since the last run.",
                _counted(scope, "customer_segment_members", "segment_id"),
                "customer_count near the active members",
            ),
            within(
                "segments_convert_a_percentage",
                "conversion_rate",
                0,
                100,
                "A share for a percentage the wrong way: a rate of 140.",
            ),
            not_negative(
                "segments_figures_are_not_negative",
                ["customer_count", "avg_order_amount", "total_revenue", "calculation_duration_ms"],
                "A figure corrected by subtraction.",
            ),
            not_ahead(
                "segments_are_not_of_tomorrow",
                scope,
                ["created_at", "updated_at", "last_calculated_at"],
                "A clock that runs ahead: the segment would not fall due.",
            ),
            readable(
                "segments_have_readable_names",
                scope,
                ["segment_name", "segment_description"],
                "Chinese decoded by the wrong table.",
            ),
        ],
    )


def segment_members(scope: Scope) -> Product:
    """One row per segment and customer ever in it; read are those who joined in the last weeks."""
    return Product(
        DATABASE,
        "customer_segment_members",
        where=scope.since("joined_at"),
        day="cast(joined_at as date)",
        expectations=[
            within(
                "members_match_up_to_fully",
                "match_score",
                0,
                1,
                "A percentage (95) for a share (0.95).",
            ),
            rule(
                "members_join_in_the_past",
                ["joined_at", "last_matched_at"],
                f"joined_at > {scope.soon()} or last_matched_at > {scope.soon()} "
                "or last_matched_at < joined_at - interval '1' hour",
                "A clock that runs ahead, or a zone shifted in one of the two.",
                "joined, then matched, not after now",
            ),
            same_tenant(
                "members_stay_with_their_customers_tenant",
                scope,
                "customer_id",
                CUSTOMERS,
                "A tenant's customers in another's segment.",
            ),
            same_tenant(
                "members_stay_with_their_segments_tenant",
                scope,
                "segment_id",
                SEGMENTS,
                "A segment that reaches into another tenant.",
            ),
        ],
    )


def segment_runs(scope: Scope) -> Product:
    """One row per calculation of a segment; read are those of the last year."""
    return Product(
        DATABASE,
        "segment_calculation_history",
        where=scope.since("started_at", 366),
        day="cast(started_at as date)",
        expectations=[
            in_order(
                "segment_runs_end_after_they_begin",
                ["started_at", "completed_at"],
                "Swapped times: durations would be negative.",
            ),
            within(
                "segment_runs_take_plausibly_long",
                "calculation_time_ms",
                0,
                LONGEST_RUN_MS,
                "Microseconds for milliseconds.",
            ),
            rule(
                "segment_runs_keep_at_most_what_they_looked_at",
                ["total_customers", "final_count", "added_customers"],
                "calculation_status = 'success' and (final_count < 0 or added_customers < 0 "
                "or removed_customers < 0 or added_customers > final_count "
                "or (calculation_type = 'full' and final_count > total_customers))",
                "Swapped counters, or members counted twice.",
                "added at most final, final at most looked at",
            ),
            no_rows(
                "segment_runs_add_up",
                ["final_count", "added_customers", "removed_customers"],
                "A count of another segment, or joiners and leavers lost between two runs.",
                """
                , ordered as (
                    select id, tenant_id, final_count, added_customers, removed_customers,
                        lag(final_count) over (
                            partition by segment_id order by started_at, id) as previous
                    from checked where calculation_status = 'success'
                )
                select tenant_id, id as row_id,
                    previous + added_customers - removed_customers as expected, final_count as got
                from ordered
                where abs(final_count - (previous + added_customers - removed_customers))
                    > 5 + 0.25 * previous
                """,
                "near the run before and what it added, less what it removed",
            ),
            not_ahead(
                "segment_runs_are_not_of_tomorrow",
                scope,
                ["started_at", "completed_at"],
                "A clock that runs ahead: the segment would not fall due.",
            ),
            same_tenant(
                "segment_runs_stay_with_their_segments_tenant",
                scope,
                "segment_id",
                SEGMENTS,
                "A run over another tenant's customers.",
            ),
        ],
    )


# --- sources: behaviour --------------------------------------------------------------------------


def behavior_definitions(scope: Scope) -> Product:
    """One row per kind of behaviour."""
    return Product(
        *BEHAVIORS,
        expectations=[
            within(
                "behaviors_weigh_plausibly",
                "weight",
                0,
                100,
                "A percentage taken for a factor.",
            ),
            within(
                "behaviors_are_kept_for_a_plausible_time",
                "retention_days",
                1,
                3660,
                "Seconds or months for days.",
            ),
            readable(
                "behaviors_have_readable_names",
                scope,
                ["behavior_name", "behavior_description"],
                "Chinese decoded by the wrong table, in every heat map.",
            ),
        ],
    )


def behavior_events(scope: Scope) -> Product:
    """One row per tracked action; read are those of the last weeks."""
    online = "case when event_source in ('web', 'app') then 1 else 0 end"
    there = f"select id from {scope.relation(*CUSTOMERS)} where created_at < "
    known = f"case when customer_id in ({there}{scope.instant(HISTORY_DAYS)}) then 1 else 0 end"
    return Product(
        DATABASE,
        "customer_behavior_events",
        where=scope.since("event_time"),
        day=EVENT_DAY,
        expectations=[
            steady_volume(
                "events_volume_is_steady",
                scope,
                known,
                "A partial, missing or doubled day of the tracker; new customers are left out.",
                day=EVENT_DAY,
            ),
            complete(
                "events_come_from_every_tenant",
                scope,
                "A tenant whose tracker fell out with a release of its site.",
                day=EVENT_DAY,
                least=60,
            ),
            fresh(
                "events_are_fresh",
                scope,
                EVENT_DAY,
                "A pipeline that stopped, or events of tomorrow.",
            ),
            no_copies(
                "events_are_tracked_once",
                scope,
                [
                    "tenant_id",
                    "customer_id",
                    "behavior_id",
                    "event_name",
                    "event_time",
                    "session_id",
                    "ip_address",
                    "duration_seconds",
                    "event_value",
                ],
                "A batch that was loaded twice under new identifiers: every count would double.",
                day=EVENT_DAY,
            ),
            not_ahead(
                "events_are_not_of_tomorrow",
                scope,
                ["event_time", "processed_at"],
                "A clock that runs ahead: the event lies in a partition that is not there yet.",
            ),
            rule(
                "events_are_taken_in_after_they_happen",
                ["event_time", "processed_at"],
                "processed_at < event_time - interval '10' minute "
                "or processed_at > event_time + interval '31' day",
                "A zone shifted in one of the two.",
                "taken in within a month",
            ),
            quiet_nights(
                "events_sleep_at_night",
                scope,
                "event_time",
                "Times shifted by a time zone: people do not shop between two and six.",
            ),
            within(
                "events_last_plausibly",
                "duration_seconds",
                0,
                LONGEST_ACTION_SECONDS,
                "Milliseconds for seconds, or an end before the beginning.",
            ),
            within(
                "events_have_a_plausible_value",
                "event_value",
                0,
                DEAREST_ORDER_CNY,
                "Fen for yuan, or a negative amount.",
            ),
            steady_ratio(
                "events_mean_duration_is_steady",
                scope,
                "duration_seconds",
                "case when duration_seconds is not null then 1 else 0 end",
                "A unit that changed with a release of the tracker.",
                day=EVENT_DAY,
                low=0.2,
                high=5,
                least=50,
            ),
            steady_ratio(
                "events_mean_value_is_steady",
                scope,
                "event_value",
                "case when event_value is not null then 1 else 0 end",
                "Fen for yuan on one day.",
                day=EVENT_DAY,
                low=0.1,
                high=10,
                least=20,
            ),
            steady_ratio(
                "events_have_a_session_as_usual",
                scope,
                "case when event_source in ('web', 'app') and session_id is null then 1 else 0 end",
                online,
                "A cookie that is refused: a visit would fall apart into single steps.",
                day=EVENT_DAY,
                high=2.0,
                slack=0.25,
            ),
            steady_mix(
                "events_sources_are_usual",
                scope,
                "event_source",
                "A tracker that is gone, or one source named for all.",
                day=EVENT_DAY,
                moved=0.4,
            ),
            no_rows(
                "events_of_a_session_are_of_one_customer",
                ["session_id", "customer_id"],
                "One session for all: paths would lead from one person to the next.",
                """
                select tenant_id, cast(event_time as date) as day, session_id, 1 as expected,
                    count(distinct customer_id) as got
                from checked where session_id is not null
                group by tenant_id, cast(event_time as date), session_id
                having count(distinct customer_id) > 3
                """,
                "a person, or a few who share a device",
            ),
            same_tenant(
                "events_stay_with_their_customers_tenant",
                scope,
                "customer_id",
                CUSTOMERS,
                "A tenant's customers in another's tracking.",
            ),
            same_tenant(
                "events_stay_with_their_behaviors_tenant",
                scope,
                "behavior_id",
                BEHAVIORS,
                "Behaviour by another tenant's definition.",
            ),
        ],
    )


# --- outputs: behaviour --------------------------------------------------------------------------


def behavior_statistics(scope: Scope) -> Product:
    """One row per customer, behaviour and day; other periods are the days' sums."""
    return Product(
        DATABASE,
        "customer_behavior_statistics",
        where=f"stat_date >= {scope.day(HISTORY_DAYS)} and stat_period = 'day'",
        day="stat_date",
        expectations=[
            fresh(
                "behavior_days_are_fresh",
                scope,
                "stat_date",
                "A build that silently stopped while customers go on.",
            ),
            steady_volume(
                "behavior_days_volume_is_steady",
                scope,
                "event_count",
                "A partial, missing or doubled day of behaviour.",
                high=2.2,
            ),
            rule(
                "behavior_days_fit_into_a_day",
                ["first_event_time", "last_event_time", "stat_date"],
                "first_event_time > last_event_time "
                "or cast(first_event_time as date) <> stat_date "
                "or cast(last_event_time as date) <> stat_date",
                "A day cut in another zone, or swapped times.",
                "first and last event on the day, in order",
            ),
            rule(
                "behavior_days_have_a_plausible_mean",
                ["total_value", "avg_value", "max_value", "event_count"],
                f"abs(avg_value * event_count - total_value) > {ROUNDING} * event_count "
                "or max_value > total_value or event_count < 1 or total_duration_seconds < 0",
                "A mean of other events than its sum, or negative values.",
                "total_value / event_count, and a maximum within the total",
            ),
            rule(
                "behavior_days_trend_follows_from_growth",
                ["trend_direction", "growth_rate"],
                "(trend_direction is null) <> (growth_rate is null) "
                "or (trend_direction = 'up' and growth_rate <= 0) "
                "or (trend_direction = 'down' and growth_rate >= 0)",
                "A sign turned round: falling customers would look as if they grew.",
                "up above 0, down below",
            ),
        ],
    )


def behavior_sequences(scope: Scope) -> Product:
    """One row per event in its session; read are those of the last weeks."""
    return Product(
        DATABASE,
        "customer_behavior_sequences",
        where=scope.since("event_time"),
        day=EVENT_DAY,
        expectations=[
            rule(
                "sequences_take_time_forward",
                ["transition_time_seconds", "sequence_number"],
                "transition_time_seconds < 0 or sequence_number < 1 "
                "or (sequence_number = 1) <> (transition_time_seconds is null)",
                "Steps in another order than that of time.",
                "0 seconds or more from step to step, none at the first",
            ),
            no_rows(
                "sequences_are_of_plausible_length",
                ["sequence_number"],
                "Sessions that were merged: one visit of hundreds of steps for everybody.",
                """
                , counted as (
                    select count(*) as steps,
                        sum(case when sequence_number = 1 then 1 else 0 end) as sessions
                    from checked
                )
                select sessions as expected, steps as got from counted
                where steps >= 500 and steps > 60 * sessions
                """,
                "sixty steps a session at most, on average",
            ),
        ],
    )


def heatmap(scope: Scope) -> Product:
    """One row per tenant, behaviour and hour of the last seven days."""
    return Product(
        DATABASE,
        "v_behavior_heatmap",
        day="event_date",
        expectations=[
            rule(
                "heatmap_counts_people_within_events",
                ["unique_customers", "total_events"],
                "unique_customers > total_events or unique_customers < 1",
                "Swapped columns, or a join that multiplies people.",
                "one person at least, and at most an event each",
            ),
            rule(
                "heatmap_has_hours_of_a_day",
                ["event_hour"],
                "event_hour < 0 or event_hour > 23",
                "Minutes for hours.",
                "0 to 23",
            ),
        ],
    )


def paths(scope: Scope) -> Product:
    """One row per path among a tenant's most walked ones."""
    return Product(
        "warehouse",
        "behavior_paths",
        expectations=[
            rule(
                "paths_are_walked_by_people",
                ["sessions", "customers", "sessions_pct"],
                "customers > sessions or customers < 1 or sessions_pct < 0 or sessions_pct > 100",
                "Swapped counters, or a share beyond the whole.",
                "a person at least, and a percentage",
            ),
            rule(
                "paths_have_up_to_five_steps",
                ["step_count"],
                "step_count < 1 or step_count > 5",
                "Sessions that were not cut.",
                "1 to 5",
            ),
        ],
    )


def event_facts(scope: Scope) -> Product:
    """One row per event; read are those of the last weeks."""
    return Product(
        "warehouse",
        "fct_behavior_events",
        where=scope.since("occurred_at"),
        day="event_date",
        expectations=[
            fresh(
                "event_facts_are_fresh",
                scope,
                "event_date",
                "A build that silently stopped while the source goes on.",
            ),
            rule(
                "event_facts_lie_on_their_day",
                ["event_date", "occurred_at"],
                "event_date <> cast(occurred_at as date)",
                "A day cut in another zone.",
                "the day of occurred_at",
            ),
            rule(
                "event_facts_show_networks_only",
                ["ip_network"],
                "ip_network is not null and ip_network not like '%/%'",
                "A whole address in the warehouse: it leads to a person.",
                "a network",
            ),
            steady_ratio(
                "event_facts_know_their_behavior",
                scope,
                "case when behavior_code is null then 1 else 0 end",
                "1",
                "Definitions that are no longer joined: every report would lose its names.",
                day="event_date",
                high=2,
                slack=0.1,
            ),
        ],
    )


# --- outputs: people -----------------------------------------------------------------------------


def lifetime_value(scope: Scope) -> Product:
    """One row per customer."""
    return Product(
        DATABASE,
        "customer_lifetime_value",
        expectations=[
            rule(
                "lifetime_values_are_plausible",
                ["lifetime_value_cny", "horizon_months", "lifespan_months"],
                "lifetime_value_cny < 0 or horizon_months < 12 or lifespan_months < 1 "
                "or horizon_months > 1200",
                "Days for months, or a sign turned round: marketing spends by it.",
                "0 or more, over a year to a century",
            ),
            rule(
                "lifetime_values_follow_from_their_figures",
                ["lifetime_value_cny"],
                "lifetime_value_cny > 1.02 * avg_order_amount_cny * (orders_per_month + 0.01) "
                "* horizon_months + 1",
                "A unit or a factor that was applied twice.",
                "mean order times orders a month times months",
            ),
        ],
    )


def segment_daily(scope: Scope) -> Product:
    """One row per segment and day."""
    return Product(
        DATABASE,
        "customer_segment_daily",
        where=f"stat_date >= {scope.day(HISTORY_DAYS)}",
        day="stat_date",
        expectations=[
            fresh(
                "segment_days_are_fresh",
                scope,
                "stat_date",
                "A build that silently stopped: members would stand still.",
            ),
            not_negative(
                "segment_days_are_not_negative",
                ["joined_members", "left_members", "members", "orders", "revenue_cny"],
                "A stock that was carried with the wrong sign.",
            ),
            rule(
                "segment_days_earn_plausibly",
                ["revenue_cny", "orders"],
                f"revenue_cny > {DEAREST_ORDER_CNY} * orders",
                "Fen for yuan, or revenue without an order.",
                "a possible amount an order",
            ),
            no_rows(
                "segment_days_do_not_collapse",
                ["members"],
                "A carry that begins anew: most members gone over night, with nobody leaving.",
                f"""
                select c.tenant_id, c.stat_date as day, b.members as expected, c.members as got
                from checked as c join checked as b on b.segment_id = c.segment_id
                    and b.stat_date = c.stat_date - interval '1' day
                where c.stat_date >= {scope.day(REBUILT_DAYS)} and b.members >= 20
                    and c.members + coalesce(c.left_members, b.members) < 0.5 * b.members
                """,
                "half of the day before, those aside who left",
            ),
        ],
    )


def customer_360(scope: Scope) -> Product:
    """One row per customer: the applications' page."""
    return Product(
        DATABASE,
        "v_customer_360",
        expectations=[
            rule(
                "customer_page_lists_the_tags_it_counts",
                ["tag_count", "tags"],
                "(tag_count = 0) <> (tags is null or tags = '')",
                "Names that are no longer joined, or a list that was cut to nothing.",
                "names where tags are counted, and only there",
            ),
            not_ahead(
                "customer_page_shows_no_time_to_come",
                scope,
                ["created_at", "last_contact_date"],
                "A clock that runs ahead or a zone added twice.",
            ),
            no_rows(
                "customer_page_shows_tags",
                ["tag_count", "segment_count"],
                "Tags or segments that are no longer joined: nobody would have one.",
                """
                , counted as (
                    select count(*) as customers, sum(tag_count) as tags,
                        sum(segment_count) as segments from checked
                )
                select customers as expected, tags as got from counted
                where customers >= 200 and (tags = 0 or segments = 0)
                """,
                "some tags and segments",
            ),
        ],
    )


def segment_statistics(scope: Scope) -> Product:
    """One row per active segment: the applications' list."""
    return Product(
        DATABASE,
        "v_segment_statistics",
        expectations=[
            rule(
                "segment_list_has_a_mean_within_its_sum",
                ["actual_avg_amount", "actual_total_revenue", "actual_member_count"],
                "abs(actual_avg_amount * actual_member_count - actual_total_revenue) "
                f"> {ROUNDING} * actual_member_count",
                "A mean of other members than the sum: a join that multiplies.",
                "actual_total_revenue / actual_member_count",
            ),
            rule(
                "segment_list_agrees_with_the_last_calculation",
                ["customer_count", "actual_member_count"],
                "last_calculated_at is not null and abs(customer_count - actual_member_count) "
                "> 5 + 0.5 * greatest(customer_count, actual_member_count)",
                "A calculation that no longer runs: the list shows last month's members.",
                "members near those of the last calculation",
            ),
        ],
    )


def customer_dimension(scope: Scope) -> Product:
    """One row per customer, people masked."""
    order_facts = scope.relation("warehouse", "fct_orders")
    return Product(
        "warehouse",
        "dim_customers",
        expectations=[
            rule(
                "dim_customers_are_masked",
                ["phone_masked", "phone_key"],
                f"{scope.matches('phone_masked', '[0-9]{8}')} "
                f"or not {scope.matches('phone_key', '^[0-9a-f]{64}$')}",
                "A whole phone number in the warehouse.",
                "a masked number and its keyed hash",
            ),
            rule(
                "dim_customers_names_are_masked",
                ["customer_name_masked"],
                "customer_name_masked not like '%*%' and char_length(customer_name_masked) > 1"
                if scope.is_mysql
                else "customer_name_masked not like '%*%' and length(customer_name_masked) > 1",
                "A whole name in the warehouse.",
                "a star in every name",
            ),
            rule(
                "dim_customers_without_orders_have_no_means",
                ["total_orders", "avg_order_amount_cny"],
                "total_orders = 0 and avg_order_amount_cny is not null",
                "Zeros for what nobody bought: they would pull every mean down.",
                "NULL without orders",
            ),
            no_rows(
                "dim_customers_agree_with_their_orders",
                ["total_orders", "total_amount_cny"],
                "Totals that the application no longer moves, fen for yuan, or money rounded to "
                "whole yuan in one of two databases.",
                f"""
                , placed as (
                    select customer_id, count(*) as orders, sum(total_amount_cny) as amount,
                        max(order_date) as latest
                    from {order_facts} where order_status <> 'cancelled'
                    group by customer_id
                ), totals as (select count(*) as orders from {order_facts})
                select c.tenant_id, c.customer_id,
                    nullif(coalesce(p.orders, 0), c.total_orders) as expected,
                    nullif(c.total_orders, coalesce(p.orders, 0)) as got
                from checked as c cross join totals as t
                left join placed as p on p.customer_id = c.customer_id
                where t.orders > 0 and coalesce(p.latest, {scope.day(1)}) < {scope.day(0)}
                    and c.updated_at < {scope.instant(0)}
                    and (c.total_orders <> coalesce(p.orders, 0)
                        or c.total_amount_cny <> coalesce(p.amount, 0))
                """,
                "orders and amounts of the orders that are not cancelled",
            ),
        ],
    )


def due_stages(scope: Scope) -> Product:
    """One row per active customer: the stage that is written back, and the present one."""
    return Product(
        "warehouse",
        "customer_lifecycle_stage",
        expectations=[
            rule(
                "due_stages_need_orders",
                ["due_stage", "total_orders"],
                "(due_stage = 'lead' and total_orders > 0 and lifecycle_stage <> 'lead') "
                "or (due_stage = 'advocate' and lifecycle_stage <> 'advocate' "
                "and (total_orders < 5 or total_amount_cny < 5000))",
                "A rule that was turned round: buyers would be leads, or leads advocates.",
                "leads without orders, advocates with five and 5,000 yuan",
            ),
            rule(
                "due_stages_count_days_forward",
                ["days_since_first_order", "days_since_last_order"],
                "days_since_last_order < 0 or days_since_first_order < days_since_last_order",
                "Swapped days, or an order of tomorrow.",
                "0 or more, the first before the last",
            ),
            no_rows(
                "due_stages_do_not_all_change",
                ["is_change_due"],
                "An input that never arrived: the daily run would move most customers at once.",
                """
                , counted as (
                    select count(*) as customers,
                        sum(case when is_change_due then 1 else 0 end) as due from checked
                )
                select 0.4 * customers as expected, due as got from counted
                where customers >= 100 and due > 0.4 * customers
                """,
                "less than 40 % of the customers",
            ),
        ],
    )


def stage_changes(scope: Scope) -> Product:
    """One row per change of a stage."""
    return Product(
        "warehouse",
        "fct_lifecycle_changes",
        day="change_date",
        expectations=[
            rule(
                "stage_facts_last_forward",
                ["days_in_stage", "old_stage_days"],
                "days_in_stage < 0 or old_stage_days < 0 or next_changed_at < changed_at",
                "Changes in another order than that of time.",
                "0 days or more",
            ),
            rule(
                "stage_facts_are_current_while_they_last",
                ["is_current", "next_changed_at"],
                "is_current <> (next_changed_at is null)",
                "A flag that stayed when the next change came: customers counted twice.",
                "current until the next change",
            ),
        ],
    )


def rfm(scope: Scope) -> Product:
    """One row per customer with an order."""
    return Product(
        "warehouse",
        "customer_rfm",
        expectations=[
            rule(
                "rfm_score_follows_from_its_parts",
                ["rfm_score", "rfm_code"],
                "rfm_score <> recency_score + frequency_score + monetary_score "
                "or cast(rfm_code as decimal(5, 0)) <> "
                "100 * recency_score + 10 * frequency_score + monetary_score",
                "Scores of another customer side by side.",
                "the sum and the three digits of the scores",
            ),
            rule(
                "rfm_is_of_buyers",
                ["total_orders", "days_since_last_order", "total_amount_cny"],
                "total_orders < 1 or days_since_last_order < 0 or total_amount_cny < 0",
                "People without orders among the buyers, or orders of tomorrow.",
                "an order at least, in the past",
            ),
        ],
    )


def retention(scope: Scope) -> Product:
    """One row per tenant, cohort and month."""
    return Product(
        "warehouse",
        "customer_cohort_retention",
        day="month_start_date",
        expectations=[
            within(
                "cohorts_are_retained_by_a_percentage",
                "retention_pct",
                0,
                100,
                "More retained than there were: a join that multiplies.",
            ),
            rule(
                "cohorts_begin_whole",
                ["months_since_first", "retention_pct"],
                "(months_since_first = 0 and retention_pct <> 100) or months_since_first < 0",
                "A month cut in another zone: part of a cohort would be missing from its own.",
                "100 % in the cohort's own month",
            ),
        ],
    )


def overlap(scope: Scope) -> Product:
    """One row per pair of a tenant's segments."""
    return Product(
        "warehouse",
        "segment_overlap",
        expectations=[
            rule(
                "overlaps_fit_into_their_segments",
                ["both_customers", "segment_customers", "other_segment_customers"],
                "both_customers > segment_customers or both_customers > other_segment_customers "
                "or either_customers < both_customers or jaccard_pct < 0 or jaccard_pct > 100",
                "A join that multiplies members.",
                "no more in both than in each",
            )
        ],
    )


# --- of this domain ------------------------------------------------------------------------------


def _counted(scope: Scope, table: str, key: str) -> str:
    """A query: definitions whose kept count is far from the active rows that name them."""
    return f"""
        , counted as (
            select {key}, count(*) as active from {scope.relation(DATABASE, table)}
            where status = 'active' group by {key}
        )
        select c.tenant_id, c.id as {key}, coalesce(n.active, 0) as expected,
            c.customer_count as got
        from checked as c left join counted as n on n.{key} = c.id
        where c.last_calculated_at is not null and abs(c.customer_count - coalesce(n.active, 0))
            > 5 + 0.5 * greatest(c.customer_count, coalesce(n.active, 0))
    """
