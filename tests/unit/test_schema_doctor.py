"""Doctor's pure parts: exit codes, layout, and reading SHOW GRANTS."""

import json

from orchestration.schema.doctor import (
    PRIVILEGES,
    REPLACED_EVENTS,
    Finding,
    exit_code,
    may_set_variables,
    missing_privileges,
    render,
    to_json,
)

OK = Finding("version", "ok", "MySQL 9.7")
WARNING = Finding("local_infile", "warning", "off", "mysql> set persist local_infile = on;")
PROBLEM = Finding("tables", "problem", "3 are missing", "warehouse deploy")


def test_the_worst_level_decides_the_exit_code():
    assert exit_code([OK]) == 0
    assert exit_code([OK, WARNING]) == 1
    assert exit_code([PROBLEM, WARNING, OK]) == 2


def test_each_problem_shows_its_fix():
    text = render([OK, WARNING, PROBLEM])
    assert "fix: warehouse deploy" in text
    assert text.splitlines()[-1] == "1 ok, 1 warning, 1 problem"


def test_json_has_everything():
    answer = json.loads(to_json([OK, PROBLEM]))
    assert answer["exit_code"] == 2
    assert answer["findings"][1] == {
        "check": "tables",
        "level": "problem",
        "detail": "3 are missing",
        "fix": "warehouse deploy",
    }


def test_sixteen_events_were_replaced():
    names = [name for events in REPLACED_EVENTS.values() for name in events]
    assert len(names) == len(set(names)) == 16


def test_grants_on_everything():
    assert missing_privileges(["GRANT ALL PRIVILEGES ON *.* TO `a`@`%`"], "x") == set()
    listed = f"GRANT {', '.join(PRIVILEGES)} ON *.* TO `a`@`%` WITH GRANT OPTION"
    assert missing_privileges([listed], "x") == set()


def test_grants_on_one_database_add_up():
    grants = [
        "GRANT USAGE ON *.* TO `a`@`%`",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON `shop`.* TO `a`@`%`",
        "GRANT CREATE, DROP, ALTER, INDEX, REFERENCES ON `shop`.* TO `a`@`%`",
        "GRANT SELECT ON `shop`.`orders` TO `a`@`%`",
        "GRANT ALL PRIVILEGES ON `other`.* TO `a`@`%`",
    ]
    assert missing_privileges(grants, "shop") == {"CREATE VIEW", "SHOW VIEW"}
    assert missing_privileges(grants, "nothing") == set(PRIVILEGES)


def test_wildcards_in_grants():
    grants = [r"GRANT ALL PRIVILEGES ON `t1\_%`.* TO `a`@`%`"]
    assert missing_privileges(grants, "t1_wework_platform") == set()
    assert missing_privileges(grants, "t12wework_platform") == set(PRIVILEGES)
    assert missing_privileges(["GRANT ALL PRIVILEGES ON `a_c`.* TO `a`@`%`"], "abc") == set()


def test_who_may_set_variables_of_the_server():
    assert may_set_variables(["GRANT ALL PRIVILEGES ON *.* TO `a`@`%`"])
    assert may_set_variables(["GRANT SELECT, SUPER ON *.* TO `a`@`%`"])
    assert may_set_variables(
        ["GRANT SELECT ON *.* TO `a`@`%`", "GRANT SYSTEM_VARIABLES_ADMIN ON *.* TO `a`@`%`"]
    )
    assert not may_set_variables(["GRANT ALL PRIVILEGES ON `core`.* TO `a`@`%`"])
    assert not may_set_variables(["GRANT SELECT, SESSION_VARIABLES_ADMIN ON *.* TO `a`@`%`"])
