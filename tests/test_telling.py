"""Long scripts say how far they are, on the standard error: at once, then seldom; no line is left half written."""

from tests import telling


def test_what_is_no_terminal_gets_a_line_a_minute(capsys, monkeypatch):
    now = [100.0]
    monkeypatch.setattr("tests.telling.time.monotonic", lambda: now[0])
    tell = telling.Telling()
    for k in range(200):
        tell(f"{k} of 200")
        now[0] += 1
    tell.end()
    tell("done")
    out, err = capsys.readouterr()
    assert (out, err.splitlines()) == ("", ["0 of 200", "60 of 200", "120 of 200", "180 of 200", "done"])
