{#- An incremental table, on either engine: the rows of a half-open window are replaced in one
    transaction, so that a rerun, a late row or a backfill gives what a first build would give.

    The table is `warehouse deploy`'s (its keys, indexes and partitions are in the schema of record).
    config: window_column   the date or timestamp that the window is cut on (partition column);
                            without it the whole table is replaced.
            window_rows     name of a macro that renders the condition for the rows to replace, where
                            they are not simply those between the window's ends.
            lookback_days   at least so many days are rebuilt, where the project's are fewer.
            refresh_by_month true: a full refresh, and a first build, may be done by months, for a day's
                            rows do not depend on where the window around it begins and ends.
            stamped         true: created_at and updated_at are kept here, not by the model; they move
                            only for rows whose other columns changed. Needs `grain`.
            grain           columns that identify a row, for `stamped`; never NULL.
    A failure anywhere leaves the old rows: on MySQL no statement here commits by itself.
    --full-refresh fills a twin with the same keys, partitions and foreign keys and swaps the two. Neither
    it nor a backfill loses days that the sources no longer hold. -#}
{% materialization window, default %}
    {%- set target_relation = this.incorporate(type='table') -%}

    {% if load_cached_relation(this) is none %}
        {% do make_window_table(target_relation) %}
    {% endif %}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {%- set stored = adapter.get_columns_in_relation(target_relation) -%}
    {%- set columns = stored | map(attribute='name') | list -%}
    {%- set is_stamped = config.get('stamped', false) -%}
    {%- set figures = columns | reject('in', ['created_at', 'updated_at'] if is_stamped else []) | list -%}
    {%- set window_column = config.get('window_column') -%}
    {%- set in_window -%}
        {%- if config.get('window_rows') -%}
            where {{ context[config.get('window_rows')]() }}
        {%- elif window_column -%}
            where {{ window_column }} >= {{ window_start() }}
                and {{ window_column }} < {{ window_end() }}
        {%- endif -%}
    {%- endset -%}
    {% do require_same_columns(target_relation, sql, figures) %}

    {% if is_refresh() or is_made_by_month() %}
        {% do refresh_in_twin(
            target_relation, sql, stored, is_stamped, config.require('grain') if is_stamped else [], window_column
        ) %}
    {% elif is_stamped %}
        {% do replace_stamped_rows(target_relation, sql, stored, figures, in_window, config.require('grain')) %}
    {% else %}
        {%- set is_backfill_of_history = var('start_date', none) and window_column and sources_of_history() -%}
        {% if is_backfill_of_history %}
            {%- set new_rows = temporary_table(this.identifier ~ '__new') -%}
            {% do put_new_rows_aside(target_relation, sql, figures) %}
            {% do refuse_lost_history(target_relation, new_rows, stored, window_column, in_window) %}
            {%- set sql = 'select * from ' ~ new_rows -%}
        {% endif %}
        {% call statement('delete_window') -%}
            delete from {{ target_relation }}
            {{ in_window }}
        {%- endcall %}
        {% call statement('main') %}{{ insert_rows(target_relation, sql, columns) }}{% endcall %}
        {% if is_backfill_of_history %}
            {% call statement('drop_new_rows') %}{{ drop_temporary_table(this.identifier ~ '__new') }}{% endcall %}
        {% endif %}
    {% endif %}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}


{#- The table where `warehouse deploy` makes none: a developer's own, shaped like the deployed one, and
    that of a domain that is switched off, which stays empty. Anywhere else it is an error. -#}
{% macro make_window_table(relation) %}
    {%- set deployed = api.Relation.create(
        database=relation.database,
        schema=env_var('WAREHOUSE_DATABASE_PREFIX', '') ~ (config.get('schema') or 'warehouse'),
        identifier=relation.identifier
    ) -%}
    {% if is_switched_off(model) %}
        {% call statement('make_empty') -%}
            create table {{ relation }} as
            select * from {{ no_rows(model.columns.values()) }} as nothing
        {%- endcall %}
    {% elif developer_prefix() and load_relation(deployed) is not none %}
        {% call statement('make_alike') %}{{ create_table_like(relation, deployed) }}{% endcall %}
    {% else %}
        {% do exceptions.raise_compiler_error(
            deployed ~ " is not deployed: an incremental table needs its keys first."
            ~ " Run `warehouse deploy` for this target, then build again.") %}
    {% endif %}
    {% do adapter.cache_added(relation) %}
{% endmacro %}


{% macro insert_rows(relation, sql, columns) -%}
    insert into {{ relation }} ({{ quoted_columns(columns) }})
    select {{ quoted_columns(columns) }}
    from (
        {{ sql }}
    ) as model_rows
{%- endmacro %}


{#- Replace the window's rows and keep their stamps. Old and new rows are put aside in the target's own
    types, so that what is compared is what is stored. -#}
{% macro replace_stamped_rows(target_relation, sql, stored, figures, in_window, grain) %}
    {%- set columns = stored | map(attribute='name') | list -%}
    {%- set old_rows = temporary_table(this.identifier ~ '__old') -%}

    {% call statement('forget_old') %}{{ drop_temporary_table(this.identifier ~ '__old') }}{% endcall %}
    {% call statement('put_old_aside') -%}
        create temporary table {{ old_rows }} as
        select {{ quoted_columns(columns) }}
        from {{ target_relation }}
        {{ in_window }}
    {%- endcall %}
    {% do put_new_rows_aside(target_relation, sql, figures) %}
    {% if var('start_date', none) and config.get('window_column') %}
        {% do refuse_lost_history(
            target_relation, temporary_table(this.identifier ~ '__new'), stored, config.get('window_column'), in_window
        ) %}
    {% endif %}

    {% call statement('delete_window') -%}
        delete from {{ target_relation }}
        {{ in_window }}
    {%- endcall %}
    {% call statement('main') -%}
        insert into {{ target_relation }} ({{ quoted_columns(figures) }}, created_at, updated_at)
        {{ stamped_rows(old_rows, figures, grain) }}
    {%- endcall %}

    {% call statement('drop_old_rows') %}{{ drop_temporary_table(this.identifier ~ '__old') }}{% endcall %}
    {% call statement('drop_new_rows') %}{{ drop_temporary_table(this.identifier ~ '__new') }}{% endcall %}
{% endmacro %}


{% macro put_new_rows_aside(target_relation, sql, figures) %}
    {% for each in statements_that_put_aside(target_relation, sql, figures) %}
        {% call statement('put_new_aside') %}{{ each }}{% endcall %}
    {% endfor %}
{% endmacro %}


{% macro statements_that_put_aside(relation, sql, figures) -%}
    {%- set new_rows = temporary_table(this.identifier ~ '__new') -%}
    {%- set shape -%}
        create temporary table {{ new_rows }} as
        select {{ quoted_columns(figures) }}
        from {{ relation }}
        where 1 = 0
    {%- endset -%}
    {{ return([drop_temporary_table(this.identifier ~ '__new'), shape, insert_rows(new_rows, sql, figures)]) }}
{%- endmacro %}


{#- The rows put aside with their stamps: created_at is the first build's, updated_at that of the last
    build which changed another column. -#}
{% macro stamped_rows(old_relation, figures, grain) -%}
    select
        {%- for column in figures %}
        new_rows.{{ adapter.quote(column) }},
        {%- endfor %}
        coalesce(old_rows.created_at, {{ as_of() }}) as created_at,
        case
            when {% for column in figures -%}
                {{ 'and ' if not loop.first -}}
                {{ is_same('new_rows.' ~ adapter.quote(column), 'old_rows.' ~ adapter.quote(column)) }}
            {% endfor -%}
                then old_rows.updated_at
            else {{ as_of() }}
        end as updated_at
    from {{ temporary_table(this.identifier ~ '__new') }} as new_rows
    left join {{ old_relation }} as old_rows
        on {% for column in grain %}{{ 'and ' if not loop.first }}old_rows.{{ column }} = new_rows.{{ column }} {% endfor %}
{%- endmacro %}


{% macro quoted_columns(columns) -%}
    {%- for column in columns %}{{ adapter.quote(column) }}{{ ', ' if not loop.last }}{% endfor -%}
{%- endmacro %}
