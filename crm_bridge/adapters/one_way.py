"""Tickets of a CRM that takes them and lets nobody follow them: there is nothing to read or to change."""

from crm_bridge.adapters.errors import NotFound, Refused
from crm_bridge.adapters.values import Case, Values


class OneWayTickets:
    """For adapters whose capabilities name no field of a ticket."""

    def project_ticket(self, values: Values, key: str) -> Values:
        return {}

    async def get_ticket(self, remote_id: str) -> Case:
        raise NotFound("tickets of this CRM are not read")

    async def update_ticket(self, case: Case, values: Values) -> Case:
        raise Refused("tickets of this CRM are not changed")
