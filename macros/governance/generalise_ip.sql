{#- The network of an IP address: /24 of IPv4 (also written inside IPv6), /48 of IPv6; NULL for what
    is no address. -#}
{% macro generalise_ip(ip) -%}
    {%- set octet = '(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])' -%}
    {%- set v4 = dbt.split_part(ip, "':'", -1) -%}
    case
        when {{ matches(ip, '^([0-9a-fA-F:]*:)?' ~ octet ~ '([.]' ~ octet ~ '){3}$') }}
            then concat(
                {{ dbt.split_part(v4, "'.'", 1) }}, '.', {{ dbt.split_part(v4, "'.'", 2) }}, '.',
                {{ dbt.split_part(v4, "'.'", 3) }}, '.0/24'
            )
        when {{ matches(ip, '^[0-9a-fA-F:]+$') }} and {{ matches(ip, ':') }}
            then {{ adapter.dispatch('ipv6_network', 'saas_warehouse')(ip) }}
    end
{%- endmacro %}

{#- Three groups of four digits without their leading zeros. -#}
{% macro mysql__ipv6_network(ip) -%}
    {%- set digits = 'hex(inet6_aton(' ~ ip ~ '))' -%}
    case
        when is_ipv6({{ ip }})
            then lower(
                concat(
                    {%- for start in (1, 5, 9) -%}
                        conv(substring({{ digits }}, {{ start }}, 4), 16, 16), ':'{{ ', ' }}
                    {%- endfor -%}
                    ':/48'
                )
            )
    end
{%- endmacro %}

{#- DuckDB has no IPv6 in its core: write the zeros that :: stands for, then take three groups. -#}
{% macro duckdb__ipv6_network(ip) -%}
    {%- set ends = "string_split(" ~ ip ~ ", '::')" -%}
    {%- set groups -%}
        list_filter(string_split({{ ends }}[1], ':'), lambda g: g <> '')
        || case
            when len({{ ends }}) = 2
                then list_transform(
                    range(
                        8 - len(list_filter(string_split({{ ip }}, ':'), lambda g: g <> ''))
                    ),
                    lambda n: '0'
                )
            else []
        end
        || list_filter(string_split(coalesce({{ ends }}[2], ''), ':'), lambda g: g <> '')
    {%- endset -%}
    case
        when
            regexp_matches({{ ip }}, '^([0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}$')
            or (
                regexp_matches(
                    {{ ip }}, '^([0-9a-fA-F]{1,4}(:[0-9a-fA-F]{1,4})*)?::([0-9a-fA-F]{1,4}(:[0-9a-fA-F]{1,4})*)?$'
                )
                and len(list_filter(string_split({{ ip }}, ':'), lambda g: g <> '')) <= 7
            )
            then lower(
                array_to_string(
                    list_transform(
                        ({{ groups }})[1:3], lambda g: coalesce(nullif(ltrim(g, '0'), ''), '0')
                    ),
                    ':'
                )
            ) || '::/48'
    end
{%- endmacro %}

{#- As on DuckDB. -#}
{% macro spark__ipv6_network(ip) -%}
    {%- set ends = "split(" ~ ip ~ ", '::')" -%}
    {%- set given = "size(filter(split(" ~ ip ~ ", ':'), g -> g <> ''))" -%}
    {%- set groups -%}
        concat(
            filter(split(try_element_at({{ ends }}, 1), ':'), g -> g <> ''),
            case
                when size({{ ends }}) = 2 then array_repeat('0', 8 - {{ given }})
                else cast(array() as array<string>)
            end,
            filter(split(coalesce(try_element_at({{ ends }}, 2), ''), ':'), g -> g <> '')
        )
    {%- endset -%}
    case
        when
            {{ ip }} rlike '^([0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}$'
            or (
                {{ ip }} rlike '^([0-9a-fA-F]{1,4}(:[0-9a-fA-F]{1,4})*)?::([0-9a-fA-F]{1,4}(:[0-9a-fA-F]{1,4})*)?$'
                and {{ given }} <= 7
            )
            then concat(
                lower(
                    array_join(
                        transform(slice({{ groups }}, 1, 3), g -> coalesce(nullif(trim(leading '0' from g), ''), '0')), ':'
                    )
                ),
                '::/48'
            )
    end
{%- endmacro %}
