"""An answer may have to say from when its data are."""

from core.db import Database
from crm_bridge.sync import Freshness, Freshnesses
from tests.crm_bridge.sync.office import MINUTE, Office
from tests.fakes.crm.plain import PlainCrm

PHONE = "+79161234567"


async def test_while_the_crm_is_down_one_knows_when_it_was_last_read(office: Office, crm: PlainCrm) -> None:
    maria = await office.customer(phone=PHONE)
    await office.pass_time()
    freshnesses = Freshnesses(office.db)
    fresh = await freshnesses.of_customer(maria)
    assert fresh is not None
    assert (fresh.account, fresh.answers) == ("shop", True)
    read_at = office.clock.now()
    assert fresh.as_of is not None
    assert read_at - MINUTE <= fresh.as_of <= read_at
    crm.down = True
    await office.pass_time(30)
    assert await freshnesses.of_customer(maria) == Freshness("shop", fresh.as_of, answers=False)
    assert (await freshnesses.of_account("shop")).answers is False
    crm.down = False
    await office.pass_time()
    again = await freshnesses.of_customer(maria)
    assert again is not None
    assert again.answers
    assert again.as_of is not None
    assert again.as_of > fresh.as_of + 30 * MINUTE


async def test_what_was_read_by_itself_is_fresher_than_the_last_whole_reading(
    office: Office, crm: PlainCrm
) -> None:
    maria = await office.customer(phone=PHONE)
    await office.pass_time()
    office.clock.advance(MINUTE / 2)
    crm.edit("1", family_name="Петрова")
    await office.sync.receive("shop", crm.webhook("1"))
    await office.work()
    fresh = await Freshnesses(office.db).of_customer(maria)
    assert fresh is not None
    assert fresh.as_of == office.clock.now()
    whole = await Freshnesses(office.db).of_account("shop")
    assert whole.as_of is not None
    assert whole.as_of < fresh.as_of


async def test_whom_no_crm_knows_of_nothing_is_said(office: Office, crm: PlainCrm) -> None:
    stranger = await office.customer()  # without phone and address they are not entered there
    ivan = await office.customer(given="Иван", family="Иванов", phone=PHONE)
    await office.pass_time()
    crm.delete("1")
    await office.night()
    freshnesses = Freshnesses(office.db)
    assert await freshnesses.of_customer(stranger) is None
    assert await freshnesses.of_customer(ivan) is None  # deleted there: what is here is all there is


async def test_an_account_that_was_never_read(db: Database) -> None:
    assert await Freshnesses(db).of_account("new") == Freshness("new", None, answers=True)
