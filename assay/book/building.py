"""Building the book: Sphinx, with everything that its pages need put beside them."""

from __future__ import annotations

import importlib.metadata
import io
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

from assay.course import Course
from assay.source import CourseError

STATIC = Path(__file__).parent / "static"
TEMPLATES = Path(__file__).parent / "templates"
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
#: What the bundle of Vega shows to the page.
VEGA = "window.vegaEmbed = vegaEmbed;"
#: The distribution that MathJax is taken from: a Sphinx extension whose files are all we use.
MATHJAX = "sphinx-mathjax-offline"


def build(course: Course, out: Path, *, live: bool = False) -> list[str]:
    """Build the pages of the course in the folder ``out``.

    Args:
        course: what the book is of.
        out: where it goes; what an earlier build left there is replaced.
        live: for a server that says how the learner's functions do.

    Returns:
        What the reader should know: Sphinx's warnings, exercises and questions not placed.

    Raises:
        CourseError: the course has no text, or one of its files is not what it must be.
    """
    from sphinx.application import Sphinx
    from sphinx.errors import SphinxError

    from assay.book.extension import Book

    source = course.root / "chapters"
    if not (source / "index.md").is_file():
        raise CourseError("chapters/index.md is missing: it is the start page of the book")
    out = out.resolve()
    if out.exists() and any(out.iterdir()) and not (out / ".buildinfo").exists():
        raise CourseError(f"{out}: holds something that is not a book, and is left alone")
    warnings = io.StringIO()
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder)
        assets = made / "static"
        _assets(assets)
        book = Book(course, out)
        try:
            app = Sphinx(
                str(source),
                None,
                str(made / "html"),
                str(made / "doctrees"),
                "html",
                confoverrides=_settings(book, assets, live),
                status=None,
                warning=warnings,
                freshenv=True,
            )
            app.build()
        except SphinxError as error:
            if isinstance(error.__cause__, CourseError):
                raise error.__cause__ from None
            raise CourseError(str(error)) from error
        complaints = book.complaints()
        if out.exists():
            shutil.rmtree(out)
        shutil.copytree(made / "html", out)
    said = COLOUR.sub("", warnings.getvalue())
    lines = [line.replace(f"{source}/", "chapters/") for line in said.splitlines()]
    return [line for line in lines if line.strip()] + complaints


def _settings(book: Any, assets: Path, live: bool) -> dict[str, Any]:
    return {
        "project": "Alignment by hand",
        "author": "",
        "copyright": "",
        "language": "en",
        "extensions": [
            "myst_parser",
            "sphinx_design",
            "sphinx.ext.mathjax",
            "assay.book.extension",
        ],
        "assay_book": book,
        "assay_live": live,
        "myst_enable_extensions": [
            "amsmath",
            "attrs_inline",
            "colon_fence",
            "deflist",
            "dollarmath",
            "smartquotes",
        ],
        "myst_heading_anchors": 3,
        "exclude_patterns": ["README.md", "**/stubs"],
        # Two builds in one process register the same directives twice.
        "suppress_warnings": ["app", "config.cache"],
        "html_theme": "pydata_sphinx_theme",
        "html_context": {"default_mode": "auto"},
        "templates_path": [str(TEMPLATES)],
        "html_title": "Alignment by hand",
        "html_favicon": str(assets / "favicon.svg"),
        "html_static_path": [str(assets)],
        "html_show_sourcelink": False,
        "html_copy_source": False,
        # A summary is fetched, which a page that is opened as a file may not do.
        "html_show_search_summary": False,
        "html_show_sphinx": False,
        "html_show_copyright": False,
        "html_sidebars": {"**": ["chapters-nav.html"], "index": []},
        "html_theme_options": {
            "logo": {"text": "Alignment by hand"},
            "navbar_align": "left",
            "navbar_center": [],
            "navbar_end": ["theme-switcher"],
            "navbar_persistent": ["search-button"],
            "show_prev_next": True,
            "show_nav_level": 1,
            "secondary_sidebar_items": {"**": ["page-toc"], "index": []},
            "footer_start": [],
            "footer_center": [],
            "footer_end": [],
            "pygments_light_style": "a11y-high-contrast-light",
            "pygments_dark_style": "a11y-high-contrast-dark",
        },
        "mathjax_path": "mathjax/tex-chtml.js",
        "mathjax3_config": {"chtml": {"displayAlign": "center"}, "options": {"menuOptions": {}}},
    }


def _assets(folder: Path) -> None:
    import vl_convert

    shutil.copytree(STATIC, folder)
    bundle = vl_convert.javascript_bundle(VEGA)
    # In a function of its own: its names would collide with those of Sphinx's scripts.
    (folder / "vega.js").write_text(f"(function () {{\n{bundle}\n}})();\n", encoding="utf-8")
    _mathjax(folder / "mathjax")


def _mathjax(folder: Path) -> None:
    try:
        files = importlib.metadata.files(MATHJAX) or []
    except importlib.metadata.PackageNotFoundError as error:
        raise CourseError(
            f"{MATHJAX} is not installed: install the extra 'book', as in pip install -e '.[book]'"
        ) from error
    wanted = ("tex-chtml.js", "output/chtml/fonts/", "input/tex/extensions/")
    for file in files:
        _, found, name = file.as_posix().partition("static/mathjax/")
        if found and name.startswith(wanted):
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(str(file.locate()), target)
