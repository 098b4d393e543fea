{#- dbt.datediff counts boundaries crossed, weeks beginning on Monday. year() is unsigned in MySQL, so
    a negative difference of two would be an error; extract() is not. -#}
{% macro mysql__datediff(first_date, second_date, datepart) -%}
    {%- set first = 'cast(' ~ first_date ~ ' as datetime)' -%}
    {%- set second = 'cast(' ~ second_date ~ ' as datetime)' -%}
    {%- if datepart == 'year' -%} (extract(year from {{ second }}) - extract(year from {{ first }}))
    {%- elif datepart == 'quarter' -%}
        ((extract(year from {{ second }}) - extract(year from {{ first }})) * 4 + extract(quarter from {{ second }}) - extract(quarter from {{ first }}))
    {%- elif datepart == 'month' -%}
        ((extract(year from {{ second }}) - extract(year from {{ first }})) * 12 + extract(month from {{ second }}) - extract(month from {{ first }}))
    {%- elif datepart == 'week' -%}
        (datediff({{ week_start(second) }}, {{ week_start(first) }}) div 7)
    {%- elif datepart == 'day' -%} datediff({{ second }}, {{ first }})
    {%- elif datepart in ('hour', 'minute', 'second') -%}
        timestampdiff(
            {{ datepart }}, {{ dbt.date_trunc(datepart, first) }}, {{ dbt.date_trunc(datepart, second) }}
        )
    {%- else -%}
        {{ exceptions.raise_compiler_error('datediff: no part ' ~ datepart ~ ' on MySQL') }}
    {%- endif -%}
{%- endmacro %}

{#- date_diff('week', …) counts whole weeks, not Mondays. -#}
{% macro duckdb__datediff(first_date, second_date, datepart) -%}
    {%- if datepart == 'week' -%}
        (date_diff('day', {{ week_start(first_date) }}, {{ week_start(second_date) }}) // 7)
    {%- else -%}
        date_diff('{{ datepart }}', cast({{ first_date }} as timestamp), cast({{ second_date }} as timestamp))
    {%- endif -%}
{%- endmacro %}

{% macro spark__datediff(first_date, second_date, datepart) -%}
    {%- set first, second = 'cast(' ~ first_date ~ ' as timestamp_ntz)', 'cast(' ~ second_date ~ ' as timestamp_ntz)' -%}
    {%- if datepart in ('year', 'quarter', 'month') -%}
        {%- set per_year = {'year': 1, 'quarter': 4, 'month': 12}[datepart] -%}
        ((extract(year from {{ second }}) - extract(year from {{ first }})) * {{ per_year }}
        {%- if datepart != 'year' %} + extract({{ datepart }} from {{ second }}) - extract({{ datepart }} from {{ first }}){% endif -%}
        )
    {%- elif datepart == 'week' -%} (datediff({{ week_start(second) }}, {{ week_start(first) }}) div 7)
    {%- elif datepart == 'day' -%} datediff(cast({{ second }} as date), cast({{ first }} as date))
    {%- else -%}
        timestampdiff({{ datepart }}, {{ dbt.date_trunc(datepart, first) }}, {{ dbt.date_trunc(datepart, second) }})
    {%- endif -%}
{%- endmacro %}
