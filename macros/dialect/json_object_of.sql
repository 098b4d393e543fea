{#- An object from pairs {name: SQL expression}, names sorted: json_object_of({'requests': 'n'}). -#}
{% macro json_object_of(pairs) -%}
    {{ adapter.dispatch('json_object_of', 'saas_warehouse')(pairs) }}
{%- endmacro %}

{% macro default__json_object_of(pairs) -%}
    json_object({% for name in pairs | sort %}'{{ name }}', {{ pairs[name] }}{{ ', ' if not loop.last }}{% endfor %})
{%- endmacro %}

{% macro spark__json_object_of(pairs) -%}
    {%- if not pairs -%} '{}'
    {%- else -%}
    to_json(
        named_struct({% for name in pairs | sort %}'{{ name }}', {{ pairs[name] }}{{ ', ' if not loop.last }}{% endfor %}),
        map('ignoreNullFields', 'false')
    )
    {%- endif -%}
{%- endmacro %}
