{#- The lifecycle stage that an active customer is due, by the first rule that holds; without one it keeps
    the stage it has. Arguments are expressions on the customer's row; `today` is a date. Advocates come
    before customers: after them hardly anybody would become one. -#}
{% macro due_lifecycle_stage(stage, orders, amount, first_order_date, last_order_date, today) -%}
    case
        when {{ days_between(last_order_date, today) }} > 180 then 'inactive'
        when {{ orders }} >= 5 and {{ amount }} >= 5000 then 'advocate'
        when {{ orders }} >= 2 and {{ days_between(last_order_date, today) }} <= 90 then 'customer'
        when {{ orders }} = 1 and {{ days_between(first_order_date, today) }} <= 30 then 'prospect'
        when coalesce({{ orders }}, 0) = 0 then 'lead'
        else {{ stage }}
    end
{%- endmacro %}
