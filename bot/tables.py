"""Every module that has tables, in one place: migrations must know them all."""

import bot.gateway.marks as marks
import bot.gateway.tables as gateway
import bot.web.staff.tables as staff
import core.audit.tables as audit
import core.jobs.embedded as jobs
import core.media.tables as media
import crm_bridge.models as crm
import crm_bridge.sync.tables as sync

MODULES = (audit, crm, gateway, jobs, marks, media, sync, staff)
