{#- dbt.type_*: the types that MySQL's cast() takes. -#}
{% macro mysql__type_string() -%} {{ return('char') }} {%- endmacro %}

{% macro mysql__type_timestamp() -%} {{ return('datetime') }} {%- endmacro %}

{% macro mysql__type_float() -%} {{ return('double') }} {%- endmacro %}

{% macro mysql__type_numeric() -%} {{ return('decimal(28,6)') }} {%- endmacro %}

{% macro mysql__type_bigint() -%} {{ return('signed') }} {%- endmacro %}

{% macro mysql__type_int() -%} {{ return('signed') }} {%- endmacro %}

{% macro mysql__type_boolean() -%} {{ return('signed') }} {%- endmacro %}

{% macro spark__type_timestamp() -%} {{ return('timestamp_ntz') }} {%- endmacro %}

{% macro spark__type_float() -%} {{ return('double') }} {%- endmacro %}
