{#- A join clause, one row a member: `from t {{ unnest_json_keys('t.arms', 'arm') }}` gives
    arm.json_key; the value is json_text('t.arms', json_member_path('arm.json_key')). Rows come in no
    order (MySQL does not keep the document's); a row without an object drops out. -#}
{% macro unnest_json_keys(document, alias) -%}
    {{ adapter.dispatch('unnest_json_keys', 'saas_warehouse')(document, alias) }}
{%- endmacro %}

{% macro mysql__unnest_json_keys(document, alias) -%}
    cross join json_table(
        coalesce(json_keys({{ document }}), json_array()), '$[*]' columns (json_key varchar(255) path '$')
    ) as {{ alias }}
{%- endmacro %}

{% macro duckdb__unnest_json_keys(document, alias) -%}
    cross join lateral (select unnest(json_keys({{ document }})) as json_key) as {{ alias }}
{%- endmacro %}

{% macro spark__unnest_json_keys(document, alias) -%}
    cross join lateral (select explode(json_object_keys({{ document }})) as json_key) as {{ alias }}
{%- endmacro %}
