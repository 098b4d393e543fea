{#- The model's grain, when it is more than one column: no two rows share it and no part of it is NULL.
    MySQL's primary keys say the same; DuckDB's `table` models have none. -#}
{% test unique_grain(model, columns) %}

select
    {{ columns | join(', ') }},
    count(*) as row_count
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1 or {{ columns | join(' is null or ') }} is null

{% endtest %}
