"""Every module that has tables, in one place: migrations must know them all."""

import bot.gateway.tables as gateway
import core.jobs.embedded as jobs
import crm_bridge.models as crm
import crm_bridge.sync.tables as sync

MODULES = (crm, gateway, jobs, sync)
