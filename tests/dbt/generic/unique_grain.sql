{#- The model's grain, when it is more than one column: no two rows share it and no part of it is NULL.
    MySQL's primary keys say the same; DuckDB's `table` models have none. -#}
{% test unique_grain(model, columns) %}

select
    {{ columns | join(', ') }},
    count(*) as row_count
from {{ model }}
group by {{ columns | join(', ') }}
having
    count(*) > 1
    {#- counts, because MySQL's HAVING knows no column that stands only inside an expression #}
    {%- for column in columns %}
    or count({{ column }}) < count(*)
    {%- endfor %}

{% endtest %}
