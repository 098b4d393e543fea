{#- A fact's rows whose pseudonym is not what this build's masking key makes of the source's value, from the
    days before the window that every build replaces; a relation of fact_name and row_id. -#}
{% macro rows_of_another_key(fact, source, id, pseudonym, raw) -%}
    (
        select
            '{{ fact }}' as fact_name,
            facts.{{ id }} as row_id
        from {{ ref(fact) }} as facts
        inner join {{ ref(source) }} as sources
            on sources.{{ id }} = facts.{{ id }}
        where facts.created_at >= {{ add_days(as_of_date(), -20) }}
            and facts.created_at < {{ add_days(as_of_date(), -10) }}
            and facts.{{ pseudonym }} <> {{ mask_hash('sources.' ~ raw) }}
    ) as {{ fact }}_rows
{%- endmacro %}
