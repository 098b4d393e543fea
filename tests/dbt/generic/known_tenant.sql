{#- Every tenant is one of core's: no foreign key can say so across databases. Without core among the
    domains there is nothing to hold the ids against. -#}
{% test known_tenant(model, column_name) %}

{#- A test's `where` makes of `model` a subquery with an alias of its own: hence the CTE. -#}
with tested as (
    select {{ column_name }}
    from {{ model }}
)

select tested.{{ column_name }}
from tested
left join {{ ref('stg_core__tenants') }} as tenants
    on tenants.tenant_id = tested.{{ column_name }}
where tested.{{ column_name }} is not null
    and tenants.tenant_id is null
    and {{ '1 = 1' if 'core' in enabled_domains() else '1 = 0' }}

{% endtest %}
