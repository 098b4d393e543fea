{#- `window` and `keyed_window` on Spark: a Parquet table cut into a partition a day, of which a build
    overwrites exactly those that its rows touch, and empties those that lose their last row. The config is
    that of the two (materialization_window.sql, materialization_keyed_window.sql); the table is made here,
    with the YAML's types. It is cut on window_column where that is a date, else on a column more, window_day.

    Everything is computed and written aside before the first partition is overwritten, so a query that fails
    changes nothing; the partitions themselves follow one another, and a build killed among them is run again.
    The lake keeps what retention took from the databases, so no history can be lost here. -#}
{% materialization window, adapter='spark' %}
    {{ return(spark_window(false)) }}
{% endmaterialization %}

{% materialization keyed_window, adapter='spark' %}
    {{ return(spark_window(true)) }}
{% endmaterialization %}


{% macro spark_window(is_keyed) %}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set columns = model.columns.values() | map(attribute='name') | list -%}
    {%- set is_stamped = config.get('stamped', false) -%}
    {%- set figures = columns | reject('in', ['created_at', 'updated_at'] if is_stamped else []) | list -%}
    {%- set new_rows = temporary_table(this.identifier ~ '__new') -%}
    {%- set next_rows = temporary_table(this.identifier ~ '__next') -%}
    {%- set changed_rows = temporary_table(this.identifier ~ '__changed') -%}
    {%- set part = spark_partition(model) -%}

    {{ run_hooks(pre_hooks) }}
    {% if load_cached_relation(this) is none %}
        {% do spark_make_window_table(target_relation, part) %}
    {% endif %}
    {% do require_same_columns(target_relation, sql, figures) %}
    {% do spark_drop_asides() %}

    {% call statement('put_new_aside') -%}
        create table {{ new_rows }} using parquet as
        select {{ spark_typed_columns(model, figures) }}
        from (
            {{ sql }}
        ) as model_rows
    {%- endcall %}
    {% if is_keyed and not is_refresh() %}
        {%- set key = adapter.quote(config.require('unique_key')) -%}
        {%- set compared = adapter.get_columns_in_relation(target_relation)
            | selectattr('name', 'in', figures) | list -%}
        {% call statement('put_changed_aside') -%}
            create table {{ changed_rows }} using parquet as
            {{ rows_that_differ(new_rows, target_relation, key, compared, is_stamped) }}
        {%- endcall %}
        {%- set replaced = key ~ ' in (select ' ~ key ~ ' from ' ~ changed_rows ~ ')' -%}
        {%- set replacing -%}
            select {{ quoted_columns(columns) }} from {{ changed_rows }} where not ({{ config.require('gone_when') }})
        {%- endset -%}
    {% else %}
        {%- set replaced = '1 = 1' if is_refresh() else spark_in_window() -%}
        {%- set replacing -%}
            {%- if is_stamped -%}
                {{ stamped_rows(
                    '(select * from ' ~ target_relation ~ ' where ' ~ replaced ~ ')', figures,
                    [config.require('unique_key')] if is_keyed else config.require('grain')
                ) }}
            {%- else -%} select {{ quoted_columns(columns) }} from {{ new_rows }}
            {%- endif -%}
        {%- endset -%}
    {% endif %}
    {% do spark_overwrite(target_relation, columns, part, replaced, replacing, next_rows) %}
    {% do spark_drop_asides() %}

    {{ run_hooks(post_hooks) }}
    {{ return({'relations': [target_relation]}) }}
{% endmacro %}


{#- The rows of the parts that are touched, as they will be: new ones, and old ones that stay. -#}
{% macro spark_overwrite(relation, columns, part, replaced, replacing, next_rows) %}
    {%- set day = part.expression -%}
    {%- set touched = [] -%}
    {% if part.name %}
        {% for row in run_query(
            'select distinct ' ~ day ~ ' as part_day from ' ~ relation ~ ' where ' ~ replaced
            ~ ' union select distinct ' ~ day ~ ' as part_day from (' ~ replacing ~ ') as new_rows'
        ).rows %}
            {%- do touched.append("date '" ~ row[0] ~ "'") -%}
        {% endfor %}
    {% endif %}
    {%- set in_touched = day ~ ' in (' ~ touched | join(', ') ~ ')' if touched else '1 = 0' -%}
    {% call statement('put_next_aside') -%}
        create table {{ next_rows }} using parquet as
        select {{ quoted_columns(columns) }}{{ ', ' ~ day ~ ' as window_day' if part.is_extra }}
        from ({{ replacing }}) as new_rows
        union all
        select {{ quoted_columns(columns) }}{{ ', ' ~ day ~ ' as window_day' if part.is_extra }}
        from {{ relation }}
        where {{ in_touched if part.name else '1 = 1' }}
            and not ({{ replaced }})
    {%- endcall %}
    {%- set stored = columns | reject('equalto', part.name) | list -%}
    {% if not part.name or touched %}
        {% call statement('main') -%}
            insert overwrite table {{ relation }} {{ 'partition (' ~ part.name ~ ')' if part.name }}
            select {{ quoted_columns(stored) }}{{ ', ' ~ part.name if part.name }}
            from {{ next_rows }}
            {{ 'distribute by ' ~ part.name if part.name }}
        {%- endcall %}
    {% else %}
        {% call statement('main') %}select 'no day is touched' as result{% endcall %}
    {% endif %}
    {% if touched %}
        {%- set filled = run_query('select distinct ' ~ part.name ~ ' from ' ~ next_rows).rows
            | map(attribute=0) | map('string') | list -%}
        {% for one in touched if one[6:-1] not in filled %}
            {% call statement('empty_day') -%}
                insert overwrite table {{ relation }} partition ({{ part.name }} = {{ one }})
                select {{ quoted_columns(stored) }}
                from {{ next_rows }}
                where 1 = 0
            {%- endcall %}
        {% endfor %}
    {% endif %}
{% endmacro %}


{#- What the table is cut on: {name, expression (over the model's columns), is_extra}; no name, no parts. -#}
{% macro spark_partition(node) %}
    {%- set column = config.get('window_column') -%}
    {%- set is_date = column and node.columns[column].data_type == 'date' -%}
    {{ return({
        'name': (column if is_date else 'window_day') if column else none,
        'expression': 'cast(' ~ column ~ ' as date)',
        'is_extra': column and not is_date,
    }) }}
{% endmacro %}


{% macro spark_make_window_table(relation, part) %}
    {% call statement('make_table') -%}
        create table {{ relation }} (
            {%- for column in model.columns.values() %}
            {{ adapter.quote(column.name) }} {{ cast_type(column.data_type) }}{{ ',' if not loop.last or part.is_extra }}
            {%- endfor %}
            {{ 'window_day date' if part.is_extra }}
        ) using parquet
        {{ 'partitioned by (' ~ part.name ~ ')' if part.name }}
    {%- endcall %}
    {% do adapter.cache_added(relation) %}
{% endmacro %}


{#- The condition for the rows that the window's replace. -#}
{% macro spark_in_window() -%}
    {%- if config.get('window_rows') -%} coalesce({{ context[config.get('window_rows')]() }}, false)
    {%- elif config.get('window_column') -%}
        coalesce({{ config.get('window_column') }} >= {{ window_start() }}
            and {{ config.get('window_column') }} < {{ window_end() }}, false)
    {%- else -%} 1 = 1
    {%- endif -%}
{%- endmacro %}


{% macro spark_drop_asides() %}
    {% for name in ('__new', '__next', '__changed') %}
        {% call statement('drop' ~ name) %}{{ drop_temporary_table(this.identifier ~ name) }}{% endcall %}
    {% endfor %}
{% endmacro %}
