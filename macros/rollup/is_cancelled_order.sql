{#- Whether an order was cancelled, one that was paid back afterwards included: its state is then
    `refunded`, but so is that of a completed order. Never NULL. -#}
{% macro is_cancelled_order(order_status='order_status', cancelled_at='cancelled_at') -%}
    ({{ order_status }} = 'cancelled' or {{ cancelled_at }} is not null)
{%- endmacro %}
