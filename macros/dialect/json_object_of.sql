{#- An object from pairs {name: SQL expression}, names sorted: json_object_of({'requests': 'n'}). -#}
{% macro json_object_of(pairs) -%}
    json_object({% for name in pairs | sort %}'{{ name }}', {{ pairs[name] }}{{ ', ' if not loop.last }}{% endfor %})
{%- endmacro %}
