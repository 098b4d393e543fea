{#- A full refresh of a table that stays itself: a twin with its keys, partitions and foreign keys takes the
    rows, and the two are swapped, unless history would be lost. `key` identifies a row where stamps are
    kept; without a window_column no row counts as history. -#}
{% macro refresh_in_twin(relation, sql, stored, is_stamped, key, window_column) %}
    {%- set columns = stored | map(attribute='name') | list -%}
    {%- set twin = make_intermediate_relation(relation) -%}
    {% do make_twin(relation, twin) %}
    {% if is_stamped %}
        {%- set figures = columns | reject('in', ['created_at', 'updated_at']) | list -%}
        {% do put_new_rows_aside(relation, sql, figures) %}
        {% call statement('main') -%}
            insert into {{ twin }} ({{ quoted_columns(figures) }}, created_at, updated_at)
            {{ stamped_rows(relation, figures, key) }}
        {%- endcall %}
    {% else %}
        {% call statement('main') %}{{ insert_rows(twin, sql, columns) }}{% endcall %}
    {% endif %}
    {% if window_column %}
        {% do refuse_lost_history(relation, twin, stored, window_column) %}
    {% endif %}
    {% do swap_twin(relation, twin) %}
{% endmacro %}


{#- Whether everything is made anew: not so for an explicit window, which replaces its days alone. -#}
{% macro is_refresh() -%}
    {{ return(flags.FULL_REFRESH and not var('start_date', none)) }}
{%- endmacro %}
