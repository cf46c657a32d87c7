"""Changes of the customer's own data."""

from sqlalchemy.ext.asyncio import AsyncSession

from crm_bridge.customers import Customers
from crm_bridge.operations.once import Result
from crm_bridge.operations.running import Operations


class AccountOperations:
    """What a customer may change about themselves without proof: name, city, language."""

    def __init__(self, operations: Operations, customers: Customers) -> None:
        self._operations = operations
        self._customers = customers

    async def change(self, key: str, customer_id: int, field: str, value: str | None) -> Result:
        """Give a field of the customer's row a new value.

        Returns:
            `{"changed": bool}`, False when it was so already.

        Raises:
            BadValue: the field cannot have this value.
        """

        async def work(session: AsyncSession) -> Result:
            changed = await self._customers.change(session, customer_id, **{field: value})
            return {"changed": field in changed.fields}

        return await self._operations.run(key, "change_profile", customer_id, work)
