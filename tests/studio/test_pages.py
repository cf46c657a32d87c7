"""An administrator at work in the studio, over HTTP; and what it refuses."""

import re
import subprocess

import pytest
import yaml
from sqlalchemy import select

from bot.studio.tables import Decision, Ending, Promotion, Run, RunState, Trial, TrialStage, Verdict
from core.audit import AuditRecord
from tests.studio.conftest import Office


def models(office: Office, *names: str) -> None:
    for n, name in enumerate(names):
        office.registry.folder.mkdir(exist_ok=True)
        (office.registry.folder / name).write_text(name)
        office.registry.add(office.registry.folder / name, office.clock.now(), 1.0, live=n == 0)


async def test_a_group_becomes_a_new_intent_with_an_answer(office: Office) -> None:
    def git(*arguments: str) -> str:
        return subprocess.check_output(["git", "-C", str(office.project), *arguments], text=True).strip()

    git("init", "--quiet")
    git("add", ".")
    git("-c", "user.name=t", "-c", "user.email=t@t", "commit", "--quiet", "-m", "as it was")
    for who in "abc":
        await office.town.says("делаете гравировку на часах?", who=who)
    await office.town.collector.look()
    status, page = await office.get("/studio")
    assert status == 200
    assert "делаете гравировку на часах?" in page
    assert "сообщений: 3" in page
    group = re.search(r'data-group="(\d+)"', page)
    assert group
    made = {"name": "engraving", "ru": "Да, гравируем.", "en": "Yes, we engrave."}
    status, page = await office.post(f"/studio/groups/{group[1]}/new", **made | {"en": " "})
    assert "Нужны ответы на обоих языках." in page
    status, page = await office.post(f"/studio/groups/{group[1]}/new", **made)
    assert (status, "Всё разобрано." in page) == (200, True)
    domain = yaml.safe_load((office.project / "domain.yml").read_text(encoding="utf-8"))
    assert "engraving" in domain["intents"]
    assert git("status", "--porcelain") == ""
    assert git("log", "-1", "--format=%an|%s") == "Vera|Studio: new intent engraving"
    async with office.db.read() as session:
        assert await session.scalar(select(Decision.intent)) == "engraving"
        kept = await session.scalar(select(AuditRecord).where(AuditRecord.action == "data changed"))
    assert kept is not None
    assert kept.details == {"words": "new intent engraving", "files": ["data/rules/studio.yml", "domain.yml"]}


async def test_decisions_on_the_page_are_undone_there(office: Office) -> None:
    await office.town.says("купите слона")
    await office.town.collector.look()
    group = re.search(r'data-group="(\d+)"', (await office.get("/studio"))[1])
    assert group
    _, page = await office.post(f"/studio/groups/{group[1]}", verdict="intent", intent="no_such")
    assert "Такой темы нет" in page
    _, page = await office.post(f"/studio/groups/{group[1]}", verdict=Verdict.OUT_OF_SCOPE)
    assert "не наша тема" in page
    assert "<small>Vera, <time" in page
    _, page = await office.post(f"/studio/groups/{group[1]}", verdict=Verdict.IGNORE)
    assert "уже разобрал кто-то другой" in page
    undo = re.search(r"/studio/decisions/(\d+)/undo", page)
    assert undo
    _, page = await office.post(f"/studio/decisions/{undo[1]}/undo")
    assert "купите слона" in page
    assert f'data-group="{group[1]}"' in page


async def test_what_a_customer_wrote_is_shown_as_text(office: Office) -> None:
    await office.town.says("5 < 6 и & 'кавычки' \"здесь\"")
    await office.town.collector.look()
    _, page = await office.get("/studio")
    assert "5 &lt; 6 и &amp; &#39;кавычки&#39; &#34;здесь&#34;" in page


@pytest.mark.parametrize("page", ["/studio", "/studio/intents", "/studio/training", "/studio/models"])
async def test_only_administrators_train(office: Office, page: str) -> None:
    assert (await office.get(page))[0] == 200
    await office.logs_in("anna")
    assert (await office.get(page))[0] == 403
    assert (await office.post("/studio/models/rollback"))[0] == 403


async def test_a_better_model_goes_live_and_comes_back_with_one_press(office: Office) -> None:
    models(office, "old.tar.gz", "new.tar.gz")
    run = await office.run("new.tar.gz", "old.tar.gz", (0, 9))
    _, page = await office.get(f"/studio/runs/{run}")
    assert "Новая модель лучше нынешней" in page
    assert "&lt;b&gt;0&lt;/b&gt;" in page
    assert page.count('<svg class="picture"') == 2
    assert (await office.post("/studio/models/promote", model="new.tar.gz"))[0] == 303
    assert office.registry.live() == office.registry.folder / "new.tar.gz"
    assert (await office.post("/studio/models/rollback"))[0] == 303
    assert office.registry.live() == office.registry.folder / "old.tar.gz"
    _, page = await office.get("/studio/models")
    assert page.count("→") >= 2
    assert "Vera · old.tar.gz → new.tar.gz" in page


async def test_a_worse_model_needs_a_written_reason(office: Office) -> None:
    models(office, "old.tar.gz", "new.tar.gz")
    run = await office.run("new.tar.gz", "old.tar.gz", (9, 0))
    _, page = await office.get(f"/studio/runs/{run}")
    assert "Новая модель хуже" in page
    assert "<title>Где мой заказ → Пожаловаться: 9</title>" in page
    assert "<title>Где мой заказ → Где мой заказ: 90</title>" in page
    for reason in ("", "надо"):
        status, page = await office.post("/studio/models/promote", model="new.tar.gz", reason=reason)
        assert (status, "напишите причину" in page) == (422, True)
    assert office.registry.live() == office.registry.folder / "old.tar.gz"
    why = "старая отвечает про закрытый магазин"
    assert (await office.post("/studio/models/promote", model="new.tar.gz", reason=why))[0] == 303
    async with office.db.read() as session:
        assert await session.scalar(select(Promotion.reason)) == why


async def test_a_comparison_with_what_is_no_longer_live_counts_for_nothing(office: Office) -> None:
    models(office, "first.tar.gz", "second.tar.gz", "third.tar.gz")
    await office.run("third.tar.gz", "first.tar.gz", (0, 9))
    await office.run("second.tar.gz", "first.tar.gz", (0, 9))
    assert (await office.post("/studio/models/promote", model="second.tar.gz"))[0] == 303
    assert (await office.post("/studio/models/promote", model="third.tar.gz"))[0] == 422


async def test_a_model_that_was_changed_on_disk_does_not_go_live(office: Office) -> None:
    models(office, "old.tar.gz", "new.tar.gz")
    await office.run("new.tar.gz", "old.tar.gz", (0, 9))
    (office.registry.folder / "new.tar.gz").write_text("something else")
    status, page = await office.post("/studio/models/promote", model="new.tar.gz")
    assert (status, "её файл изменён" in page) == (422, True)
    assert office.registry.live() == office.registry.folder / "old.tar.gz"
    async with office.db.read() as session:
        assert await session.scalar(select(Promotion.id)) is None


async def test_a_run_whose_process_was_killed_has_failed(office: Office) -> None:
    async with office.db.write() as session:
        session.add(Run(state=RunState.RUNNING, began_at=office.clock.now(), pid=2**22 + 5))
    _, page = await office.get("/studio/training")
    assert "не удалось" in page
    assert "Начать обучение" in page


async def test_a_model_is_tried_before_it_goes_live(office: Office) -> None:
    models(office, "old.tar.gz", "new.tar.gz")
    run = await office.run("new.tar.gz", "old.tar.gz", (0, 9))
    _, page = await office.get(f"/studio/runs/{run}")
    assert "Проверить незаметно" in page
    assert (await office.post("/studio/trials", model="new.tar.gz", stage="shadow"))[0] == 303
    _, page = await office.get("/studio/models")
    assert "Проверяется незаметно" in page
    assert "Пока никто ничего не написал." in page
    assert (await office.post("/studio/trials", model="new.tar.gz", stage="canary", share="10"))[0] == 303
    _, page = await office.get("/studio/models")
    assert "Отвечает в 10 % разговоров" in page
    assert "сравнение начнётся" in page
    assert "пошла дальше" in page
    assert (await office.post("/studio/trials/stop"))[0] == 303
    _, page = await office.get("/studio/models")
    assert "закончена вручную" in page
    trial = re.findall(r"/studio/trials/(\d+)", page)
    assert "Отвечает в 10 % разговоров" in (await office.get(f"/studio/trials/{trial[0]}"))[1]


async def test_a_worse_model_gets_no_conversations_without_a_reason(office: Office) -> None:
    models(office, "old.tar.gz", "new.tar.gz")
    await office.run("new.tar.gz", "old.tar.gz", (9, 0))
    status, _ = await office.post("/studio/trials", model="new.tar.gz", stage="canary", share="10")
    assert status == 303
    _, page = await office.get("/studio/models")
    assert "Отвечает в" not in page
    await office.logs_in("anna")
    assert (await office.post("/studio/trials", model="new.tar.gz", stage="shadow"))[0] == 403


async def test_why_a_model_came_back_is_told_in_the_readers_words(office: Office) -> None:
    models(office, "old.tar.gz", "new.tar.gz")
    async with office.db.write() as session:
        breach = {"figure": "escalation", "before": 0.05, "now": 0.6, "turns": 50}
        session.add(
            Trial(
                model="new.tar.gz", base="old.tar.gz", stage=TrialStage.CANARY, share=10, reason="…",
                began_at=office.clock.now(), ended_at=office.clock.now(), outcome=Ending.RETURNED,
                breach=breach,
            )
        )  # fmt: skip
    _, page = await office.get("/studio/models")
    assert "к людям уходит 60.0 % обращений вместо 5.0 % (ответов новой модели: 50)" in page


@pytest.mark.parametrize(
    ("name", "pages"),
    [
        ("data/nlu/ru/delivery.yml", ("/studio", "/studio/intents", "/studio/intents/complaint")),
        ("domain.yml", ("/studio", "/studio/answers", "/studio/answers/utter_knowledge")),
        ("data/nlu/names.yml", ("/studio/knowledge/names",)),
    ],
)
async def test_a_file_that_was_broken_by_hand_is_named_with_its_line(
    office: Office, name: str, pages: tuple[str, ...]
) -> None:
    path = office.project / name
    whole = path.read_text(encoding="utf-8") if path.exists() else 'version: "3.1"\nnlu: []\n'
    path.write_text(f"{whole}  - [broken: {{\n", encoding="utf-8")
    for page in pages:
        status, shown = await office.get(page)
        assert (status, f"<li>{name}:" in shown) == (409, True)
    path.write_text(whole, encoding="utf-8")
    for page in pages:
        assert (await office.get(page))[0] == 200
