"""The same product on PostgreSQL: nothing but the address of the database changes."""

from pathlib import Path

from tests.product.running import running_product


async def test_a_customer_is_served_on_postgresql(
    models: Path, own_postgres_url: str, tmp_path: Path
) -> None:
    async with running_product(tmp_path, models, database_url=own_postgres_url) as product:
        maria = await product.customer()
        await maria.says("где мой заказ 1001?")
        assert "Заказ 1001 в пути" in await maria.proves("maria.sokolova@example.com")
