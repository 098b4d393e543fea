{#- A snapshot on Spark: Parquet takes no update, so the table is made anew, closed versions and new ones in it.
    Versions that held for no time are left out here (forget_momentary_versions). -#}
{% materialization snapshot, adapter='spark' %}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set staged_relation = spark_beside(this, '__staged') -%}
    {%- set is_known = load_cached_relation(this) is not none -%}
    {%- set strategy = strategy_dispatch(model['config']['strategy'])(
        model, 'snapshotted_data', 'source_data', model['config'], is_known
    ) -%}

    {{ run_hooks(pre_hooks) }}
    {% call statement('forget_staged') %}drop table if exists {{ staged_relation }}{% endcall %}
    {% if is_known %}
        {% call statement('put_staged_aside') -%}
            create table {{ staged_relation }} using parquet as
            {{ snapshot_staging_table(strategy, model['compiled_code'], target_relation) }}
        {%- endcall %}
        {%- set columns = adapter.get_columns_in_relation(target_relation) | map(attribute='name') | list -%}
        {%- set rows -%}
            select
                {%- for column in columns if column != 'dbt_valid_to' %}
                stored_versions.{{ adapter.quote(column) }},
                {%- endfor %}
                coalesce(stored_versions.dbt_valid_to, staged_versions.dbt_valid_to) as dbt_valid_to
            from {{ target_relation }} as stored_versions
            left join {{ staged_relation }} as staged_versions
                on staged_versions.dbt_scd_id = stored_versions.dbt_scd_id
                    and staged_versions.dbt_change_type in ('update', 'delete')
            union all
            select
                {%- for column in columns if column != 'dbt_valid_to' %}
                {{ adapter.quote(column) }},
                {%- endfor %}
                dbt_valid_to
            from {{ staged_relation }}
            where dbt_change_type = 'insert'
        {%- endset -%}
    {% else %}
        {%- set rows = build_snapshot_table(strategy, model['compiled_code']) -%}
    {% endif %}
    {% do spark_make_anew(
        target_relation, rows, 'dbt_valid_to is null or dbt_valid_from <> dbt_valid_to'
    ) %}
    {% call statement('drop_staged') %}drop table if exists {{ staged_relation }}{% endcall %}
    {{ run_hooks(post_hooks) }}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
