{#- Whether a figure is about so few people that it must not be shown in `warehouse`: one to four.
    Nobody at all is no secret: zeros stay. -#}
{% macro is_small_cell(people) -%} ({{ people }} > 0 and {{ people }} < 5) {%- endmacro %}
