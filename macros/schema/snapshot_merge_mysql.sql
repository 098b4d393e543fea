{#- Closes versions on MySQL; dbt-mysql's closes changed rows only and forgets the deleted ones. The
    insert that follows is in the same transaction, so readers never meet a row without a version. -#}
{% macro mysql__snapshot_merge_sql_update(target, source, insert_cols) -%}
    update {{ target }} as stored_versions
    inner join {{ source }} as staged_versions
        on staged_versions.dbt_scd_id = stored_versions.dbt_scd_id
    set stored_versions.dbt_valid_to = staged_versions.dbt_valid_to
    where staged_versions.dbt_change_type in ('update', 'delete')
        and stored_versions.dbt_valid_to is null
{%- endmacro %}
