{#- The province of an address (JSON with province, city, district, street), and nothing finer: a text
    too long for a province's name is taken for an address in the wrong field. -#}
{% macro generalise_address(address) -%}
    {%- set province = json_text(address, '$.province') -%}
    case when {{ dbt.length(province) }} between 1 and 12 then {{ province }} end
{%- endmacro %}
