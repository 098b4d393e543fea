"""Quality suites: what the warehouse's outputs must look like, one module a domain.

A suite judges distribution and plausibility; structure belongs to the databases and to dbt's
tests. Importing a suite imports Great Expectations (several seconds), so only
orchestration.validation does.
"""

import os

# Both are read while Great Expectations is imported, which every module of this package does.
os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
os.environ.setdefault("TQDM_DISABLE", "1")
