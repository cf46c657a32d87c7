"""An administrator watches a training: every stage appears by itself, also after a reload."""

import os
from datetime import timedelta

from playwright.async_api import Browser, Page, expect
from sqlalchemy import update

from bot.studio.progress import seconds_left
from bot.studio.tables import Run, RunState
from core.clock import ManualClock
from tests.studio.conftest import PASSWORD, Office


async def begin(town: Office, **values: object) -> int:
    """A run that this very process seems to carry out."""
    async with town.db.write() as session:
        run = Run(state=RunState.RUNNING, began_at=town.clock.now(), pid=os.getpid(), **values)
        session.add(run)
        await session.flush()
        return run.id


async def change(town: Office, run: int, **values: object) -> None:
    async with town.db.write() as session:
        await session.execute(update(Run).where(Run.id == run).values(**values))


async def training_page(office: Office, browser: Browser) -> Page:
    """Vera has logged in and looks at the training."""
    context = await browser.new_context(locale="ru-RU")
    page = await context.new_page()
    await page.goto(f"{office.url}/staff/login?to=/studio/training")
    await page.fill("[name=login]", "vera")
    await page.fill("[name=password]", PASSWORD)
    await page.press("[name=password]", "Enter")
    return page


async def test_stages_come_by_themselves_and_survive_a_reload(office: Office, browser: Browser) -> None:
    run = await begin(office, stage="write", share=0.02)
    page = await training_page(office, browser)
    current = page.locator(".stages [aria-current]")
    await expect(current).to_have_text("Записываю решения в данные")
    await change(office, run, stage="learn", share=0.3, log="learnt <b>3</b> changed examples\n")
    await expect(current).to_have_text("Учусь")
    await expect(page.locator("#progress pre")).to_have_text("learnt <b>3</b> changed examples")
    await page.reload()
    await expect(current).to_have_text("Учусь")
    await change(office, run, stage="judge", share=0.8)
    await expect(current).to_have_text("Сдаю экзамен")
    await expect(page.locator("progress")).to_have_attribute("value", "0.8")
    await change(office, run, state=RunState.DONE, ended_at=office.clock.now())
    await page.wait_for_url(f"**/studio/runs/{run}")
    await expect(page.locator("h1")).to_contain_text("готово")
    await page.context.close()


async def test_cancel_ends_the_page_too(office: Office, browser: Browser) -> None:
    run = await begin(office, stage="learn", share=0.3)
    page = await training_page(office, browser)
    await page.get_by_role("button", name="Прервать").click()
    await expect(page.get_by_role("button", name="Начать обучение")).to_be_visible()
    async with office.db.read() as session:
        assert (await session.get_one(Run, run)).state is RunState.CANCELLED
    await page.context.close()


async def test_only_administrators_hear_of_it(office: Office) -> None:
    await office.logs_in("anna")
    assert (await office.get("/studio/training/events"))[0] == 403


async def test_a_page_that_comes_late_is_sent_to_the_result(office: Office) -> None:
    status, said = await office.get("/studio/training/events")
    assert (status, said) == (200, "event: ended\ndata: \n\n")


def test_what_is_left_is_told_by_runs_of_the_same_kind(clock: ManualClock) -> None:
    def run(kind: str, seconds: int | None) -> Run:
        end = clock.now() + timedelta(seconds=seconds) if seconds else None
        state = RunState.DONE if seconds else RunState.RUNNING
        return Run(state=state, began_at=clock.now(), ended_at=end, origin={"kind": kind})

    known = [run("whole", 90), run("examples", 12), run("examples", 30)]
    later = clock.now() + timedelta(seconds=5)
    assert seconds_left(run("examples", None), known, later) == 7
    assert seconds_left(run("whole", None), known, later) == 85
    assert seconds_left(run("whole", None), known, later + timedelta(minutes=5)) == 1
    assert seconds_left(run("other", None), known, later) is None
