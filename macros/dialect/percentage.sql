{#- numerator per hundred of denominator, 0-100; over nothing it is NULL, or `when_empty` (0 in the
    fifteen views). -#}
{% macro percentage(numerator, denominator, scale=2, when_empty=none) -%}
    {%- set rate = exact_divide('(100 * (' ~ numerator ~ '))', denominator, scale) -%}
    {{ rate if when_empty is none else 'coalesce(' ~ rate ~ ', ' ~ when_empty ~ ')' }}
{%- endmacro %}
