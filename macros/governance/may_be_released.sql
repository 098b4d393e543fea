{#- Whether a patient's own rows may reach analysts: consent to sharing data, and a privacy level other
    than private. What is not known is a no. Read over columns of stg_health__patients. -#}
{% macro may_be_released() -%}
    (has_data_sharing_consent and coalesce(privacy_level, 'private') <> 'private')
{%- endmacro %}
