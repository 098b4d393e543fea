{#- An incremental table, on either engine: the rows of a half-open window are replaced in one
    transaction, so that a rerun, a late row or a backfill gives what a first build would give.

    The table is `warehouse deploy`'s (its keys, indexes and partitions are in the schema of record).
    config: window_column   the date or timestamp that the window is cut on (partition column);
                            without it the whole table is replaced.
            stamped         true: created_at and updated_at are kept here, not by the model; they move
                            only for rows whose other columns changed. Needs `grain`.
            grain           columns that identify a row, for `stamped`.
    A failure anywhere leaves the old rows: on MySQL no statement here commits by itself. -#}
{% materialization window, default %}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set window_column = config.get('window_column') -%}
    {%- set stamped = config.get('stamped', false) -%}

    {% if load_cached_relation(this) is none %}
        {% do exceptions.raise_compiler_error(
            this ~ " is not deployed: an incremental table needs its keys first. Run `warehouse deploy"
            ~ (' --target mysql' if target.type == 'mysql' else '') ~ "`, then build again.") %}
    {% endif %}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {%- set columns = [] -%}
    {%- for column in adapter.get_columns_in_relation(target_relation) -%}
        {%- if not (stamped and column.name in ('created_at', 'updated_at')) -%}
            {%- do columns.append(adapter.quote(column.name)) -%}
        {%- endif -%}
    {%- endfor -%}

    {%- set rows = '(' ~ sql ~ ')' -%}
    {%- if stamped -%}
        {%- set staged = adapter.quote(this.identifier ~ '__window') -%}
        {% call statement('stage_rows') %}{{ stamp_rows(staged, sql, columns, config.require('grain')) }}{% endcall %}
        {%- set rows = staged_name(staged) -%}
        {%- do columns.extend([adapter.quote('created_at'), adapter.quote('updated_at')]) -%}
    {%- endif -%}

    {% call statement('delete_window') -%}
        delete from {{ target_relation }}
        {%- if window_column %}
        where {{ window_column }} >= {{ window_start() }}
            and {{ window_column }} < {{ window_end() }}
        {%- endif %}
    {%- endcall %}

    {% call statement('main') -%}
        insert into {{ target_relation }} ({{ columns | join(', ') }})
        select {{ columns | join(', ') }}
        from {{ rows }} as model_rows
    {%- endcall %}

    {% if stamped %}
        {% call statement('drop_staged') %}{{ drop_staged(staged) }}{% endcall %}
    {% endif %}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}


{#- Put the model's rows aside with their stamps: created_at is the first build's, updated_at the
    last one at which any other column changed. -#}
{% macro stamp_rows(staged, sql, columns, grain) -%}
    {%- set now = as_of() -%}
    create temporary table {{ staged_name(staged) }} as
    select
        {%- for column in columns %}
        model_rows.{{ column }},
        {%- endfor %}
        coalesce(old_rows.created_at, {{ now }}) as created_at,
        case
            when old_rows.{{ grain[0] }} is not null
                {%- for column in columns %}
                and {{ is_same('model_rows.' ~ column, 'old_rows.' ~ column) }}
                {%- endfor %}
                then old_rows.updated_at
            else {{ now }}
        end as updated_at
    from (
        {{ sql }}
    ) as model_rows
    left join {{ this }} as old_rows
        on {% for column in grain %}{{ 'and ' if not loop.first }}old_rows.{{ column }} = model_rows.{{ column }} {% endfor %}
{%- endmacro %}


{#- MySQL's temporary tables live in a database, DuckDB's in a schema of their own. -#}
{% macro staged_name(staged) -%}
    {{ this.schema ~ '.' if target.type == 'mysql' }}{{ staged }}
{%- endmacro %}


{% macro drop_staged(staged) -%}
    drop {{ 'temporary ' if target.type == 'mysql' }}table {{ staged_name(staged) }}
{%- endmacro %}
