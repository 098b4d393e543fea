{#- Stop a full refresh or a backfill that would lose what can no longer be computed: rows that vanish, or
    figures that fall to nothing, on days of which a source with a retention policy need not hold all rows
    any more. `new_rows` holds what would replace the rows of `relation` that `in_window` (a where clause, or
    nothing) picks. `--vars 'accept_lost_history: true'` lets it through. -#}
{% macro refuse_lost_history(relation, new_rows, columns, window_column, in_window='') %}
    {%- set sources = sources_of_history() -%}
    {% if sources %}
        {%- set horizon = horizon_of(sources) -%}
        {%- set keys = model.meta.get('primary_key') -%}
        {%- set lost = run_query(
            lost_rows(relation, new_rows, columns, keys, window_column, in_window, horizon)
        ).rows[0] -%}
        {% if lost[0] %}
            {% if is_refresh() %}
                {% call statement('drop_twin', auto_begin=False) %}drop table if exists {{ new_rows }}{% endcall %}
            {% endif %}
            {% do raise_lost_history(relation, lost, sources, horizon) %}
        {% endif %}
    {% endif %}
{% endmacro %}


{#- The relations whose history a build of this model must not lose; none where the loss was accepted. -#}
{% macro sources_of_history() %}
    {%- set sources = retained_sources(model.unique_id, []) | unique(attribute='name') | list -%}
    {{ return([] if var('accept_lost_history') else sources) }}
{% endmacro %}


{#- `lost` is the number of rows, their first day and their last. -#}
{% macro raise_lost_history(relation, lost, sources, horizon) %}
    {% do exceptions.raise_compiler_error(
        ('a full refresh of ' if is_refresh() else 'a backfill of ') ~ relation
        ~ ' would lose rows or figures of ' ~ lost[0] ~ ' rows between ' ~ lost[1] ~ ' and ' ~ lost[2]
        ~ ': its sources (' ~ sources | map(attribute='name') | join(', ')
        ~ ') need not have all rows of before ' ~ horizon ~ ' any more. Nothing was changed. Rebuild the days'
        ~ " that they hold (--vars '{start_date: " ~ horizon ~ "}' without --full-refresh), restore"
        ~ " the months, or accept the loss: --vars '{accept_lost_history: true}'."
    ) %}
{% endmacro %}


{#- Relations that a node reads, itself or through views and tables that are made anew, and whose old rows
    retention takes away: [{name, relation, column, months}]. Window tables keep their own history. -#}
{% macro retained_sources(unique_id, found) %}
    {% for parent in graph.nodes[unique_id].depends_on.nodes %}
        {% if parent in graph.sources %}
            {%- set source_node = graph.sources[parent] -%}
            {%- set moment = source_node.meta.get('partition_by_month') or source_node.loaded_at_field -%}
            {% if source_node.meta.get('retention') and source_node.source_name in enabled_domains() %}
                {% do found.append({
                    'name': source_node.name, 'relation': source_node.relation_name, 'column': moment,
                    'months': source_node.meta.retention.months
                }) %}
            {% endif %}
        {% elif parent in graph.nodes
            and graph.nodes[parent].config.materialized not in ('window', 'keyed_window') %}
            {% do retained_sources(parent, found) %}
        {% elif parent in graph.nodes and graph.nodes[parent].meta.get('retention') %}
            {%- set node = graph.nodes[parent] -%}
            {% do found.append({
                'name': node.name, 'relation': node.relation_name, 'column': node.config.window_column,
                'months': node.meta.retention.months
            }) %}
        {% endif %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}


{#- The first day of which all of the relations still hold all; an empty one holds none. The oldest row
    alone does not say it: held and restored rows stay while others of their month are gone, so it is no
    earlier than what the policy keeps. -#}
{% macro horizon_of(sources) %}
    {%- set latest_of_first_days -%}
        select cast(max(first_day) as date) as greatest_day
        from (
            {%- for source in sources %}
            select
                greatest(
                    coalesce(cast(min({{ source.column }}) as date), {{ add_days(as_of_date(), 1) }}),
                    {{ add_months(month_start(as_of_date()), -source.months) }}
                ) as first_day
            from {{ source.relation }}
            {{ 'union all' if not loop.last }}
            {%- endfor %}
        ) as first_days
    {%- endset -%}
    {{ return(run_query(latest_of_first_days).rows[0][0]) }}
{% endmacro %}


{#- How many of the old rows before the horizon are not among the new ones, or show nothing there where a
    figure was. -#}
{% macro lost_rows(relation, new_relation, columns, keys, window_column, in_window, horizon) -%}
    {%- set figures = [] -%}
    {% for column in columns if column.name not in keys and modules.re.match(
        '(?i)(small|big|huge)?int|integer|decimal|numeric|double|float', column.dtype
    ) -%}
        {%- do figures.append(adapter.quote(column.name)) -%}
    {%- endfor -%}
    select
        count(*) as row_count,
        min(cast(old_rows.{{ window_column }} as date)) as first_day,
        max(cast(old_rows.{{ window_column }} as date)) as last_day
    from (
        select *
        from {{ relation }}
        {{ in_window }}
    ) as old_rows
    left join {{ new_relation }} as new_rows
        on {% for key in keys %}{{ 'and ' if not loop.first }}new_rows.{{ key }} = old_rows.{{ key }} {% endfor %}
    where old_rows.{{ window_column }} < date '{{ horizon }}'
        and (
            new_rows.{{ keys[0] }} is null
            {%- for figure in figures %}
            or (coalesce(old_rows.{{ figure }}, 0) <> 0 and coalesce(new_rows.{{ figure }}, 0) = 0)
            {%- endfor %}
        )
{%- endmacro %}
