{#- A query of what tenants used between two days (half-open, dates): tenant_id, usage_date and one column
    for each of `figures`, from those sources alone that they need. A row per tenant, day and source, NULL
    in what another source counts: sum each figure. Bytes, amounts and counts are exact.

    Figures: ai_requests, api_calls (AI requests are some of them), ai_tokens_consumed, ai_cost,
    bandwidth_bytes, exports_performed, wework_messages_sent, wework_alerts_triggered, ai_conversations,
    health_records_created, notifications_sent, emails_sent, sms_sent, alerts_raised, files_uploaded. -#}
{% macro tenant_usage_by_day(figures, first_day, end_day) -%}
    {%- set needed = [] -%}
    {%- for part in tenant_usage_sources() if part.figures | select('in', figures) | list -%}
        {%- do needed.append(part) -%}
    {%- endfor -%}
    {%- for part in needed %}
    select
        tenant_id,
        {{ business_date(part.moment) }} as usage_date,
        {%- for figure in figures %}
        {{ part.figures.get(figure, 'null') }} as {{ figure }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ ref(part.source) }}
    where {{ part.moment }} >= {{ first_day }}
        and {{ part.moment }} < {{ end_day }}
        {%- if part.condition %}
        and {{ part.condition }}
        {%- endif %}
    group by
        tenant_id,
        {{ business_date(part.moment) }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
{%- endmacro %}


{#- Where each figure comes from: a relation, the instant that says the day, which rows count. -#}
{% macro tenant_usage_sources() -%}
    {%- set went_out = "status in ('sent', 'delivered')" -%}
    {{ return([
        {
            'source': 'stg_ai__call_logs',
            'moment': 'created_at',
            'figures': {
                'ai_requests': 'count(*)',
                'api_calls': 'count(*)',
                'ai_tokens_consumed': 'sum(' ~ json_number('tokens', '$.total', 'bigint') ~ ')',
                'ai_cost': 'sum(cost_cny)',
                'bandwidth_bytes':
                    'sum(coalesce(request_size_bytes, 0)) + sum(coalesce(response_size_bytes, 0))',
            },
        },
        {
            'source': 'stg_core__audit_logs',
            'moment': 'created_at',
            'figures': {
                'api_calls': count_if("operator_type = 'api'"),
                'exports_performed': count_if(
                    by_code_point('target_type') ~ " = 'export' and status = 'success'"
                ),
            },
        },
        {
            'source': 'stg_wework__message_records',
            'moment': 'created_at',
            'condition': "direction = 'send' and send_status in ('sent', 'delivered', 'read')",
            'figures': {'wework_messages_sent': 'count(*)'},
        },
        {
            'source': 'stg_wework__account_alerts',
            'moment': 'created_at',
            'figures': {'wework_alerts_triggered': 'count(*)'},
        },
        {
            'source': 'stg_ai__conversations',
            'moment': 'created_at',
            'figures': {'ai_conversations': 'count(*)'},
        },
        {
            'source': 'stg_health__records',
            'moment': 'created_at',
            'figures': {'health_records_created': 'count(*)'},
        },
        {
            'source': 'stg_core__notifications',
            'moment': 'sent_at',
            'figures': {'notifications_sent': 'sum(sent_count)'},
        },
        {
            'source': 'stg_core__message_logs',
            'moment': 'created_at',
            'condition': went_out,
            'figures': {
                'notifications_sent': count_if('notification_id is null'),
                'emails_sent': count_if("message_type = 'email'"),
                'sms_sent': count_if("message_type = 'sms'"),
            },
        },
        {
            'source': 'stg_core__alerts',
            'moment': 'created_at',
            'figures': {'alerts_raised': 'count(*)'},
        },
        {
            'source': 'stg_core__files',
            'moment': 'created_at',
            'condition': 'not coalesce(is_temporary, false)',
            'figures': {'files_uploaded': 'count(*)'},
        },
    ]) }}
{%- endmacro %}
