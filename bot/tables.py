"""Every module that has tables, in one place: migrations must know them all."""

import bot.desk.tables as desk
import bot.gateway.handoffs as handoffs
import bot.gateway.marks as marks
import bot.gateway.tables as gateway
import bot.proactive.tables as proactive
import bot.studio.tables as studio
import bot.web.staff.tables as staff
import core.audit.tables as audit
import core.jobs.embedded as jobs
import core.media.tables as media
import crm_bridge.models as crm
import crm_bridge.sync.tables as sync

MODULES = (audit, crm, gateway, jobs, marks, media, proactive, sync, staff, desk, handoffs, studio)
