"""The live book: it follows what the learner saves, and listens to nobody else."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from assay.forking import forked
from assay.stubs import pristine

WAIT = 90.0


@pytest.fixture(scope="module")
def server(copy):
    """``assay book --live`` of the copied course; gives its port."""
    command = [sys.executable, "-m", "assay", "book", "--live", "--port", "0"]
    process = subprocess.Popen(
        command,
        cwd=copy.root,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    try:
        line = process.stdout.readline()
        assert line.startswith("open http://127.0.0.1:"), line
        yield int(line.split(":")[2].partition("/")[0])
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0
        process.stdout.close()


def ask(port, path="/index.html", method="GET", **headers):
    headers = {"Host": f"127.0.0.1:{port}"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    deadline = time.monotonic() + WAIT
    while True:  # until it listens
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request(method, path, headers=headers)
            break
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    status = connection.getresponse().status
    connection.close()
    return status


class TestForked:
    def test_what_the_child_wrote(self):
        assert forked(lambda: b"x" * 200_000, 10).data == b"x" * 200_000

    def test_a_loop_without_end_is_cut(self):
        def endless():
            while True:
                pass

        ended = forked(endless, 0.3)
        assert ended.out_of_time and ended.data == b""

    def test_a_crash_is_seen(self):
        ended = forked(lambda: os._exit(3), 10)
        assert not ended.out_of_time and ended.data == b""
        assert os.waitstatus_to_exitcode(ended.status) == 3


class TestOnlyHere:
    def test_answers_this_machine(self, server):
        assert ask(server) == 200
        assert ask(server, Origin=f"http://127.0.0.1:{server}") == 200

    @pytest.mark.parametrize("path", ["/index.html", "/live/events"])
    def test_no_other_origin_or_host(self, server, path):
        assert ask(server, path, Origin="http://evil.example") == 403
        assert ask(server, path, Host="evil.example") == 403
        assert ask(server, path, Host=f"evil.example:{server}") == 403

    def test_another_site_gets_no_stream(self, server):
        assert ask(server, "/live/events", Sec_Fetch_Site="cross-site") == 403

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
    def test_takes_nothing(self, server, method):
        assert ask(server, "/live/events", method) == 405

    @pytest.mark.parametrize(
        "path", ["/../solutions/ch4/dpo.py", "/%2e%2e/solutions/ch4/dpo.py", "/..%2fsolutions"]
    )
    def test_only_the_pages(self, server, path):
        assert ask(server, path) == 404


def test_a_port_in_use_is_one_sentence(server, copy):
    done = subprocess.run(
        [sys.executable, "-m", "assay", "book", "--live", "--port", str(server)],
        cwd=copy.root,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert f"port {server} is taken" in done.stderr


def test_follows_what_is_saved(server, copy, browser):
    chapter = copy.chapter("ch4")
    file = chapter.stub_dir / "dpo.py"
    right = (chapter.solution_dir / "dpo.py").read_text(encoding="utf-8")
    wrong = right.replace("h = chosen - rejected", "h = rejected - chosen")
    assert wrong != right
    page = browser.new_page()
    page.set_default_timeout(WAIT * 1000)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"http://127.0.0.1:{server}/ch4/index.html")
    box, figure = "#exercise-dpo_loss", "#figure-dpo_loss_landscape"

    page.wait_for_selector(f"{figure}[data-overlay=waiting]")
    assert "not written yet" in page.inner_text(f"{figure} .overlay")
    page.wait_for_selector(f"{box}[data-status=not_started]")
    page.locator(f"{figure} input[type=range]").nth(2).focus()
    page.keyboard.press("End")

    file.write_text(wrong, encoding="utf-8")
    page.wait_for_selector(f"{figure}[data-overlay=different]")
    page.wait_for_selector(f"{figure} svg >> text=/yours: loss/")
    assert "another picture" in page.inner_text(f"{figure} .overlay")
    page.wait_for_selector(f"{box}[data-status=failed]")
    assert "sign is flipped" in page.inner_text(f"{box} .state")

    file.write_text("def dpo_loss(:\n", encoding="utf-8")
    page.wait_for_selector(f"{figure}[data-overlay=error]")
    assert "dpo.py" in page.inner_text(f"{figure} .overlay")

    file.write_text(right, encoding="utf-8")
    page.wait_for_selector(f"{figure}[data-overlay=same]")
    page.wait_for_selector(f"{box}[data-status=passed]")
    # Nothing was reloaded: the slider is where the reader put it.
    assert page.locator(f"{figure} input[type=range]").nth(2).input_value() == "1"

    page.goto(f"http://127.0.0.1:{server}/index.html")
    page.wait_for_selector("[data-chapter=ch4] progress:visible")
    assert page.inner_text("[data-chapter=ch4] .points") == "100 of 100 points"
    assert page.inner_text(".next-step").startswith("Next: ")
    assert {url.split("/")[2] for url in asked} == {f"127.0.0.1:{server}"}
    page.close()
    file.write_text(pristine(chapter, "dpo"), encoding="utf-8")


@pytest.mark.benchmark
def test_how_long_after_saving(server, copy, browser, capsys):
    """Seconds from saving a right function to its curve, and to its verdict, in the browser."""
    chapter = copy.chapter("ch4")
    file = chapter.stub_dir / "dpo.py"
    right = (chapter.solution_dir / "dpo.py").read_text(encoding="utf-8")
    page = browser.new_page()
    page.set_default_timeout(WAIT * 1000)
    page.goto(f"http://127.0.0.1:{server}/ch4/index.html")
    found = []
    for _ in range(3):
        flipped = right.replace("h = chosen - rejected", "h = rejected - chosen")
        file.write_text(flipped, encoding="utf-8")
        page.wait_for_selector("#figure-dpo_loss_landscape[data-overlay=different]")
        page.wait_for_selector("#exercise-dpo_loss[data-status=failed]")
        start = time.perf_counter()
        file.write_text(right, encoding="utf-8")
        page.wait_for_selector("#figure-dpo_loss_landscape[data-overlay=same]")
        curve = time.perf_counter() - start
        page.wait_for_selector("#exercise-dpo_loss[data-status=passed]")
        found.append(
            {"curve s": round(curve, 2), "verdict s": round(time.perf_counter() - start, 2)}
        )
    page.close()
    with capsys.disabled():
        print(json.dumps(found))
