{#- Stop when a query and the table that takes its rows differ in their columns: an extra one would be
    dropped without a word, and a missing one is no error message that names the model. -#}
{% macro require_same_columns(relation, sql, expected) %}
    {%- set given = adapter.dispatch('columns_given', 'saas_warehouse')(sql) | map('lower') | list -%}
    {%- set wanted = expected | map('lower') | list -%}
    {%- set extra = given | reject('in', wanted) | join(', ') -%}
    {%- set missing = wanted | reject('in', given) | join(', ') -%}
    {% if extra or missing %}
        {% do exceptions.raise_compiler_error(
            relation ~ ' and its model differ:'
            ~ (' the model also gives ' ~ extra ~ ';' if extra)
            ~ (' the table also has ' ~ missing ~ ';' if missing)
            ~ ' nothing was changed. Declare the column in the YAML beside the model and run'
            ~ ' `warehouse deploy`, or take it out of the model.'
        ) %}
    {% endif %}
{% endmacro %}


{% macro default__columns_given(sql) %}
    {{ return(run_query('select * from (' ~ sql ~ ') as model_rows limit 0').column_names) }}
{% endmacro %}

{#- Without planning it: that takes seconds, and of nested unions under a limit of 0 rows Spark makes an error. -#}
{% macro spark__columns_given(sql) %}
    {{ return(run_query('describe query ' ~ sql).rows | map(attribute=0) | list) }}
{% endmacro %}
