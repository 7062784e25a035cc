"""Results that outlive the process: kept in a database, one transaction a submission.

A result is there whole or not at all, and once: its key is what it depends on. So a run that was
stopped, however, is continued by the same command, which grades only what is missing.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from dataclasses import astuple
from pathlib import Path

import msgspec

from assay.keys import Key
from assay.result import Result
from assay.source import CourseError

try:
    import sqlalchemy as sql
    from sqlalchemy.exc import IntegrityError, SQLAlchemyError
except ImportError as error:
    raise CourseError(
        "keeping results needs SQLAlchemy: pip install 'assay-alignment[instructor]'"
    ) from error

METADATA = sql.MetaData()
RESULTS = sql.Table(
    "results",
    METADATA,
    sql.Column("id", sql.Integer, primary_key=True),
    sql.Column("submission", sql.String, nullable=False),
    sql.Column("attempt", sql.Integer, nullable=False),
    sql.Column("content_hash", sql.String(64), nullable=False),
    sql.Column("chapter", sql.String, nullable=False),
    sql.Column("grader", sql.String, nullable=False),
    sql.Column("finished", sql.DateTime(timezone=True), server_default=sql.func.now()),
    sql.Column("result", sql.Text, nullable=False),
    sql.UniqueConstraint("submission", "attempt", "content_hash", "chapter", "grader"),
)


class Run(MutableMapping[Key, Result]):
    """The results in one database, by key.

    Args:
        url: as SQLAlchemy writes it, such as ``postgresql+psycopg://host/grades``; or a path, which
            means an SQLite file.

    Raises:
        CourseError: the database can't be opened.
    """

    def __init__(self, url: str) -> None:
        if "://" not in url:
            Path(url).parent.mkdir(parents=True, exist_ok=True)
            url = f"sqlite:///{url}"
        if url.startswith("postgresql://"):
            url = url.replace("postgresql://", "postgresql+psycopg://", 1)
        try:
            self._engine = sql.create_engine(url)
            if self._engine.dialect.name == "sqlite":
                sql.event.listen(self._engine, "connect", _patiently)
            with self._engine.begin() as connection:
                METADATA.create_all(connection)
        except (SQLAlchemyError, ImportError, OSError) as error:
            why = str(getattr(error, "orig", None) or error).strip().split("\n")[0]
            raise CourseError(f"the database can't be opened: {why}") from None

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *details: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def __contains__(self, key: object) -> bool:
        if not isinstance(key, Key):
            return False
        with self._engine.connect() as connection:
            found = connection.execute(sql.select(RESULTS.c.id).where(*_is(key))).first()
        return found is not None

    def __getitem__(self, key: Key) -> Result:
        with self._engine.connect() as connection:
            text = connection.execute(sql.select(RESULTS.c.result).where(*_is(key))).scalar()
        if text is None:
            raise KeyError(key)
        return msgspec.json.decode(text, type=Result)

    def __setitem__(self, key: Key, result: Result) -> None:
        """Keep a result, unless there is one already: the first that is finished counts."""
        text = msgspec.json.encode(result).decode()
        columns = dict(zip(Key.__dataclass_fields__, astuple(key), strict=True))
        try:
            with self._engine.begin() as connection:
                connection.execute(sql.insert(RESULTS).values(result=text, **columns))
        except IntegrityError:
            return

    def __delitem__(self, key: Key) -> None:
        with self._engine.begin() as connection:
            if connection.execute(sql.delete(RESULTS).where(*_is(key))).rowcount == 0:
                raise KeyError(key)

    def __iter__(self) -> Iterator[Key]:
        columns = [RESULTS.c[name] for name in Key.__dataclass_fields__]
        with self._engine.connect() as connection:
            for row in connection.execute(sql.select(*columns).order_by(RESULTS.c.id)):
                yield Key(*row)

    def __len__(self) -> int:
        with self._engine.connect() as connection:
            count = connection.execute(sql.select(sql.func.count()).select_from(RESULTS)).scalar()
        return int(count or 0)

    def latest(self, chapter: str) -> Iterator[Result]:
        """The newest result of each attempt at a chapter, by name and attempt."""
        newest = (
            sql.select(sql.func.max(RESULTS.c.id))
            .where(RESULTS.c.chapter == chapter)
            .group_by(RESULTS.c.submission, RESULTS.c.attempt)
        )
        query = (
            sql.select(RESULTS.c.result)
            .where(RESULTS.c.id.in_(newest))
            .order_by(RESULTS.c.submission, RESULTS.c.attempt)
        )
        with self._engine.connect() as connection:
            for text in connection.execute(query).scalars():
                yield msgspec.json.decode(text, type=Result)


def _is(key: Key) -> list[sql.ColumnElement[bool]]:
    return [RESULTS.c[name] == getattr(key, name) for name in Key.__dataclass_fields__]


def _patiently(connection: object, record: object) -> None:
    """Let two runs write to one SQLite file, and readers read meanwhile."""
    cursor = connection.cursor()  # type: ignore[attr-defined]
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA busy_timeout=30000")
    cursor.close()
