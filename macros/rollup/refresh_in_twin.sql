{#- A full refresh of a table that stays itself: a twin with its keys, partitions and foreign keys takes the
    rows, and the two are swapped, unless history would be lost. `key` identifies a row where stamps are
    kept; without a window_column no row counts as history. -#}
{% macro refresh_in_twin(relation, sql, stored, is_stamped, key, window_column) %}
    {%- set twin = make_intermediate_relation(relation) -%}
    {% do make_twin(relation, twin) %}
    {% do fill_twin(relation, twin, sql, stored | map(attribute='name') | list, is_stamped, key) %}
    {% if window_column %}
        {% do refuse_lost_history(relation, twin, stored, window_column) %}
    {% endif %}
    {% do swap_twin(relation, twin) %}
{% endmacro %}


{#- Whether everything is made anew: not so for an explicit window, which replaces its days alone. -#}
{% macro is_refresh() -%}
    {{ return(flags.FULL_REFRESH and not var('start_date', none)) }}
{%- endmacro %}
