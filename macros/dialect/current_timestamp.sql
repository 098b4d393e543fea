{#- dbt's own clock (source freshness, snapshots) is the project's: business wall clock, pinned by
    as_of. Core's would read naive timestamps as UTC, eight hours off. -#}
{% macro mysql__current_timestamp() -%} {{ as_of() }} {%- endmacro %}

{% macro duckdb__current_timestamp() -%} {{ as_of() }} {%- endmacro %}

{% macro mysql__snapshot_get_time() -%} {{ as_of() }} {%- endmacro %}

{% macro duckdb__snapshot_get_time() -%} {{ as_of() }} {%- endmacro %}

{% macro spark__current_timestamp() -%} {{ as_of() }} {%- endmacro %}

{% macro spark__snapshot_get_time() -%} {{ as_of() }} {%- endmacro %}
