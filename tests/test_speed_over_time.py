"""docs/speed-over-time.md is what its rows say, and sets only commits of one run side by side."""

from benchmarks import history


def test_the_page_is_that_of_the_rows():
    assert history.PAGE.read_text(encoding="utf-8") == history.page(history.read()), (
        "python -m benchmarks.history --page-only"
    )


def test_rows_are_ratios_each_with_its_commit_and_yardstick():
    for row in history.read():
        assert set(row) == {"run", "host", "load", "commit", "date", "what", "unit", "ratio"}
        assert row["unit"] in (history.PRODUCT, history.IMPORT)
        assert row["ratio"] > 0


def row(run, commit, date, what, ratio):
    return {
        "run": run,
        "host": "a CPU",
        "load": 0.5,
        "commit": commit,
        "date": date,
        "what": what,
        "unit": "import numba",
        "ratio": ratio,
    }


def test_a_table_a_run_the_last_first_and_commits_by_date():
    rows = [
        row("2026-01-01T00:00Z", "aaa", "2026-01-01", "run", 2.0),
        row("2026-02-02T00:00Z", "bbb", "2026-02-01", "run", 1.5),
        row("2026-02-02T00:00Z", "aaa", "2026-01-01", "run", 2.25),
    ]
    text = history.page(rows)
    assert text.index("## Run of 2026-02-02") < text.index("## Run of 2026-01-01")
    assert "| what | unit | aaa (2026-01-01) | bbb (2026-02-01) |" in text
    assert "| run | import numba | 2.25 | 1.50 |" in text
    assert "| run | import numba | 2.00 |" in text
    assert history.latest(rows) == rows[1:2] + rows[2:]
