{#- Small cells of one total, with complementary suppression: where the cells of a partition add up to a
    figure that is shown elsewhere, one hidden cell is that figure minus the others. So the smallest are
    hidden until they are at least two and stand for at least five people. Two steps, like percentile: the
    first CTE adds small_cell_columns, the second asks is_hidden_cell. Empty cells stay, and hide nothing.

        cells as (
            select *, {{ small_cell_columns('customers', ['tenant_id'], 'month') }} from counted
        ),
        select month, case when not {{ is_hidden_cell('customers') }} then customers end as customers
        from cells

    `people` is a column that is never NULL; `tie_breaker` orders cells of one size. -#}
{% macro is_hidden_cell(people) -%}
    (
        {{ people }} > 0
        and {{ people }}_smallest < 5
        and ({{ people }} < 5 or {{ people }}_rank <= 2 or {{ people }}_in_smaller < 5)
    )
{%- endmacro %}

{#- The columns <people>_smallest, <people>_rank and <people>_in_smaller. Without columns in
    `partition_by` all rows are the cells of one total. -#}
{% macro small_cell_columns(people, partition_by, tie_breaker) -%}
    {%- set partition -%}
        {%- if partition_by %}partition by {{ partition_by | join(', ') }}{% endif -%}
    {%- endset -%}
    {%- set in_order -%}
        {{ partition }} order by case when {{ people }} > 0 then 0 else 1 end, {{ people }}, {{ tie_breaker }}
    {%- endset -%}
    coalesce(min(case when {{ people }} > 0 then {{ people }} end) over ({{ partition }}), 0)
        as {{ people }}_smallest,
    row_number() over ({{ in_order }}) as {{ people }}_rank,
    sum({{ people }}) over (
        {{ in_order }} rows between unbounded preceding and current row
    ) - {{ people }} as {{ people }}_in_smaller
{%- endmacro %}
