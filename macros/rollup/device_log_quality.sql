{#- The score of a device log's data quality, 20 to 100; NULL where the quality is not known. -#}
{% macro device_log_quality(data_quality) -%}
    case {{ data_quality }}
        when 'excellent' then 100
        when 'good' then 80
        when 'fair' then 60
        when 'poor' then 40
        when 'invalid' then 20
    end
{%- endmacro %}
