{#- Texts of a group joined in code point order (or by `order_by`, which distinct excludes); NULLs are
    left out, nothing at all gives NULL. `separator` is plain text, not SQL. -#}
{% macro string_agg_ordered(expression, separator=',', distinct=false, order_by=none) -%}
    {%- if distinct and order_by -%}
        {{ exceptions.raise_compiler_error('string_agg_ordered: distinct orders by the text itself.') }}
    {%- endif -%}
    {{ adapter.dispatch('string_agg_ordered', 'saas_warehouse')(
        by_code_point(expression), dbt.escape_single_quotes(separator), distinct, order_by
    ) }}
{%- endmacro %}

{#- Longer than group_concat_max_len is cut without a word; sessions of ours set 1 MiB. -#}
{% macro mysql__string_agg_ordered(expression, separator, distinct, order_by) -%}
    group_concat(
        {{ 'distinct ' if distinct }}{{ expression }} order by {{ order_by or expression }} separator '{{ separator }}'
    )
{%- endmacro %}

{% macro duckdb__string_agg_ordered(expression, separator, distinct, order_by) -%}
    string_agg({{ 'distinct ' if distinct }}{{ expression }}, '{{ separator }}' order by {{ order_by or expression }})
{%- endmacro %}

{#- collect_list keeps no order: the texts are sorted behind it, with what they are ordered by. -#}
{% macro spark__string_agg_ordered(expression, separator, distinct, order_by) -%}
    {%- set place = (order_by or expression) | replace(' desc', '') -%}
    {%- if distinct -%}
        {%- set texts = 'sort_array(collect_set(' ~ expression ~ '))' -%}
    {%- else -%}
        {%- set texts -%}
            transform(
                sort_array(
                    collect_list(
                        case when {{ expression }} is not null then struct({{ place }} as place, {{ expression }} as text) end
                    ),
                    {{ 'false' if (order_by or '').endswith(' desc') else 'true' }}
                ),
                one -> one.text
            )
        {%- endset -%}
    {%- endif -%}
    case when count({{ expression }}) > 0 then array_join({{ texts }}, '{{ separator }}') end
{%- endmacro %}
