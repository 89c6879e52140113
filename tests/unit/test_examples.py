"""The page on the examples lists them all; tests/repair/test_examples.py runs them."""

from tools.paths import ROOT

EXAMPLES = ROOT / "examples"


def test_the_page_lists_the_examples() -> None:
    page = (EXAMPLES / "README.md").read_text()
    listed = {path.name for path in EXAMPLES.iterdir() if f"]({path.name})" in page}
    assert listed == {path.name for path in EXAMPLES.iterdir() if path.suffix in (".py", ".sql")}


def test_the_producer_is_short_enough_to_copy() -> None:
    lines = [line for line in (EXAMPLES / "producer.py").read_text().splitlines() if line]
    assert len([line for line in lines if not line.startswith(("import", "from", '"""'))]) <= 15
