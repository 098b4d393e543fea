-- Usage of each closed day that a build touches is the sources', tenant by tenant. Six sources meet in one
-- row: a figure that another source's rows multiply, or that slipped into its neighbour, shows here and
-- in no range or total of its own. Days before a tenant's first belong to no row.
{%- set from_day = add_days(as_of_date(), -1 * var('lookback_days') | int) %}
{%- set figures = [
    ('ai_requests', 'stg_ai__call_logs', 'created_at', none),
    ('ai_conversations', 'stg_ai__conversations', 'created_at', none),
    ('wework_alerts_triggered', 'stg_wework__account_alerts', 'created_at', none),
    ('health_records_created', 'stg_health__records', 'created_at', none),
    ('calls_of_the_api', 'stg_core__audit_logs', 'created_at', "operator_type = 'api'"),
    ('files_uploaded', 'stg_core__files', 'created_at', 'not coalesce(is_temporary, false)'),
] %}

with counted as (

    {%- for figure, source, moment, condition in figures %}
    select
        source_rows.tenant_id,
        {{ business_date('source_rows.' ~ moment) }} as usage_date,
        '{{ figure }}' as figure,
        -count(*) as surplus
    from {{ ref(source) }} as source_rows
    inner join {{ ref('stg_core__tenants') }} as tenants
        on tenants.tenant_id = source_rows.tenant_id
    where source_rows.{{ moment }} >= {{ from_day }}
        and source_rows.{{ moment }} < {{ as_of_date() }}
        and source_rows.{{ moment }} >= {{ business_date('tenants.created_at') }}
        {%- if condition %}
        and {{ condition }}
        {%- endif %}
    group by
        source_rows.tenant_id,
        {{ business_date('source_rows.' ~ moment) }}

    union all

    select
        tenant_id,
        usage_date,
        '{{ figure }}' as figure,
        {{ 'api_calls - ai_requests' if figure == 'calls_of_the_api' else figure }} as surplus
    from {{ ref('saas_usage_statistics') }}
    where usage_date >= {{ from_day }}
        and usage_date < {{ as_of_date() }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}

)

select
    tenant_id,
    usage_date,
    figure,
    sum(surplus) as surplus
from counted
group by
    tenant_id,
    usage_date,
    figure
having sum(surplus) <> 0
