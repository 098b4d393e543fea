"""Another masking key on all of the demo, as docs/security.md says.

tests/integration/test_full_refresh.py has the same on a few rows.
"""

from __future__ import annotations

import base64
import secrets
from dataclasses import replace

import pytest
import warehouses
from conftest import _own_environment, _parsed_before
from pseudonyms import shown, with_key
from warehouses import AS_OF, ENGINES

from dbt_warehouse_session import hmac_pads
from orchestration.sampledata.generate import generate
from orchestration.settings import load_settings

OLD, NEW = secrets.token_hex(32), secrets.token_hex(32)
# By the definitions of marts; a timeline's first event is called after its patient.
MASKED_COLUMNS = 29


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("engine", ENGINES)
def test_all_marts_have_one_key(
    engine: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Neither key stands in any file, the database's own included."""
    if engine == "mysql":
        settings = request.getfixturevalue("mysql_settings")
    else:
        settings = load_settings(_own_environment(tmp_path_factory.mktemp("rotation")))
    settings = with_key(replace(settings, as_of=AS_OF), OLD)
    sample = tmp_path_factory.mktemp("rotated") / "sample"
    generate(settings, warehouses.SCALE, 1, AS_OF.date(), sample, settings.domains)
    with _parsed_before(settings, tmp_path_factory.getbasetemp()):
        warehouses.build(settings, sample)
        before = shown(settings, OLD, NEW)
        assert sum(map(len, before.columns.values())) == MASKED_COLUMNS, before.columns
        settings = with_key(settings, NEW)
        warehouses.dbt(settings, "build", "--full-refresh")
        after = shown(settings, NEW, OLD)
    assert {n: c for n, c in after.masked.items() if c} == {
        n: c for n, c in before.masked.items() if c
    }
    assert [n for n, rows in before.rows.items() if rows != after.rows[n]] == []
    wanted = [form for key in (OLD, NEW) for form in _forms(key)]
    files = [file for file in settings.local_dir.rglob("*") if file.is_file()]
    assert {"manifest.json", "dbt.log"} <= {file.name for file in files}
    for file in files:
        content = file.read_bytes().lower()
        assert not any(form in content for form in wanted), file


def _forms(key: str) -> list[bytes]:
    pads = hmac_pads(key)
    hexadecimal = [pad.hex().encode() for pad in pads]
    return [f.lower() for f in (key.encode(), *pads, *hexadecimal, base64.b64encode(key.encode()))]
