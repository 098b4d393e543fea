{#- An incremental table whose rows are not those of the window's days alone: periods that contain such a
    day, sessions that reach into one. Its query reads the window's events and, through own_rows(), what
    it built before; it gives every row that the window's events can have changed, and with figures of
    nothing those that are no more. Rows that differ are written, the others are left untouched.

    The table is `warehouse deploy`'s, as for `window`. config:
            unique_key      the one column that identifies a row, never NULL.
            gone_when       what holds for rows to be removed, over the query's columns.
            window_column   the date or timestamp by which a row counts as history.
            stamped         true: created_at and updated_at are kept here, not by the model.
    Everything happens in one transaction: on MySQL no statement of an incremental build commits.
    --full-refresh fills a twin and swaps, as for `window`; a backfill of days that the sources no longer
    hold is refused too. -#}
{% materialization keyed_window, default %}
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
    {% do require_same_columns(target_relation, sql, figures) %}

    {% if is_refresh() %}
        {% do refresh_in_twin(
            target_relation, sql, stored, is_stamped, [config.require('unique_key')], config.require('window_column')
        ) %}
    {% elif run_query('select 1 as found from ' ~ target_relation ~ ' limit 1') | length == 0 %}
        {% call statement('main') -%}
            insert into {{ target_relation }} ({{ quoted_columns(columns) }})
            select
                {%- for column in columns %}
                {{ adapter.quote(column) if column in figures else as_of() }}{{ ',' if not loop.last }}
                {%- endfor %}
            from (
                {{ sql }}
            ) as model_rows
        {%- endcall %}
    {% else %}
        {% do replace_changed_rows(target_relation, sql, stored, figures, is_stamped) %}
    {% endif %}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}


{#- Old and new rows are put aside in the target's own types, so that what is compared is what is stored. -#}
{% macro replace_changed_rows(target_relation, sql, stored, figures, is_stamped) %}
    {%- set key = adapter.quote(config.require('unique_key')) -%}
    {%- set columns = stored | map(attribute='name') | list -%}
    {%- set new_rows = temporary_table(this.identifier ~ '__new') -%}
    {%- set old_rows = temporary_table(this.identifier ~ '__old') -%}
    {%- set changed_rows = temporary_table(this.identifier ~ '__changed') -%}

    {% do put_new_rows_aside(target_relation, sql, figures) %}
    {% if var('start_date', none) %}
        {% do refuse_lost_days(target_relation, new_rows) %}
    {% endif %}
    {% call statement('forget_old') %}{{ drop_temporary_table(this.identifier ~ '__old') }}{% endcall %}
    {% call statement('put_old_aside') -%}
        create temporary table {{ old_rows }} as
        select {{ quoted_columns(columns) }}
        from {{ target_relation }}
        where {{ key }} in (select {{ key }} from {{ new_rows }})
    {%- endcall %}
    {% call statement('forget_changed') %}{{ drop_temporary_table(this.identifier ~ '__changed') }}{% endcall %}
    {% call statement('put_changed_aside') -%}
        create temporary table {{ changed_rows }} as
        {{ rows_that_differ(new_rows, old_rows, key, stored | selectattr('name', 'in', figures) | list, is_stamped) }}
    {%- endcall %}

    {% call statement('delete_changed') -%}
        delete from {{ target_relation }}
        where {{ key }} in (select {{ key }} from {{ changed_rows }})
    {%- endcall %}
    {% call statement('main') -%}
        insert into {{ target_relation }} ({{ quoted_columns(columns) }})
        select {{ quoted_columns(columns) }}
        from {{ changed_rows }}
        where not ({{ config.require('gone_when') }})
    {%- endcall %}

    {% for name in ('__new', '__old', '__changed') %}
        {% call statement('drop' ~ name) %}{{ drop_temporary_table(this.identifier ~ name) }}{% endcall %}
    {% endfor %}
{% endmacro %}


{#- New rows that are not as the old one of their key, or have none; `columns` are those to compare. -#}
{% macro rows_that_differ(new_rows, old_rows, key, columns, is_stamped) -%}
    select
        {%- for column in columns %}
        new_rows.{{ adapter.quote(column.name) }}{{ ',' if not loop.last or is_stamped }}
        {%- endfor %}
        {%- if is_stamped %}
        coalesce(old_rows.created_at, {{ as_of() }}) as created_at,
        {{ as_of() }} as updated_at
        {%- endif %}
    from {{ new_rows }} as new_rows
    left join {{ old_rows }} as old_rows
        on old_rows.{{ key }} = new_rows.{{ key }}
    where not (
        {%- for column in columns %}
        {{ 'and ' if not loop.first }}{{ is_same(comparable('new_rows', column), comparable('old_rows', column)) }}
        {%- endfor %}
    )
{%- endmacro %}


{#- A column as it is compared: text code point by code point, so that a change of case is one. -#}
{% macro comparable(alias, column) -%}
    {%- set value = alias ~ '.' ~ adapter.quote(column.name) -%}
    {%- set is_text = modules.re.match('(?i)(var)?char|enum|(medium|long)?text', column.dtype) -%}
    {{ by_code_point(value) if is_text else value }}
{%- endmacro %}


{#- Stop a backfill that would remove rows of days from which a source holds nothing any more. -#}
{% macro refuse_lost_days(relation, new_rows) %}
    {%- set sources = sources_of_history() -%}
    {%- set gone = 'from ' ~ new_rows ~ ' where ' ~ config.require('gone_when') -%}
    {% if sources and run_query('select 1 as found ' ~ gone ~ ' limit 1') | length > 0 %}
        {%- set horizon = horizon_of(sources) -%}
        {%- set moment = config.require('window_column') -%}
        {%- set lost = run_query(
            'select count(*) as row_count, min(cast(' ~ moment ~ ' as date)) as first_day, max(cast('
            ~ moment ~ ' as date)) as last_day ' ~ gone ~ ' and ' ~ moment ~ " < date '" ~ horizon
            ~ "' and " ~ moment ~ ' >= ' ~ window_start()
        ).rows[0] -%}
        {% if lost[0] %}
            {% do raise_lost_history(relation, lost, sources, horizon) %}
        {% endif %}
    {% endif %}
{% endmacro %}
