"""Articles, ready answers and names are files that somebody may edit by hand too."""

import shutil
from pathlib import Path

import pytest
import yaml

from bot.desk.canned import Answer
from bot.studio import canned_files, names
from bot.studio.articles import Articles, Draft, draft_of, written
from bot.studio.changes import Changes, Editor, Refused
from bot.studio.names import Name
from core.settings import ROOT
from tests.studio.conftest import Office, changed_lines
from tests.studio.test_intent_pages import agrees, version_of

GOOD = Draft(
    "Гравировка: «на заказ»", ["делаете гравировку"], ["гравировка"], [], False, "Да.\r\nОт 500 ₽: # быстро"
)


@pytest.fixture
def editor(tmp_path: Path) -> Editor:
    shutil.copytree(ROOT / "data", tmp_path / "p/data")
    return Editor(tmp_path / "p", tmp_path / "lock")


def test_every_article_of_the_product_is_written_as_it_stands() -> None:
    articles = Articles(ROOT)
    found = articles.all()
    assert len(found) == len(list((ROOT / "data/knowledge").rglob("*/*.md")))
    for one in found:
        source = articles.path(one.language, one.slug).read_text(encoding="utf-8")
        assert written(draft_of(one)) == source


def test_an_article_is_written_in_both_languages_and_read_as_it_was_meant(editor: Editor) -> None:
    articles = Articles(editor.root)
    english = Draft(
        'It\'s "engraving": yes', ["do you engrave, please?"], ["a, b", "[c]"], ["ring"], False, "Yes."
    )
    editor.save(lambda c: articles.change(c, "engraving", {"ru": GOOD, "en": english}))
    found = articles.find("engraving")
    assert (found["ru"].title, found["ru"].text) == ("Гравировка: «на заказ»", "Да.\nОт 500 ₽: # быстро")
    assert (found["en"].title, found["en"].keywords) == ('It\'s "engraving": yes', ("a, b", "[c]"))
    editor.save(lambda c: articles.drop(c, "engraving"))
    assert articles.find("engraving") == {}
    with pytest.raises(Refused, match="no_article"):
        editor.save(lambda c: articles.drop(c, "engraving"))


@pytest.mark.parametrize(
    ("slug", "draft", "why"),
    [
        ("../evil", GOOD, "bad_slug"),
        ("good", Draft("Без вопросов", [], [], [], False, "текст"), "bad_article"),
        ("good", Draft("Без текста", ["как"], [], [], False, "  "), "bad_article"),
        ("good", Draft("Без шагов", ["как"], [], [], True, "Просто текст"), "bad_article"),
    ],
)
def test_an_article_that_could_not_be_read_is_refused(
    editor: Editor, slug: str, draft: Draft, why: str
) -> None:
    with pytest.raises(Refused, match=why):
        editor.save(lambda c: Articles(editor.root).change(c, slug, {"ru": draft, "en": GOOD}))


def test_questions_that_another_article_answers_better_are_told(editor: Editor) -> None:
    articles = Articles(editor.root)
    greedy = Draft(
        "Всё про накипь в чайнике", ["накипь в чайнике как убрать", "чайник"], ["убрать"], [], False, "Нет."
    )
    lost = articles.lost_questions("other", {"ru": greedy})
    assert ("чайник", None) in lost or ("чайник", "Как очистить чайник") in lost  # its own, too little said
    assert ("как убрать накипь в чайнике", "Всё про накипь в чайнике") in lost  # taken from another
    assert articles.lost_questions("engraving", {"ru": GOOD}) == []


def test_a_ready_answer_changes_its_own_lines(editor: Editor) -> None:
    before, after = ROOT / "data/canned/ru.yml", editor.root / "data/canned/ru.yml"
    editor.save(
        lambda c: canned_files.put(
            c, Answer("смотрю", "ru", "Нужно время", "Смотрю заказ {order}: «минуту».")
        )
    )
    assert [line[:1] for line in changed_lines(before, after)] == ["-", "+"]
    editor.save(lambda c: canned_files.put(c, Answer("новый", "ru", "Новый", "Текст")))
    assert canned_files.read(editor.root)[-1].language == "en"
    assert Answer("новый", "ru", "Новый", "Текст") in canned_files.read(editor.root)
    editor.save(lambda c: canned_files.drop(c, "ru", "новый"))
    assert len(changed_lines(before, after)) == 2
    for text, why in (
        ("Привет, {nmae}", "unknown_variable"),
        ("Привет, {name", "unknown_variable"),
        ("", "missing"),
    ):
        bad = Answer("смотрю", "ru", "Т", text)
        with pytest.raises(Refused, match=why):
            canned_files.put(Changes(editor.root), bad)


def test_names_become_lookup_tables_and_synonyms(editor: Editor) -> None:
    given = {"product": names.parse("чайник «Ладога»: ладога, ладогу\nутюг\n\n"), "city": [Name("Тула")]}
    editor.save(lambda c: names.change(c, given))
    path = editor.root / names.PATH
    assert yaml.safe_load(path.read_text(encoding="utf-8"))["nlu"] == [
        {"lookup": "product", "examples": "- чайник «Ладога»\n- ладога\n- ладогу\n- утюг\n"},
        {"synonym": "чайник «Ладога»", "examples": "- ладога\n- ладогу\n"},
        {"lookup": "city", "examples": "- Тула\n"},
    ]
    back = names.read(path.read_text(encoding="utf-8"))
    assert {kind: own for kind, own in back.items() if own} == given
    assert names.shown(back["product"]) == "чайник «Ладога»: ладога, ладогу\nутюг"
    editor.save(lambda c: names.change(c, given))
    with pytest.raises(Refused, match="named_twice"):
        names.parse("утюг\nпарогенератор: Утюг")


def test_a_file_of_names_that_holds_more_is_left_alone(editor: Editor) -> None:
    path = editor.root / names.PATH
    path.write_text(
        'version: "3.1"\nnlu:\n- regex: promo_code\n  examples: |\n    - \\d+\n', encoding="utf-8"
    )
    with pytest.raises(Refused, match="names_unusual"):
        editor.save(lambda c: names.change(c, {"city": [Name("Тула")]}))


async def test_an_article_is_written_tried_and_taken_away_on_the_page(office: Office) -> None:
    form = {"slug": "engraving"}
    for language, title, question in (
        ("ru", "Гравировка", "делаете гравировку"),
        ("en", "Engraving", "do you engrave"),
    ):
        form |= {f"title_{language}": title, f"questions_{language}": question, f"text_{language}": "500 ₽."}
    status, page = await office.post("/studio/knowledge/new", **form | {"questions_en": ""})
    assert (status, "прочитать не сможет" in page) == (409, True)
    page = await agrees(office, "/studio/knowledge/new", **form)
    assert "data/knowledge/ru/engraving.md" in page
    _, page = await office.get("/studio/knowledge?ask=делаете ли вы гравировку")
    assert '/studio/knowledge/articles/engraving">Гравировка</a>' in page
    _, page = await office.get("/studio/knowledge/articles/engraving")
    assert "делаете гравировку" in page
    await agrees(office, "/studio/knowledge/articles/engraving/drop")
    assert (await office.get("/studio/knowledge/articles/engraving"))[0] == 404


async def test_ready_answers_and_names_on_the_page_and_a_conflict_is_shown(office: Office) -> None:
    canned = {"shortcut": "смотрю", "language": "ru", "title": "Нужно время", "text": "Смотрю, {name}."}
    await agrees(office, "/studio/knowledge/canned", **canned)
    assert "Смотрю, {name}." in (await office.get("/studio/knowledge/canned"))[1]
    await agrees(office, "/studio/knowledge/names", product="утюг: утюжок")
    assert "утюг: утюжок" in (await office.get("/studio/knowledge/names"))[1]
    _, page = await office.post("/studio/knowledge/names", product="утюг\nчайник")
    path = office.project / names.PATH
    path.write_text(
        path.read_text(encoding="utf-8") + "- lookup: city\n  examples: |\n    - Тула\n", encoding="utf-8"
    )
    status, again = await office.post(
        "/studio/knowledge/names", product="утюг\nчайник", version=version_of(page)
    )
    assert status == 409
    assert "изменил кто-то другой" in again
    assert '<span class="minus">-    - Тула' in again  # what would be lost is seen before it is
    await office.logs_in("anna")
    assert (await office.post("/studio/knowledge/canned", **canned))[0] == 403
