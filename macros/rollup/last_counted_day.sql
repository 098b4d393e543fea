{#- The latest day before a given one (a Python date) whose daily row is stored, as a date literal: what
    came later is what a running total still lacks, also after builds were missed. The day before the
    given one where nothing is stored, and where no server is asked (compile). -#}
{% macro last_counted_day(before) -%}
    {%- set day_before = before - modules.datetime.timedelta(days=1) -%}
    {%- if execute and flags.WHICH in ('run', 'build') and not is_whole_build() -%}
        {%- set stored = run_query(
            "select max(stat_date) as last_day from " ~ this
            ~ " where stat_type = 'daily' and stat_date < date '" ~ before ~ "'"
        ).rows[0][0] -%}
        {%- set day_before = stored or day_before -%}
    {%- endif -%}
    date '{{ day_before }}'
{%- endmacro %}
