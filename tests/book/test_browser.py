"""The book as a reader has it, in a browser."""

import json
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from .conftest import CHAPTERS, WRITTEN

PAGES = ("index", "glossary", *(f"{id}/index" for id in CHAPTERS))
PHONE = {"width": 360, "height": 740}
DESK = {"width": 1200, "height": 900}


@contextmanager
def reading(browser, pages, name, **settings):
    """An open page; whatever it asks of the network or complains of is an error."""
    context = browser.new_context(viewport=settings.pop("viewport", DESK), **settings)
    page = context.new_page()
    page.set_default_timeout(15_000)
    foreign, complaints = [], []
    page.on(
        "request",
        lambda asked: (
            foreign.append(asked.url)
            if urlsplit(asked.url).scheme not in ("file", "data", "blob")
            else None
        ),
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto((pages / f"{name}.html").as_uri())
    try:
        yield page
        assert foreign == []
        assert complaints == []
    finally:
        context.close()


def drawn(page):
    """Wait until every figure of the page stands."""
    page.wait_for_function(
        "[...document.querySelectorAll('.chart')].every(one => one.dataset.drawn === 'yes')"
    )
    return page.locator("figure.chart")


def texts(figure):
    return figure.locator("svg").evaluate("svg => svg.outerHTML")


@pytest.mark.parametrize("name", PAGES)
def test_accessible_in_light_and_dark_and_narrow(browser, pages, name):
    Axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe
    with reading(browser, pages, name, color_scheme="light") as page:
        drawn(page)
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            page.wait_for_function(f"document.documentElement.dataset.theme === '{theme}'")
            page.wait_for_timeout(350)  # colours fade over
            drawn(page)
            bad = [
                (one["id"], one["nodes"][0]["html"][:120])
                for one in Axe().run(page).response["violations"]
                if one["impact"] in ("serious", "critical")
            ]
            assert bad == [], theme
        page.set_viewport_size(PHONE)
        page.wait_for_timeout(100)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


@pytest.mark.parametrize("id", CHAPTERS)
def test_every_control_changes_the_picture(browser, pages, id):
    with reading(browser, pages, f"{id}/index") as page:
        for figure in drawn(page).all():
            for control in figure.locator(".vega-bind").all():
                before = texts(figure)
                ranges = control.locator("input[type=range]")
                radios = control.locator("input[type=radio]")
                if ranges.count():
                    ranges.focus()
                    for _ in range(3):
                        page.keyboard.press("ArrowRight")
                elif radios.count():
                    radios.last.check()
                else:
                    control.locator("input").click()
                page.wait_for_function(
                    "([id, before]) => document.getElementById(id)"
                    ".querySelector('svg').outerHTML !== before",
                    arg=[figure.get_attribute("id"), before],
                )


def test_the_number_is_that_of_the_solutions(browser, pages, course):
    import torch

    from assay.book.functions import reference

    dpo_loss = reference(course.chapter("ch4")).dpo_loss
    with reading(browser, pages, "ch4/index") as page:
        figure = drawn(page).first
        assert "loss 0.3869" in texts(figure)
        figure.locator("input[type=range]").nth(2).focus()
        page.keyboard.press("End")
        zero = torch.zeros(1)
        expected = float(dpo_loss(zero + 1.0, zero - 0.5, zero, zero, beta=1.0))
        figure.get_by_text(f"loss {expected:.4f}").first.wait_for()


@pytest.mark.parametrize("id", WRITTEN)
def test_every_question_answers(browser, pages, id):
    with reading(browser, pages, f"{id}/index") as page:
        forms = page.locator("form.question")
        assert forms.count() >= 5
        for form in forms.all():
            options = form.locator(".option")
            if options.count():
                for option in options.all():
                    option.locator("input").check()
                    why = option.locator(".why")
                    assert why.is_visible()
                    right = option.locator("input[data-right]").count() == 1
                    assert ("Right." in why.inner_text()) == right
                    assert form.locator(".why:visible").count() == 1
                continue
            field, said = form.locator(".predict input"), form.locator(".said")
            answer = float(form.get_attribute("data-answer"))
            field.fill("a lot")
            field.press("Enter")
            assert "not a number" in said.inner_text()
            field.fill(repr(answer + 1000))
            field.press("Enter")
            assert form.get_attribute("data-answered") == "wrong"
            field.fill(repr(answer).replace(".", ","))
            form.get_by_role("button", name="Check").click()
            assert "Right" in said.inner_text()
            assert form.locator("[data-for=right]").is_visible()
            for slip in form.locator("[data-for=slip]").all():
                field.fill(slip.get_attribute("data-value"))
                field.press("Enter")
                assert slip.is_visible()


def test_maths_is_set(browser, pages):
    with reading(browser, pages, "ch4/index") as page:
        page.wait_for_selector("mjx-container")
        page.wait_for_function(
            "document.querySelectorAll('.math:not(:has(mjx-container))').length === 0"
        )
        assert page.locator("mjx-merror, .merror").count() == 0


def test_search_finds(browser, pages):
    with reading(browser, pages, "search") as page:
        page.goto((pages / "search.html").as_uri() + "?q=implicit+reward")
        page.wait_for_selector("#search-results li a")
        found = page.locator("#search-results li a").all_inner_texts()
        assert any("Direct preference optimization" in one for one in found)


def test_a_figure_keeps_its_sliders_when_the_theme_changes(browser, pages):
    with reading(browser, pages, "ch4/index", color_scheme="light") as page:
        figure = drawn(page).first
        figure.locator("input[type=range]").nth(2).focus()
        page.keyboard.press("End")
        figure.get_by_text("loss 0.2014").first.wait_for()
        page.emulate_media(color_scheme="dark")
        page.wait_for_function("document.documentElement.dataset.theme === 'dark'")
        page.wait_for_timeout(500)
        assert figure.get_by_text("loss 0.2014").count()


@pytest.mark.benchmark
def test_how_heavy_and_how_quick(browser, pages, capsys):
    """For every page: bytes that it loads, and milliseconds until its figures stand."""
    figures = {}
    for name in PAGES:
        page = browser.new_page()
        asked = set()
        page.on("request", lambda request, asked=asked: asked.add(urlsplit(request.url).path))
        page.goto((pages / f"{name}.html").as_uri())
        drawn(page)
        ready = page.evaluate("performance.now()")
        page.close()
        heavy = sum(Path(one).stat().st_size for one in asked)
        figures[name] = {"KiB": heavy // 1024, "ms": round(ready)}
    total = sum(one.stat().st_size for one in pages.rglob("*") if one.is_file())
    with capsys.disabled():
        print(json.dumps({"total KiB": total // 1024, "pages": figures}, indent=1))
