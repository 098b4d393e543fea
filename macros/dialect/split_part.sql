{#- dbt.split_part, parts from 1 or from the end with -1; NULL beyond the last. -#}
{% macro mysql__split_part(string_text, delimiter_text, part_number) -%}
    case
        when
            (char_length({{ string_text }}) - char_length(replace({{ string_text }}, {{ delimiter_text }}, '')))
            div char_length({{ delimiter_text }}) + 1 >= {{ part_number | abs }}
            then
                {%- if part_number > 0 %}
                substring_index(
                    substring_index({{ string_text }}, {{ delimiter_text }}, {{ part_number }}), {{ delimiter_text }}, -1
                )
                {%- else %}
                substring_index(
                    substring_index({{ string_text }}, {{ delimiter_text }}, {{ part_number }}), {{ delimiter_text }}, 1
                )
                {%- endif %}
    end
{%- endmacro %}

{#- Its own gives an empty text beyond the last. -#}
{% macro spark__split_part(string_text, delimiter_text, part_number) -%}
    case
        when
            (length({{ string_text }}) - length(replace({{ string_text }}, {{ delimiter_text }}, '')))
            div length({{ delimiter_text }}) + 1 >= {{ part_number | abs }}
            then split_part({{ string_text }}, {{ delimiter_text }}, {{ part_number }})
    end
{%- endmacro %}
