"""Quality suites: what sources and outputs must look like, one module a domain.

A suite judges distribution and plausibility; structure belongs to the databases and to dbt's
tests. Declaring one needs nothing but `expectations.base`; orchestration.gx_session hands it to
Great Expectations, which takes seconds to import.
"""
