-- Versions of one key that overlap, end before they begin, hold for no time, or of which several are
-- current: a join at an instant would then find two rows, which no unique key can see.
with versions as (
    {%- for name, key in [
        ('snap_core__tenants', 'tenant_id'),
        ('snap_core__tenant_quotas', 'tenant_id'),
        ('snap_core__health_checks', 'health_check_id'),
        ('snap_wework__accounts', 'account_id'),
        ('snap_customer__customers', 'customer_id'),
    ] %}
    select
        '{{ name }}' as snapshot_name,
        {{ key }} as entity_id,
        dbt_valid_from,
        dbt_valid_to,
        lead(dbt_valid_from) over (partition by {{ key }} order by dbt_valid_from) as next_valid_from
    from {{ ref(name) }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
)

select *
from versions
where dbt_valid_to <= dbt_valid_from
    or dbt_valid_to > next_valid_from
    or (dbt_valid_to is null and next_valid_from is not null)
