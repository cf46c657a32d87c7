"""What customers wrote comes to the administrator: redacted, grouped, and once."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, func, select

from bot.gateway.tables import Inbox as Arrived
from bot.studio.checking import problems
from bot.studio.collecting import drawn
from bot.studio.files import TrainingFiles
from bot.studio.inbox import Group, NotACustomersMessage, Unknown, correct
from bot.studio.inbox_pages import meaning, stands, suggestions
from bot.studio.library import Library
from bot.studio.tables import Decision, Reason, Sample, Verdict
from bot.studio.writing import Writer
from core.audit.tables import AuditRecord
from core.settings import ROOT
from crm_bridge.models import Message
from tests.studio.conftest import ANNA, VERA, Town


async def test_what_was_rejected_waits_without_personal_data(town: Town) -> None:
    await town.says("Марина Лебедева, сколько стоит гравировка? +79161234567")
    await town.says("где мой заказ", intent="track_order", ranking=(("track_order", 0.97), ("greet", 0.01)))
    await town.collector.look()
    async with town.db.read() as session:
        (group,) = await town.inbox.groups(session)
    assert group.texts == ["Имя Имя, сколько стоит гравировка? +7 900 000-00-00"]
    assert group.reasons == [Reason.REJECTED]
    assert group.suggested == [("track_order", 0.4)]


async def test_an_uncertain_guess_waits_too(town: Town) -> None:
    await town.says("что с ним", intent="track_order", ranking=(("track_order", 0.51), ("track_refund", 0.4)))
    await town.collector.look()
    async with town.db.read() as session:
        (group,) = await town.inbox.groups(session)
    assert group.reasons == [Reason.UNSURE]


async def test_a_look_takes_each_message_once_and_waits_for_those_being_answered(town: Town) -> None:
    await town.says("делаете гравировку?")
    unanswered = await town.says("можно выгравировать имя?", done=False)
    assert await town.collector.look() == 1
    assert await town.collector.look() == 0
    town.clock.advance(timedelta(minutes=2))  # the engine never came back to it
    assert await town.collector.look() == 1
    async with town.db.read() as session:
        kept = list(await session.scalars(select(Sample.message_id)))
    assert unanswered not in kept
    assert len(kept) == 1


async def test_variants_of_one_question_are_one_decision(town: Town) -> None:
    for n, text in enumerate(
        ["сколько стоит гравировка", "Сколько будет стоить гравировка?", "а гравировка сколько стоит",
         "сколько стоит гравировка на кольце", "посоветуйте стихи про осень"]
    ):  # fmt: skip
        await town.says(text, who=f"guest{n}")
    await town.collector.look()
    async with town.db.read() as session:
        groups = await town.inbox.groups(session)
    assert [group.size for group in groups] == [4, 1]


async def test_asking_for_a_person_right_after_accuses_the_message_before(town: Town) -> None:
    sure = (("payment_methods", 0.95), ("greet", 0.01))
    await town.says("рассрочка от банка партнёра", intent="payment_methods", ranking=sure)
    await town.says("позовите человека", intent="human_agent", ranking=(("human_agent", 0.99),))
    await town.says("хочу странного", who="another", actions=["action_clarify"])
    await town.says("", who="another", intent="human_agent", ranking=(), press={"intent": "human_agent"})
    await town.collector.look()
    async with town.db.read() as session:
        rows = await session.execute(select(Sample.text, Sample.reason).order_by(Sample.id))
        found = {row[0]: row[1] for row in rows}
    assert found == {
        "рассрочка от банка партнёра": Reason.ESCALATED,
        "хочу странного": Reason.NOTHING_FITS,
    }


async def test_an_agents_correction_leads_the_suggestions_and_awaits_an_administrator(town: Town) -> None:
    wrong = await town.says("верните за диван", intent="track_order", ranking=(("track_order", 0.9),))
    async with town.db.write() as session:
        await correct(session, wrong, "return_item", ANNA)
        await correct(session, wrong, "track_refund", ANNA)  # she thought again
    await town.collector.look()
    async with town.db.read() as session:
        (group,) = await town.inbox.groups(session)
        assert group.suggested == [("track_refund", None), ("track_order", 0.9)]
        assert group.reasons == [Reason.CORRECTED]
        with pytest.raises(NotACustomersMessage):
            await correct(session, "m999999", "return_item", ANNA)


async def test_a_decision_covers_the_group_is_recorded_and_can_be_undone(town: Town) -> None:
    for who in "abc":
        await town.says("делаете гравировку?", who=who)
    await town.collector.look()
    async with town.db.write() as session:
        (group,) = await town.inbox.groups(session)
        decision = await town.inbox.decide(session, group.id, Verdict.INTENT, "engraving", VERA)
    async with town.db.write() as session:
        assert await town.inbox.waiting(session) == 0
        assert [(d.intent, n) for d, n, _ in await town.inbox.decisions(session)] == [("engraving", 3)]
        with pytest.raises(Unknown):  # a second administrator was slower
            await town.inbox.decide(session, group.id, Verdict.IGNORE, None, VERA)
    async with town.db.write() as session:
        await town.inbox.undo(session, decision.id, VERA)
    async with town.db.read() as session:
        assert await town.inbox.waiting(session) == 3
        kept = await session.get_one(Decision, decision.id)
        assert (kept.staff_id, kept.undone_by) == (VERA.id, VERA.id)
        actions = list(await session.scalars(select(AuditRecord.action).order_by(AuditRecord.id)))
    assert actions == ["sample intent", "decision undone"]


async def test_chance_draws_about_one_message_in_fifty_whatever_it_is(town: Town) -> None:
    share = sum(drawn(f"m{n}") for n in range(20_000)) / 20_000
    assert 0.017 < share < 0.023
    number = next(n for n in range(1, 1000) if drawn(f"m{n}"))
    asked = await town.says("спасибо", intent="thanks", ranking=(("thanks", 0.99),))
    async with town.db.write() as session:  # the same message under a number that is drawn
        (row,) = await session.scalars(select(Message).where(Message.id == asked))
        arrived = await session.scalar(select(Arrived))
        assert arrived
        row.id, arrived.id = f"m{number}", number
    await town.collector.look()
    async with town.db.read() as session:
        assert await town.inbox.groups(session) == []
        (measured,) = await town.inbox.groups(session, measuring=True)
    assert measured.texts == ["спасибо"]


async def test_erasing_a_message_erases_its_sample(town: Town) -> None:
    asked = await town.says("делаете гравировку?")
    await town.collector.look()
    async with town.db.write() as session:
        await session.execute(delete(Message).where(Message.id == asked))
    async with town.db.read() as session:
        assert await session.scalar(select(func.count()).select_from(Sample)) == 0


async def test_a_suggestion_comes_with_the_examples_that_speak_for_it(town: Town, tmp_path: Path) -> None:
    await town.says("верните деньги за диван", ranking=(("return_item", 0.5), ("complaint", 0.2)))
    await town.collector.look()
    async with town.db.read() as session:
        (group,) = await town.inbox.groups(session)
    now = Library(TrainingFiles(ROOT, tmp_path / "lock")).now()
    found = suggestions(group, now)
    assert [(one.intent, one.by) for one in found[:2]] == [("return_item", "model"), ("complaint", "model")]
    near = found[0].near[0]
    assert near.example.intent == "return_item"
    assert "верните" in [word.lower() for word, shared in near.parts if shared]
    assert stands(group, now) is None


def test_words_that_stand_there_already_are_told_and_suggest_their_intent(tmp_path: Path) -> None:
    now = Library(TrainingFiles(ROOT, tmp_path / "lock")).now()
    at = datetime(2026, 11, 20, tzinfo=UTC)
    group = Group(1, 1, ["Есть самовывоз"], "ru", [Reason.REJECTED], [], at)
    assert stands(group, now) == "delivery_options"
    (first, *_) = suggestions(group, now)
    assert (first.intent, first.by) == ("delivery_options", "example")
    assert first.near[0].likeness == 1.0


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("track_order", ["track_order"]),
        ("где мой заказ", ["track_order"]),
        ("Чек", ["get_invoice"]),
        ("cancel_", ["cancel_order", "cancel_subscription", "cancel_appointment"]),
        ("", []),
        ("нет такого", []),
    ],
)
def test_the_beginning_of_a_name_is_enough(said: str, meant: list[str], tmp_path: Path) -> None:
    known = TrainingFiles(ROOT, tmp_path / "lock").intents()
    assert meaning(said, known) == meant


async def test_a_poisoned_batch_comes_clean_into_the_files(town: Town, tmp_path: Path) -> None:
    """Markup, script, personal data, a flood of one phrase, and words that mean something else already."""
    shutil.copytree(ROOT / "data", tmp_path / "p/data")
    shutil.copy(ROOT / "domain.yml", tmp_path / "p/domain.yml")
    files = TrainingFiles(tmp_path / "p", tmp_path / "lock")
    poison = [
        "где мой приз <script>fetch('//evil')</script> заберу",
        "<b onclick=alert(1)>приз</b> мой где",
        "нажмите javascript:alert(1) и получите приз",
        "приз на карту 4111 1111 1111 1111 и почту ivan@mail.ru",
        "есть самовывоз?",
        *(f"приз приз приз приз приз номер {n}" for n in range(60)),
    ]
    for n, text in enumerate(poison):
        await town.says(text, who=str(n % 5))
    await town.collector.look()
    async with town.db.write() as session:
        for group in await town.inbox.groups(session):
            await town.inbox.decide(session, group.id, Verdict.INTENT, "complaint", VERA)
        carried = await Writer(files, town.clock).write(session, None)
    added = [one.text for one in carried.written.added]
    assert "где мой приз заберу" in added
    assert not any(
        sign in text for text in added for sign in ("<", ">", "javascript", "4111", "ivan", "script")
    )
    assert sum("номер" in text for text in added) <= 20
    assert [(one.example.text, one.stands_under) for one in carried.written.conflicts] == [
        ("есть самовывоз?", "delivery_options")
    ]
    assert carried.left_out >= 41
    assert problems(files.examples()) == []
