"""Arithmetic with decimals in SQL."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Float,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
    between,
    bindparam,
    case,
    cast,
    func,
    insert,
    literal,
{% if cookiecutter.database == "sqlite" %}
    literal_column,
{% endif %}
    null,
    select,
    tuple_,
{% if cookiecutter.database == "sqlite" %}
    type_coerce,
{% endif %}
    union_all,
    update,
)
{% if cookiecutter.database == "sqlite" %}
from sqlalchemy.exc import StatementError
{% endif %}

from app.db.base import Base, Exact

EXACT = Base.registry.type_annotation_map[Decimal]
orders = Table(
    "decimals",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("quantity", Integer),
    Column("total", EXACT),
    Column("tax", EXACT),
    Column("price", Exact(12, 2)),
    Column("units", Exact(9, 0), default=7),
)
id_, quantity, total, tax, price, units = orders.c
NAMES = ("id", "quantity", "total", "tax", "price")
ROWS = [
    (1, 2, Decimal("5.5"), Decimal("0.5"), Decimal("1.25")),
    (2, 3, Decimal(10), Decimal("0.0002"), Decimal("2.5")),
    (3, 1, Decimal("-1.2"), None, Decimal("3.75")),
]

Make = Callable[[], Any]


@pytest.fixture(scope="module")
def database_with_orders(database: Engine) -> Iterator[Engine]:
    orders.create(database)
    yield database
    orders.drop(database)


@pytest.fixture
def connection(database_with_orders: Engine) -> Iterator[Connection]:
    """A transaction with three orders, which is rolled back."""
    with database_with_orders.connect() as connection:
        connection.execute(insert(orders), [dict(zip(NAMES, row, strict=True)) for row in ROWS])
        yield connection


FIRST = id_ == 1

# Values of the first order, which has a quantity of 2, a total of 5.5 and a tax of 0.5.
OF_ONE: dict[str, tuple[Make, str]] = {
    "the column": (lambda: total, "5.5"),
    "+ a column": (lambda: total + tax, "6"),
    "+ columns": (lambda: total + tax + total, "11.5"),
    "- a column": (lambda: total - tax, "5"),
    "+ an int": (lambda: total + 1, "6.5"),
    "an int +": (lambda: 1 + total, "6.5"),
    "an int -": (lambda: 1 - total, "-4.5"),
    "+ a Decimal": (lambda: total + Decimal("0.0001"), "5.5001"),
    "a Decimal -": (lambda: Decimal(6) - total, "0.5"),
    "+ a literal": (lambda: total + literal(1), "6.5"),
    "- a Decimal as a literal": (lambda: total - literal(Decimal("0.5")), "5"),
    "a literal of its type": (lambda: literal(Decimal("1.5"), EXACT) + total, "7"),
    "* an int": (lambda: total * 3, "16.5"),
    "an int *": (lambda: 3 * total, "16.5"),
    "* a literal": (lambda: total * literal(3), "16.5"),
    "* a column": (lambda: total * quantity, "11"),
    "a column *": (lambda: quantity * total, "11"),
    "* a column * an int": (lambda: total * quantity * 2, "22"),
    "a column * an int *": (lambda: quantity * 2 * total, "22"),
    "a product + a column": (lambda: quantity * total + tax, "11.5"),
    "* a sum of integers": (lambda: total * (quantity + 1), "16.5"),
    "a minus": (lambda: -total, "-5.5"),
    "an absolute value": (lambda: func.abs(-total), "5.5"),
    "coalesce": (lambda: func.coalesce(null(), tax, 5), "0.5"),
    "a case": (lambda: case((total > 5, total), else_=tax), "5.5"),
    "a case without an else": (lambda: case((total > 5, tax)), "0.5"),
    "a case with an int": (lambda: case((total > 6, total), else_=5), "5"),
    "a case of a decimal": (lambda: case({Decimal("5.5"): tax}, value=total, else_=0), "0.5"),
    "an integer cast to it": (lambda: cast(quantity, EXACT) + total, "7.5"),
    "a literal cast to it": (lambda: cast(5, EXACT), "5"),
    "a cast to its own type": (lambda: cast(total, EXACT), "5.5"),
    "with places of its own": (lambda: price, "1.25"),
    "with places of its own + an int": (lambda: price + 1, "2.25"),
    "with places of its own + a literal": (lambda: price + literal(1), "2.25"),
    "with places of its own * a column": (lambda: price * quantity, "2.5"),
    "a column * one with places of its own": (lambda: quantity * price, "2.5"),
    "coalesce with places of its own": (lambda: func.coalesce(null(), price, 5), "1.25"),
    "a case with places of its own": (lambda: case((price > 5, price), else_=5), "5"),
    "an integer cast to places of its own": (lambda: cast(quantity, Exact(12, 2)) + price, "3.25"),
    "cast to more places": (lambda: cast(price, EXACT) + total, "6.75"),
    "without places": (lambda: units + 1, "8"),
    "a scalar subquery": (lambda: select(total).where(FIRST).scalar_subquery() + 1, "6.5"),
}


@pytest.mark.parametrize(("make", "expected"), OF_ONE.values(), ids=OF_ONE)
def test_decimal_expressions_are_exact(connection: Connection, make: Make, expected: str) -> None:
    found = connection.scalar(select(make()).where(FIRST))
    assert isinstance(found, Decimal)
    assert found == Decimal(expected)


OF_ALL: dict[str, tuple[Make, str]] = {
    "sum": (lambda: func.sum(total), "14.3"),
    "sum of products": (lambda: func.sum(total * quantity), "39.8"),
    "sum of a case": (lambda: func.sum(case((quantity > 1, total), else_=0)), "15.5"),
    "sum of some": (lambda: func.sum(total).filter(quantity > 1), "15.5"),
    "sum over a window": (lambda: func.sum(total).over(), "14.3"),
    "sum of none": (lambda: func.coalesce(func.sum(total).filter(id_ > 3), 7), "7"),
    "sum of none, or a Decimal": (
        lambda: func.coalesce(func.sum(total).filter(id_ > 3), Decimal("7.5")),
        "7.5",
    ),
    "sum with places of its own": (lambda: func.sum(price * quantity), "13.75"),
    "avg with places of its own": (lambda: func.avg(price), "2.5"),
    "min": (lambda: func.min(total), "-1.2"),
    "max": (lambda: func.max(total), "10"),
    "max - min": (lambda: func.max(total) - func.min(total), "11.2"),
    "avg": (lambda: func.avg(total), "4.7667"),
    "avg + an int": (lambda: func.avg(total) + 1, "5.7667"),
    "avg of different ones": (lambda: func.avg(tax.distinct()), "0.2501"),
    "avg over a window": (lambda: func.avg(total).over(), "4.7667"),
}


@pytest.mark.parametrize(("make", "expected"), OF_ALL.values(), ids=OF_ALL)
def test_decimal_aggregates_are_exact(connection: Connection, make: Make, expected: str) -> None:
    found = connection.scalars(select(make())).first()
    assert isinstance(found, Decimal)
    assert round(found, 4) == Decimal(expected)


def test_other_aggregates_are_unchanged(connection: Connection) -> None:
    counts = select(func.count(total), func.count(tax), func.count(total.distinct()))
    assert tuple(connection.execute(counts).one()) == (3, 2, 3)
    assert connection.scalar(select(func.avg(quantity))) == 2
    assert connection.scalar(select(func.coalesce(func.sum(quantity), 0))) == 6
    assert connection.scalar(select(case((quantity > 1, 1), else_=0)).where(FIRST)) == 1
    assert connection.scalar(select(cast(quantity, Float)).where(FIRST)) == 2.0


CONDITIONS: dict[str, tuple[Make, list[int]]] = {
    "== an int": (lambda: total == 10, [2]),
    "== a Decimal": (lambda: total == Decimal("5.50"), [1]),
    "!= a Decimal": (lambda: total != Decimal("5.5"), [2, 3]),
    "== None": (lambda: tax == None, [3]),  # noqa: E711 - SQLAlchemy renders IS NULL
    "is not null": (lambda: tax.is_not(None), [1, 2]),
    "> an int": (lambda: total > 5, [1, 2]),
    "an int >": (lambda: 5 > total, [3]),  # noqa: SIM300 - this order is tested
    "<= a Decimal": (lambda: total <= Decimal("5.5"), [1, 3]),
    "> a column": (lambda: total > tax, [1, 2]),
    ">= a sum": (lambda: total >= tax + 5, [1, 2]),
    "> a literal": (lambda: total > literal(5), [1, 2]),
    "> an average": (lambda: total > select(func.avg(total)).scalar_subquery(), [1, 2]),
    "> a cast integer": (lambda: total > cast(quantity, EXACT), [1, 2]),
    "is distinct from": (lambda: tax.is_distinct_from(Decimal("0.5")), [2, 3]),
    "between": (lambda: total.between(5, Decimal("5.5")), [1]),
    "between columns": (lambda: between(literal(1, EXACT), tax, total), [1, 2]),
    "not between": (lambda: ~total.between(5, 6), [2, 3]),
    "in": (lambda: total.in_([Decimal("-1.2"), 10]), [2, 3]),
    "not in": (lambda: total.not_in([Decimal("-1.2"), 10]), [1]),
    "in none": (lambda: total.in_([]), []),
    "in columns": (lambda: total.in_([tax, Decimal(10)]), [2]),
    "in a subquery": (lambda: total.in_(select(func.max(total))), [2]),
    "> a product": (lambda: total > tax * quantity * 2, [1, 2]),
    "with places of its own > a Decimal": (lambda: price > Decimal("1.25"), [2, 3]),
    "with places of its own in": (lambda: price.in_([Decimal("2.5"), 1]), [2]),
    "tuples": (lambda: tuple_(total, id_) > (Decimal("5.5"), 1), [2]),
    "tuples of columns": (lambda: tuple_(total, id_) > tuple_(tax, id_), [1, 2]),
    "tuples in a subquery": (lambda: tuple_(total, id_).in_(select(total, id_)), [1, 2, 3]),
    "tuples in": (lambda: tuple_(total, id_).in_([(10, 2), (Decimal("5.5"), 2)]), [2]),
}


@pytest.mark.parametrize(("make", "expected"), CONDITIONS.values(), ids=CONDITIONS)
def test_decimal_conditions_match_the_expected_rows(
    connection: Connection, make: Make, expected: list[int]
) -> None:
    assert connection.scalars(select(id_).where(make()).order_by(id_)).all() == expected


def test_cached_statements_use_new_values(connection: Connection) -> None:
    for number in (1, Decimal("2.5"), 3, Decimal("4.5")):
        nothing = func.sum(total).filter(id_ > 3)
        first = select(id_).where(total + number == Decimal("5.5") + number)
        assert connection.scalar(select(func.coalesce(nothing, number))) == number
        assert connection.scalar(select(case((id_ > 3, total), else_=number))) == number
        assert connection.scalar(first) == 1


def test_parameters_of_a_statement_are_decimals(connection: Connection) -> None:
    statement = select(id_).where(total > bindparam("least")).order_by(id_)
    assert connection.scalars(statement, {"least": Decimal("5.4999")}).all() == [1, 2]
    assert connection.scalars(statement, {"least": 6}).all() == [2]
    statement = select(id_).where(total.in_(bindparam("some")))
    assert connection.scalars(statement, {"some": [Decimal(10), Decimal("0.1")]}).all() == [2]


def test_decimals_are_sorted_grouped_and_combined_as_numbers(connection: Connection) -> None:
    ascending = select(total).order_by(total.asc().nulls_last())
    assert connection.scalars(ascending).all() == [Decimal("-1.2"), Decimal("5.5"), 10]
    large = func.max(total).label("large")
    groups = select(large).group_by(quantity).having(func.sum(total) > 0).order_by(large.desc())
    assert connection.scalars(groups).all() == [10, Decimal("5.5")]
    both = union_all(select(total), select(tax), select(null())).subquery()
    assert connection.scalar(select(func.sum(both.c[0]))) == Decimal("14.8002")
    numbers = union_all(select(id_), select(quantity)).subquery()
    assert connection.scalar(select(func.sum(numbers.c[0]))) == 12


def test_an_update_computes_with_stored_decimals(connection: Connection) -> None:
    connection.execute(update(orders).values(total=total * 2 + 1, tax=5).where(FIRST))
    row = connection.execute(select(total, tax).where(FIRST)).one()
    assert tuple(row) == (Decimal(12), Decimal(5))


def test_decimals_can_be_cast_to_float(connection: Connection) -> None:
    ratio = cast(tax, Float) / cast(total, Float) * 1.5
    assert connection.scalar(select(ratio).where(FIRST)) == pytest.approx(0.5 / 5.5 * 1.5)


{% if cookiecutter.database == "sqlite" %}
# Correct results of operations that SQLite gets wrong because it stores decimals as integers.
{% endif %}
OTHERS: dict[str, tuple[Make, object]] = {
    "* a Decimal": (lambda: total * Decimal("1.19"), Decimal("6.545")),
    "a Decimal *": (lambda: Decimal("1.19") * total, Decimal("6.545")),
    "* a literal": (lambda: total * literal(Decimal("1.5")), Decimal("8.25")),
    "* a decimal": (lambda: total * tax, Decimal("2.75")),
    "* an average": (lambda: total * select(func.avg(quantity)).scalar_subquery(), 11),
    "/ an int": (lambda: total / 2, Decimal("2.75")),
    "an int /": (lambda: 11 / total, 2),
    "an int column /": (lambda: quantity / tax, 4),
    "//": (lambda: total // 2, 2),
    "%": (lambda: total % 2, Decimal("1.5")),
    "an int %": (lambda: 6 % total, Decimal("0.5")),
    "+ an int column": (lambda: total + quantity, Decimal("7.5")),
    "an int column +": (lambda: quantity + total, Decimal("7.5")),
    "int columns + a decimal": (lambda: quantity + id_ + total, Decimal("8.5")),
    "a literal +": (lambda: literal(1) + total, Decimal("6.5")),
    "> an int column": (lambda: total > quantity, True),
    "an int column <": (lambda: quantity < total, True),
    "an int column between": (lambda: quantity.between(tax, total), True),
    "in int columns": (lambda: total.in_([quantity, total]), True),
    "in a subquery of integers": (lambda: total.in_(select(quantity)), False),
    "an int column in": (lambda: quantity.in_(select(total)), False),
    "a tuple of integers": (lambda: tuple_(total, id_) > tuple_(quantity, id_), True),
    "a tuple of literals": (lambda: tuple_(total, id_) > tuple_(5, 1), True),
    "a tuple in a subquery": (lambda: tuple_(total, id_).in_(select(quantity, id_)), False),
    "a tuple in tuples": (lambda: tuple_(total, id_).in_([tuple_(quantity, id_)]), False),
    "a case of a decimal": (lambda: case({quantity: 1}, value=total, else_=0), 0),
    "an operator": (lambda: total.op("^")(2), Decimal("30.25")),
    "round": (lambda: func.round(total), 6),
    "greatest": (lambda: func.greatest(total, 7), 7),
    "concat": (lambda: func.concat(total, "!"), "5.5000!"),
    "|| a text": (lambda: cast(total, String).concat("!"), "5.5000!"),
    "a text ||": (lambda: literal("!").concat(cast(total, String)), "!5.5000"),
    "coalesce with an integer": (lambda: func.coalesce(total, quantity), Decimal("5.5")),
    "coalesce of an integer": (lambda: func.coalesce(quantity, total), 2),
    "a case of integers": (lambda: case((id_ > 1, quantity), else_=total), Decimal("5.5")),
    "a case with an integer": (lambda: case((id_ > 1, total), else_=quantity), 2),
    "cast to String": (lambda: cast(total, String), "5.5000"),
    "cast to Integer": (lambda: cast(total, Integer), 6),
    "cast to Numeric": (lambda: cast(total, Numeric(18, 1)), Decimal("5.5")),
    "cast from a text": (lambda: cast(literal("5.5"), EXACT), Decimal("5.5")),
    "+ other places": (lambda: total + price, Decimal("6.75")),
    "> other places": (lambda: total > price, True),
    "in other places": (lambda: total.in_([price]), False),
    "coalesce with other places": (lambda: func.coalesce(total, price), Decimal("5.5")),
    "a case with other places": (lambda: case((id_ > 1, price), else_=total), Decimal("5.5")),
    "cast to fewer places": (lambda: cast(total, Exact(12, 2)), Decimal("5.5")),
    "a union": (
        lambda: union_all(
            select(quantity).where(id_ > 3), select(total).where(FIRST)
        ).scalar_subquery(),
        Decimal("5.5"),
    ),
}


@pytest.mark.parametrize(("make", "expected"), OTHERS.values(), ids=OTHERS)
{% if cookiecutter.database == "sqlite" %}
def test_other_arithmetic_is_rejected(connection: Connection, make: Make, expected: object) -> None:
    with pytest.raises(TypeError, match=r"Decimals on SQLite do not support .*: compute it in"):
        connection.execute(select(make()).where(FIRST))


@pytest.mark.parametrize("number", [1.5, 5.0, True, "5"])
def test_inexact_numbers_are_rejected(connection: Connection, number: Any) -> None:
    for make in (
        lambda: total + number,
        lambda: total > number,
        lambda: total.between(1, number),
    ):
        with pytest.raises(TypeError, match="is not an exact number: use a Decimal or an int"):
            make()
    with pytest.raises(TypeError):
        _ = total * number
    for statement in (
        insert(orders).values(total=number),
        update(orders).values(total=number),
        select(func.coalesce(total, number)),
        select(id_).where(total.in_([number])),
    ):
        with pytest.raises(StatementError, match="is not an exact number"):
            connection.execute(statement)


def test_a_fifth_place_is_rejected(connection: Connection) -> None:
    for number in (Decimal("0.00001"), Decimal("1." + "0" * 40 + "1")):
        with pytest.raises(ValueError, match="at most 4 places: round it first"):
            _ = number > total
        with pytest.raises(StatementError, match="at most 4 places: round it first"):
            connection.execute(insert(orders).values(total=number))


def test_places_beyond_the_scale_of_a_column_are_rejected(connection: Connection) -> None:
    with pytest.raises(ValueError, match="at most 2 places: round it first"):
        _ = price > Decimal("0.001")
    with pytest.raises(StatementError, match="at most 2 places: round it first"):
        connection.execute(insert(orders).values(price=Decimal("0.001")))


def test_the_statement_cache_distinguishes_scales(
    connection: Connection,
) -> None:
    for places in (2, 4):
        number = literal(Decimal("1.5"), Exact(12, places))
        assert connection.scalar(select(number)) == Decimal("1.5")


def test_overflows_are_rejected(connection: Connection) -> None:
    connection.execute(update(orders).values(total=Decimal("99999999999999.9999")))
    assert connection.scalar(select(func.max(total))) == Decimal("99999999999999.9999")
    for expression in (total * 1_000_000_000, func.avg(total)):
        with pytest.raises(OverflowError, match="compute it in Python"):
            connection.scalars(select(expression)).first()


def test_stored_units_are_available_by_type_coerce(connection: Connection) -> None:
    assert connection.scalar(select(type_coerce(total, Integer)).where(FIRST)) == 55_000
    assert connection.scalar(select(literal_column("total")).select_from(orders)) == 55_000
{% else %}
def test_other_arithmetic_is_correct(connection: Connection, make: Make, expected: object) -> None:
    assert connection.scalar(select(make()).where(FIRST)) == expected
{% endif %}
