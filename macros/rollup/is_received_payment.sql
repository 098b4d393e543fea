{#- Whether a payment brought money in: one that was paid back since did so too, in whole or in part, and
    its status says only that. Never NULL. -#}
{% macro is_received_payment(payment_status='payment_status') -%}
    coalesce({{ payment_status }} in ('success', 'refunded', 'partial_refunded'), false)
{%- endmacro %}
