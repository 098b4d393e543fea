{#- A query whose CTE may call itself, as the engine takes it: `x as ( … union distinct … from x … )` under
    `with recursive`. -#}
{% macro unrolled(sql) -%}
    {{ return(adapter.dispatch('unrolled', 'saas_warehouse')(sql)) }}
{%- endmacro %}

{% macro default__unrolled(sql) -%} {{ return(sql) }} {%- endmacro %}

{#- Spark 3.5 knows no recursion: the CTE is written out ten calls deep, each step over the rows so far. A query
    that an eleventh would give another row stops, so that it is never short of one. -#}
{% macro spark__unrolled(sql) -%}
    {%- if not modules.re.search('(?i)\\bwith recursive\\b', sql) -%} {{ return(sql) }} {%- endif -%}
    {%- set line = '(?:(?!\\n\\s*\\)\\s*(?:,|\\n\\s*\\n|$)).)' -%}
    {%- set found = modules.re.search(
        '(?s)\\b(\\w+) as \\((' ~ line ~ '*?)\\bunion distinct\\b(' ~ line ~ '*?\\b\\1\\b' ~ line ~ '*)\\n\\s*\\)', sql
    ) -%}
    {%- if found is none -%}
        {{ exceptions.raise_compiler_error(
            'Spark has no recursive queries, and no CTE of this one reads `x as ( … union distinct … from x … )`.'
        ) }}
    {%- endif -%}
    {%- set name, seed, step = found.group(1), found.group(2), found.group(3) -%}
    {%- set depth = 10 -%}
    {%- set levels -%}
        {{ name }}__0 as ({{ seed }})
        {%- for level in range(1, depth + 2) %},
        {{ name }}__{{ level }} as (
            {{ seed }} union distinct {{ modules.re.sub('\\b' ~ name ~ '\\b', name ~ '__' ~ (level - 1), step) }}
        )
        {%- endfor %},
        {{ name }} as (
            select *
            from {{ name }}__{{ depth }}
            where (
                select if(count(*) = 0, true, raise_error('{{ name }} calls itself more than {{ depth }} times'))
                from (
                    select * from {{ name }}__{{ depth + 1 }}
                    except
                    select * from {{ name }}__{{ depth }}
                ) as beyond
            )
        )
    {%- endset -%}
    {{ return(modules.re.sub('(?i)\\bwith recursive\\b', 'with', sql.replace(found.group(0), levels))) }}
{%- endmacro %}
