"""The same product on PostgreSQL: nothing but the address of the database changes, and there may be many."""

from pathlib import Path

from tests.ports import free_port
from tests.product.customer import Customer
from tests.product.running import running_product


async def test_a_customer_is_served_on_postgresql(
    models: Path, own_postgres_url: str, tmp_path: Path
) -> None:
    async with running_product(tmp_path, models, database_url=own_postgres_url) as product:
        maria = await product.customer()
        await maria.says("где мой заказ 1001?")
        assert "Заказ 1001 в пути" in await maria.proves("maria.sokolova@example.com")


async def test_two_gateways_three_engines_and_two_deliveries_serve_as_one(
    models: Path, own_postgres_url: str, tmp_path: Path
) -> None:
    """The example of docs/scaling.md; an engine dies meanwhile."""
    port = free_port(in_a_row=2)
    many = {"gateways": "2", "engines": "3", "deliveries": "2", "port": str(port)}
    many |= {"engine_port": str(free_port(in_a_row=3)), "database_url": own_postgres_url}
    async with running_product(tmp_path, models, **many) as product:
        programs = [" ".join(child.cmdline()) for child in product.supervisor.children()]
        assert len(programs) == 8, programs
        other = f"http://127.0.0.1:{port + 1}"
        maria = await product.customer()
        peter = await Customer.arrive(product.http, other, product.db)
        await maria.says("где мой заказ 1001?")
        product.kill("bot.engine.launcher")
        assert "виртуальная помощница" in await peter.says("вы бот?")
        assert "Заказ 1001 в пути" in await maria.proves("maria.sokolova@example.com")
        maria.base = other  # the balancer leads the next connection elsewhere
        await maria.comes_back()
        assert "1001" in await maria.says("а когда его привезут?")
