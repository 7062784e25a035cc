"""The book's text: numbers, questions, figures, and what the build says of mistakes."""

import shutil
from pathlib import Path

import pytest

from assay.book.building import build
from assay.book.figures import Figure, load_figures, reference_rows
from assay.book.markup import exercise_box
from assay.book.numbers import Numbers, printed
from assay.book.quiz import read_quiz
from assay.course import Course, CourseError

from .conftest import CHAPTERS, ROOT, WRITTEN


@pytest.fixture(scope="module")
def numbers(course: Course) -> Numbers:
    return Numbers(course)


class TestNumbers:
    def test_the_worked_numbers_of_the_course(self, numbers):
        loss = "{num}`bradley_terry_loss(t(1.5), t(-0.5))`"
        assert numbers.fill(loss, "x.md") == "0.1269"
        dpo = "is {num}`dpo_loss(t(1.0), t(-0.5), t(0), t(0), beta=0.5)`."
        assert numbers.fill(dpo, "x.md") == "is 0.3869."

    def test_in_formulas_and_with_a_format(self, numbers):
        assert numbers.fill("$h = {num}`-0.5 * 1.5; .2f`$", "x.md") == "$h = −0.75$"
        assert numbers.fill("{num}`0.25; .0%`", "x.md") == "25%"

    def test_a_mistake_is_told_with_its_line(self, numbers):
        with pytest.raises(
            CourseError, match=r"^x\.md:3: 'nothing\(\)' can't be computed: NameErr"
        ):
            numbers.fill("a\nb\n{num}`nothing()`", "x.md")

    @pytest.mark.parametrize("expression", ["open('x')", "__import__('os')", "exec('1')"])
    def test_only_harmless_built_ins(self, numbers, expression):
        with pytest.raises(CourseError, match=r"NameError|ImportError"):
            numbers.value(expression, "x.md")

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (2.0, "2"),
            (0.5, "0.5"),
            (-1e-9, "-1e-09"),
            (3, "3"),
            (True, "True"),
            ([0.25, -1], "[0.25, −1]"),
        ],
    )
    def test_printed(self, value, text):
        assert printed(value) == text


QUIZ = """
[[question]]
id = "one"
kind = "choice"
check = true
text = "Which?"
[[question.option]]
text = "This"
right = true
why = "Yes."
[[question.option]]
text = "That"
why = "No."

[[question]]
id = "two"
kind = "number"
text = "How much?"
answer = "1 / 4"
tolerance = 0.01
why = "A quarter."
"""


class TestQuiz:
    @pytest.fixture
    def chapter(self, course, tmp_path):
        shutil.copytree(course.root / "chapters" / "ch4", tmp_path / "chapters" / "ch4")
        for name in ("exercises", "solutions"):
            shutil.copytree(course.root / name / "ch4", tmp_path / name / "ch4")
        return Course(tmp_path).chapter("ch4")

    def ask(self, chapter, numbers, text):
        (chapter.text_dir / "quiz.toml").write_text(text, encoding="utf-8")
        return read_quiz(chapter, numbers)

    def test_questions_are_read(self, chapter, numbers):
        one, two = self.ask(chapter, numbers, QUIZ)
        assert one.check and [option.right for option in one.options] == [True, False]
        assert two.answer == 0.25

    @pytest.mark.parametrize(
        ("old", "new", "complaint"),
        [
            ("right = true", "", "exactly one of them right"),
            ('why = "No."', "", "why must be a text"),
            ("check = true", "", "exactly one question must say check"),
            ('id = "two"', 'id = "one"', "names two questions"),
            ('"1 / 4"', '"1 / 0"', "ZeroDivisionError"),
            ("tolerance = 0.01", "", "tolerance must be"),
            ('kind = "number"', 'kind = "essay"', "must be 'choice' or 'number'"),
            ("id =", "id", "not valid TOML"),
        ],
    )
    def test_mistakes_are_told(self, chapter, numbers, old, new, complaint):
        with pytest.raises(CourseError, match=complaint) as error:
            self.ask(chapter, numbers, QUIZ.replace(old, new))
        assert str(error.value).startswith("chapters/ch4/quiz.toml")

    @pytest.mark.parametrize("id", WRITTEN)
    def test_every_chapter_asks(self, course, numbers, id):
        questions = read_quiz(course.chapter(id), numbers)
        assert len(questions) >= 5
        assert {bool(one.options) for one in questions} == {True, False}


FIGURES = [
    "capability_vs_alignment",
    "reward_model_training",
    "pipeline_flow",
    "ppo_clipped_objective",
    "dpo_loss_landscape",
    "method_comparison",
    "kto_value_curve",
    "critique_revision_rounds",
    "prm_vs_orm",
    "reward_hacking_in_action",
    "landscape_of_open_problems",
    "prediction_market",
]


@pytest.fixture(scope="module")
def figures(course: Course) -> dict[str, tuple[object, Figure]]:
    return {
        name: (chapter, figure)
        for chapter in course.chapters
        for name, figure in load_figures(chapter).items()
    }


class TestFigures:
    def test_every_chapter_has_one(self, figures):
        assert list(figures) == FIGURES

    @pytest.mark.parametrize("name", FIGURES)
    def test_described_and_operable(self, figures, name):
        chapter, figure = figures[name]
        assert len(figure.alt) > 150
        rows = reference_rows(chapter, figure)
        specification = figure.specification(rows)
        bound = [one for one in specification["params"] if "bind" in one]
        assert bound, "a figure has a control"
        assert specification["datasets"]["table"] == rows

    def test_numbers_are_those_of_the_solutions(self, figures):
        def row(name, **wanted):
            chapter, figure = figures[name]
            rows = reference_rows(chapter, figure)
            (found,) = (one for one in rows if wanted.items() <= one.items())
            return found

        assert row("reward_model_training", gap=2.0)["loss"] == pytest.approx(0.1269, abs=5e-5)
        dpo = row("dpo_loss_landscape", beta=0.5, gap=1.5)
        assert dpo["loss"] == pytest.approx(0.3869, abs=5e-5)
        ppo = row("ppo_clipped_objective", advantage=1.0, epsilon=0.2, ratio=1.5)
        assert ppo["clipped"] == pytest.approx(1.2)
        market = row("prediction_market", liquidity=10.0, shares=10.0)
        assert market["price"] == pytest.approx(0.7311, abs=5e-5)
        assert market["cost"] == pytest.approx(6.2011, abs=5e-5)

    def test_other_functions_draw_another_curve(self, figures):
        """The table is computed by the functions that it is given, not by the references."""
        _, figure = figures["dpo_loss_landscape"]

        class Constant:
            dpo_loss = staticmethod(lambda *args, beta: 7.0)
            dpo_gradient_weight = staticmethod(lambda *args, beta: 0.5)

        rows = figure.rows(Constant, "yours")
        assert {one["loss"] for one in rows} == {7.0}
        assert {one["who"] for one in rows} == {"yours"}


@pytest.mark.parametrize("id", CHAPTERS)
def test_text_and_questions_come_together(id):
    """A chapter that is not written yet has neither; it is left out of the book."""
    folder = ROOT / "chapters" / id
    assert (folder / "index.md").is_file() == (folder / "quiz.toml").is_file()


class TestBuild:
    def test_whole_and_from_here(self, pages):
        for name in ("index", "glossary", "search", *(f"{id}/index" for id in CHAPTERS)):
            html = (pages / f"{name}.html").read_text(encoding="utf-8")
            assert "cdn." not in html and 'src="http' not in html, name
            assert "{num}" not in html, name

    def test_leaves_another_folder_alone(self, course, tmp_path):
        (tmp_path / "thesis.txt").write_text("years of work")
        with pytest.raises(CourseError, match="not a book"):
            build(course, tmp_path)
        assert (tmp_path / "thesis.txt").read_text() == "years of work"

    def test_says_what_no_page_shows(self, copy, tmp_path):
        page = copy.chapter("ch4").text_dir / "index.md"
        before = page.read_text(encoding="utf-8")
        try:
            page.write_text(before.replace("```{exercise} ipo_loss\n```", ""), encoding="utf-8")
            assert build(copy, tmp_path / "out") == [
                "chapters/ch4/index.md: the exercise ipo_loss is not shown"
            ]
        finally:
            page.write_text(before, encoding="utf-8")

    def test_a_box_is_escaped(self, course):
        html = exercise_box(course.exercise("sequence_logprobs"), None)
        assert "y_&lt;t" in html and "y_<t" not in html


def test_the_start_page_is_needed(tmp_path: Path):
    for name in ("chapters", "exercises"):
        (tmp_path / name).mkdir()
    with pytest.raises(CourseError, match="start page"):
        build(Course(tmp_path), tmp_path / "out")
