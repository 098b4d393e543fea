{#- What a snapshot is about to write: core's rows, or none where they would be false history - when
    as_of lies before what the snapshot already knows (a build of an old day must not write today's
    state into it), or when the domain is switched off (its empty staging is no hard delete). -#}
{% macro mysql__snapshot_staging_table(strategy, source_sql, target_relation) -%}
    {{ snapshot_rows(strategy, source_sql, target_relation) }}
{%- endmacro %}

{% macro duckdb__snapshot_staging_table(strategy, source_sql, target_relation) -%}
    {{ snapshot_rows(strategy, source_sql, target_relation) }}
{%- endmacro %}

{% macro spark__snapshot_staging_table(strategy, source_sql, target_relation) -%}
    {{ snapshot_rows(strategy, source_sql, target_relation) }}
{%- endmacro %}


{% macro snapshot_rows(strategy, source_sql, target_relation) -%}
    {%- set is_off = is_switched_off(model) -%}
    {%- set is_old = not is_off and knows_later_versions(target_relation) -%}
    {%- if is_old -%}
        {% do exceptions.warn(
            target_relation ~ ' has versions from after as_of (' ~ (as_of_value() or 'the server clock')
            ~ '); it was left as it is.'
        ) %}
    {%- endif -%}
    select *
    from (
        {{ dbt.default__snapshot_staging_table(strategy, source_sql, target_relation) }}
    ) as staged_versions
    where {{ '1 = 0' if is_off or is_old else '1 = 1' }}
{%- endmacro %}


{% macro knows_later_versions(relation) %}
    {%- set later -%}
        select 1 as found
        from {{ relation }}
        where dbt_valid_from > {{ as_of() }} or dbt_valid_to > {{ as_of() }}
        limit 1
    {%- endset -%}
    {{ return(run_query(later) | length > 0) }}
{% endmacro %}
