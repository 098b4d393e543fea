{#- Versions of one key of a snapshot that overlap, end before they begin, hold for no time, or of which
    several are current: a join at an instant would then find two rows, which no unique key can see. -#}
{% test versions_do_not_overlap(model, key) %}

with versions as (
    select
        {{ key }},
        dbt_valid_from,
        dbt_valid_to,
        lead(dbt_valid_from) over (partition by {{ key }} order by dbt_valid_from) as next_valid_from
    from {{ model }}
)

select *
from versions
where dbt_valid_to <= dbt_valid_from
    or dbt_valid_to > next_valid_from
    or (dbt_valid_to is null and next_valid_from is not null)

{% endtest %}
