{#- Put a model's rows into the empty twin of its table; with the old ones' stamps, if it is stamped. -#}
{% macro fill_twin(relation, twin, sql, columns, is_stamped, key) -%}
    {% do adapter.dispatch('fill_twin', 'saas_warehouse')(relation, twin, sql, columns, is_stamped, key) %}
{%- endmacro %}

{% macro default__fill_twin(relation, twin, sql, columns, is_stamped, key) -%}
    {%- set statements = statements_that_fill(relation, twin, sql, columns, is_stamped, key) -%}
    {% for each in statements %}
        {% call statement('main' if loop.last else 'prepare') %}{{ each }}{% endcall %}
    {% endfor %}
{%- endmacro %}

{#- MySQL runs a statement on one core, and one over years of rows sorts and groups on disk. Where a model
    says that its window may be cut (`refresh_by_month`), each month that the partitions of its sources know
    is a transaction of its own, as many at once as dbt has threads. Nobody sees the twin before it is
    whole. -#}
{% macro mysql__fill_twin(relation, twin, sql, columns, is_stamped, key) -%}
    {%- set scripts = [] -%}
    {% for part in (month_parts(sql) if is_made_by_month() else []) %}
        {% do scripts.append(statements_that_fill(relation, twin, part, columns, is_stamped, key)) %}
    {% endfor %}
    {% if scripts | length > 1 %}
        {% do adapter.side_by_side(scripts) %}
        {% call noop_statement('main', scripts | length ~ ' months', 'INSERT') %}{{ sql }}{% endcall %}
    {% else %}
        {% do default__fill_twin(relation, twin, sql, columns, is_stamped, key) %}
    {% endif %}
{%- endmacro %}


{#- Whether the table is made anew by months: a full refresh, or the first build of all. -#}
{% macro is_made_by_month() -%}
    {{ return(adapter.dispatch('is_made_by_month', 'saas_warehouse')()) }}
{%- endmacro %}

{% macro default__is_made_by_month() -%}
    {{ return(false) }}
{%- endmacro %}

{% macro mysql__is_made_by_month() -%}
    {{ return(config.get('refresh_by_month', false) and not var('start_date', none) and is_whole_build()) }}
{%- endmacro %}


{#- In one session. What is compared for the stamps is what is stored, so it is put aside in the table's types. -#}
{% macro statements_that_fill(relation, twin, sql, columns, is_stamped, key) -%}
    {%- set figures = columns | reject('in', ['created_at', 'updated_at']) | list -%}
    {%- set insert_stamped -%}
        insert into {{ twin }} ({{ quoted_columns(figures) }}, created_at, updated_at)
        {{ stamped_rows(relation, figures, key) }}
    {%- endset -%}
    {{ return(
        statements_that_put_aside(relation, sql, figures) + [insert_stamped]
        if is_stamped else [insert_rows(twin, sql, columns)]
    ) }}
{%- endmacro %}


{#- A whole build's query, once for every month from the first that a source has a partition for. -#}
{% macro month_parts(sql) -%}
    {%- set months = [] -%}
    {% for source in retained_sources(model.unique_id, []) | unique(attribute='relation') %}
        {%- set database, table = source.relation.replace('`', '').split('.') -%}
        {% for row in run_query(
            "select partition_name from information_schema.partitions where table_schema = '" ~ database
            ~ "' and table_name = '" ~ table ~ "' and partition_name regexp '^p[0-9]{6}$'"
        ).rows if row[0] <= 'p' ~ run_day().strftime('%Y%m') %}
            {% do months.append(row[0][1:5] ~ '-' ~ row[0][5:] ~ '-01') %}
        {% endfor %}
    {% endfor %}
    {%- set months = months | unique | sort -%}
    {%- set parts = [] -%}
    {% for month in months %}
        {%- set part = [sql] -%}
        {% if not loop.first %}
            {% do part.append(cut(part[-1], 'window_start', month)) %}
        {% endif %}
        {% if not loop.last %}
            {%- set last = window_day(months[loop.index]) - modules.datetime.timedelta(days=1) -%}
            {% do part.append(cut(cut(part[-1], 'window_end', months[loop.index]), 'window_last_day', last)) %}
        {% endif %}
        {% do parts.append(part[-1]) %}
    {% endfor %}
    {{ return(parts) }}
{%- endmacro %}


{#- The query with another day where `mark_cut` left the name of one end of the window. -#}
{% macro cut(sql, end, day) -%}
    {{ return(modules.re.sub("date '[0-9-]+' /[*]" ~ end ~ '[*]/', "date '" ~ day ~ "'", sql)) }}
{%- endmacro %}
