{#- The pseudonym of a value: HMAC-SHA-256 of its text in lower-case hexadecimal, keyed by the session
    (dbt_warehouse_session puts the key's two pads into variables; no SQL ever shows it). Equal values
    join; NULL stays NULL. Tables only: MySQL views cannot read a session variable. Without a key the
    model fails. -#}
{% macro mask_hash(expression) -%}
    {%- if execute and model.resource_type == 'model' and model.config.materialized == 'view' -%}
        {{ exceptions.raise_compiler_error('mask_hash belongs in tables: a view has no session key.') }}
    {%- endif -%}
    {{ adapter.dispatch('mask_hash', 'saas_warehouse')(expression) }}
{%- endmacro %}

{#- uuid_to_bin of a text that is no UUID is the one expression whose error shows its argument. -#}
{% macro mysql__mask_hash(expression) -%}
    sha2(
        concat(
            coalesce(@warehouse_mask_outer, uuid_to_bin('WAREHOUSE_MASK_KEY is not set')),
            unhex(
                sha2(
                    concat(
                        coalesce(@warehouse_mask_inner, uuid_to_bin('WAREHOUSE_MASK_KEY is not set')),
                        cast(convert({{ expression }} using utf8mb4) as binary)
                    ),
                    256
                )
            )
        ),
        256
    )
{%- endmacro %}

{#- Without the casts an unset variable is an untyped NULL, and the whole expression folds to NULL
    before error() is ever asked. -#}
{% macro duckdb__mask_hash(expression) -%}
    sha256(
        coalesce(
            cast(getvariable('warehouse_mask_outer') as blob),
            cast(error('WAREHOUSE_MASK_KEY is not set') as blob)
        )
        || unhex(
            sha256(
                coalesce(
                    cast(getvariable('warehouse_mask_inner') as blob),
                    cast(error('WAREHOUSE_MASK_KEY is not set') as blob)
                )
                || encode(cast({{ expression }} as varchar))
            )
        )
    )
{%- endmacro %}

{#- A function of the session's own (orchestration/spark/session.py), so that no plan of Spark's holds the pads; without
    it the query is refused. -#}
{% macro spark__mask_hash(expression) -%} warehouse_mask(cast({{ expression }} as string)) {%- endmacro %}
