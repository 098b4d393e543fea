"""Which of dbt's tests look at what Spark built: all of them, or those of what was selected.

Spark's files are made by hand; no Java is needed.
"""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest
from conftest import _own_environment
from retention_world import AS_OF, KEY
from spark_files import write

from orchestration.lake.fresh import fresh_day
from orchestration.manifest import prepare_manifest
from orchestration.schema.deploy import deploy
from orchestration.settings import load_settings
from orchestration.spark import reader

pytestmark = pytest.mark.slow
BUILT = "ai_agent_statistics"


def test_what_was_not_selected_is_not_tested(tmp_path: Path) -> None:
    settings = load_settings(
        _own_environment(
            tmp_path,
            WAREHOUSE_ENGINE="spark",
            WAREHOUSE_DOMAINS="ai",
            WAREHOUSE_AS_OF=str(AS_OF),
            WAREHOUSE_ARCHIVE_KEY=KEY,
        )
    )
    deploy(settings, progress=lambda _: None)
    day = fresh_day(settings)
    manifest = json.loads(prepare_manifest(settings).read_text(encoding="utf-8"))
    # no other model was ever built, so a test of one would fail
    write(settings, BUILT, pa.table({"tenant_id": ["t1"], "agent_id": ["a1"]}).slice(1))
    assert reader.renew(settings, manifest, day, tests=True, select=f"+{BUILT}") == []
    write(settings, BUILT, pa.table({"tenant_id": ["t1", "t1"], "agent_id": ["a1", "a1"]}))
    [found] = reader.renew(settings, manifest, day, tests=True, select=BUILT)
    assert f"unique_{BUILT}_agent_id" in found
    assert "does not exist" not in found, "nothing was tested that is not there"
