"""The conformance statement says what the tests show, and nothing else."""

import pytest

from pacs_portal.conformance import CLAIMS, DOCUMENT, Claim, Section, faults, read_sections, render

HERE = "pacs_portal/tests/test_conformance.py"


def test_every_claim_names_tests_that_exist():
    assert faults(read_sections(CLAIMS.read_text())) == []


def test_the_document_is_what_the_command_writes():
    written = render(read_sections(CLAIMS.read_text()))

    assert written == DOCUMENT.read_text(), "run: make conformance"


@pytest.mark.parametrize(
    ("tests", "expected"),
    [
        ([], "No test shows: It flies."),
        ([f"{HERE}::test_gone"], f"There is no {HERE}::test_gone, which is said to show: It flies."),
        (["test_gone.py::test_x"], "There is no test_gone.py::test_x, which is said to show: It flies."),
        (["conftest.py::store"], "There is no conftest.py::store, which is said to show: It flies."),
    ],
    ids=["none", "a test that is gone", "a file that is gone", "a function that is no test"],
)  # fmt: skip
def test_a_claim_without_its_test_is_a_fault(tests, expected):
    assert faults([Section("Flight", claims=[Claim("It flies.", tests)])]) == [expected]


def test_a_claim_with_its_test_is_none():
    test = f"{HERE}::test_a_claim_with_its_test_is_none"

    assert faults([Section("Proof", claims=[Claim("It is shown.", [test])])]) == []


def test_a_word_that_the_data_file_does_not_know_is_refused():
    with pytest.raises(TypeError):
        read_sections('[[section]]\ntitle = "One"\ntexts = "misspelt"')


def test_a_claim_is_written_with_its_clause_and_a_way_to_its_test():
    claim = Claim("It is shown.", ["a/test_b.py::test_c_d"], "PS3.18 8.9")

    written = render([Section("Proof", claims=[claim])])

    assert written.endswith(
        "## 1. Proof\n\n- It is shown. (PS3.18 8.9)\n  <br>[c d](../a/test_b.py)\n"
    )


def test_the_roles_are_those_of_the_migrations():
    written = render([Section("Security", table="roles")])

    assert "| radiologist | yes |" in written
    assert "| operator |  |" in written
