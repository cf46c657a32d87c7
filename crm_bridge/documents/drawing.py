"""Draws a paper as PDF (A4). The same paper gives the same bytes."""

from collections.abc import Iterator
from datetime import datetime
from functools import cache
from html import escape
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.dates import format_date
from reportlab.lib import colors  # type: ignore[import-untyped]
from reportlab.lib.pagesizes import A4  # type: ignore[import-untyped]
from reportlab.lib.styles import ParagraphStyle  # type: ignore[import-untyped]
from reportlab.lib.units import mm  # type: ignore[import-untyped]
from reportlab.pdfbase import pdfmetrics  # type: ignore[import-untyped]
from reportlab.pdfbase.ttfonts import TTFont  # type: ignore[import-untyped]
from reportlab.pdfgen.canvas import Canvas  # type: ignore[import-untyped]
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle  # type: ignore[import-untyped]

from core.texts import Texts
from crm_bridge.amounts import LOCALES, worded
from crm_bridge.documents.paper import Paid, Paper
from crm_bridge.models import DocumentKind
from crm_bridge.money import Money

REGULAR, BOLD = "Roboto", "Roboto-Bold"
INK, GREY, LINE = colors.HexColor("#1d2433"), colors.HexColor("#5b6478"), colors.HexColor("#cfd5e1")
MARGIN, FRAME_PADDING = 20 * mm, 6  # reportlab's frames keep 6 points off their edges
COLUMNS = (10 * mm, 82 * mm, 18 * mm, 30 * mm, 30 * mm)  # as wide as the page between its margins
LABELS = (42 * mm, 128 * mm)
_texts = Texts(Path(__file__).with_name("texts.yml"))


def draw(paper: Paper) -> bytes:
    """The file."""
    _fonts()
    out = BytesIO()
    page = Page(paper)
    document = SimpleDocTemplate(
        out,
        pagesize=A4,
        leftMargin=MARGIN - FRAME_PADDING,
        rightMargin=MARGIN - FRAME_PADDING,
        topMargin=MARGIN,
        bottomMargin=MARGIN,
        title=page.title,
        author=paper.seller.legal_name.to(paper.language),
        invariant=1,  # no date of creation, no random id
    )
    document.build(list(page.parts()), onFirstPage=page.foot, onLaterPages=page.foot)
    return out.getvalue()


def file_name(paper: Paper) -> str:
    """What the customer sees as the file's name."""
    return _texts(f"file.{paper.kind}", paper.language, number=paper.number)


def title(paper: Paper) -> str:
    """The heading."""
    return _texts(f"title.{paper.kind}", paper.language, number=paper.number)


class Page:
    """The parts of a paper, top to bottom."""

    def __init__(self, paper: Paper) -> None:
        self._paper = paper
        self.title = title(paper)

    def parts(self) -> Iterator[Flowable]:
        paper = self._paper
        yield _text(self.title, size=17, bold=True)
        yield _text(self._word("issued", date=self._date(paper.issued_at)), colour=GREY)
        yield Spacer(0, 5 * mm)
        yield _pairs(self._parties())
        if paper.kind is DocumentKind.INVOICE:
            yield Spacer(0, 3 * mm)
            yield _pairs(self._bank())
        yield Spacer(0, 6 * mm)
        yield self._items()
        yield Spacer(0, 4 * mm)
        yield _pairs(self._payment())
        yield Spacer(0, 6 * mm)
        seller = paper.seller
        note = self._word(f"note.{paper.kind}", email=seller.email, phone=seller.phone)
        yield _text(note, size=8.5, colour=GREY)

    def foot(self, canvas: Canvas, _document: object) -> None:
        """The number of the page."""
        canvas.setFont(REGULAR, 8)
        canvas.setFillColor(GREY)
        said = self._word("page", page=canvas.getPageNumber())
        canvas.drawRightString(A4[0] - MARGIN, MARGIN / 2, said)

    def _parties(self) -> list[tuple[str, str]]:
        paper, seller = self._paper, self._paper.seller
        numbers = [("inn", seller.inn), ("kpp", seller.kpp), ("ogrn", seller.ogrn)]
        registered = ", ".join(f"{self._word(key)} {number}" for key, number in numbers if number)
        told = (seller.legal_name.to(paper.language), registered, seller.address.to(paper.language))
        order = self._word("order.line", number=paper.order_number, date=self._date(paper.ordered_at))
        return [
            (self._word("seller"), "\n".join(told)),
            (self._word("buyer"), paper.buyer),
            (self._word("order"), order),
        ]

    def _bank(self) -> list[tuple[str, str]]:
        seller = self._paper.seller
        return [
            (self._word("bank"), seller.bank.to(self._paper.language)),
            (self._word("bik"), seller.bik),
            (self._word("account"), seller.account),
            (self._word("correspondent"), seller.correspondent),
        ]

    def _items(self) -> Table:
        paper = self._paper
        names = ("number", "item", "quantity", "price", "sum")
        rows: list[list[Any]] = [[self._word(name) for name in names]]
        for at, line in enumerate(paper.lines, 1):
            price, total = self._money(line.price), self._money(line.total)
            rows.append([str(at), _text(line.title), str(line.quantity), price, total])
        if extra := paper.difference.minor:
            name = self._word("delivery" if extra > 0 else "discount")
            rows.append(["", _text(name), "", "", self._money(paper.difference)])
        rows.append(["", _text(self._word("total"), bold=True), "", "", self._money(paper.total)])
        return Table(rows, colWidths=COLUMNS, repeatRows=1, style=_TABLE)

    def _payment(self) -> list[tuple[str, str]]:
        paper = self._paper
        rows = [(self._word("vat"), paper.seller.vat.to(paper.language))]
        rows += [(self._word("paid"), self._paid(paid)) for paid in paper.paid]
        if paper.pay_until:
            purpose = self._word("purpose.line", order=paper.order_number, number=paper.number)
            rows.append((self._word("pay_until"), self._date(paper.pay_until)))
            rows.append((self._word("purpose"), purpose))
        return rows

    def _paid(self, paid: Paid) -> str:
        key = "method.card_ending" if paid.last_four else f"method.{paid.method}"
        method = self._word(key, last_four=paid.last_four)
        return self._word("paid.line", date=self._date(paid.at), method=method)

    def _word(self, key: str, **values: object) -> str:
        return _texts(key, self._paper.language, **values)

    def _date(self, moment: datetime) -> str:
        pattern = "d MMMM y 'г.'" if self._paper.language == "ru" else "d MMMM y"
        return format_date(self._paper.local(moment).date(), pattern, locale=self._locale)

    def _money(self, amount: Money) -> str:
        return worded(amount, self._paper.language, with_cents=True)

    @property
    def _locale(self) -> str:
        return LOCALES[self._paper.language]


_TABLE = TableStyle(
    [
        ("FONT", (0, 0), (-1, -1), REGULAR, 9.5),
        ("FONT", (0, 0), (-1, 0), BOLD, 9.5),
        ("FONT", (0, -1), (-1, -1), BOLD, 10.5),
        ("TEXTCOLOR", (0, 0), (-1, -1), INK),
        ("LEFTPADDING", (0, 0), (0, -1), 0),
        ("RIGHTPADDING", (-1, 0), (-1, -1), 0),
        ("ALIGN", (2, 0), (-1, -1), "RIGHT"),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LINEBELOW", (0, 0), (-1, 0), 1, INK),
        ("LINEBELOW", (0, 1), (-1, -2), 0.4, LINE),
        ("LINEABOVE", (0, -1), (-1, -1), 1, INK),
        ("TOPPADDING", (0, 0), (-1, -1), 4),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 5),
    ]
)
_PAIRS = TableStyle(
    [
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LEFTPADDING", (0, 0), (0, -1), 0),
        ("TOPPADDING", (0, 0), (-1, -1), 1.5),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 1.5),
    ]
)


def _pairs(rows: list[tuple[str, str]]) -> Table:
    told = [[_text(name, colour=GREY), _text(value)] for name, value in rows]
    return Table(told, colWidths=LABELS, style=_PAIRS)


def _text(said: str, *, size: float = 9.5, bold: bool = False, colour: Any = INK) -> Paragraph:
    style = ParagraphStyle(
        "said", fontName=BOLD if bold else REGULAR, fontSize=size, leading=size * 1.35, textColor=colour
    )
    return Paragraph(escape(said).replace("\n", "<br/>"), style)


@cache
def _fonts() -> None:
    """Roboto has Cyrillic and the rouble sign, which the fonts of PDF itself do not."""
    folder = files("font_roboto").joinpath("files")
    for name, file in ((REGULAR, "Roboto-Regular.ttf"), (BOLD, "Roboto-Bold.ttf")):
        pdfmetrics.registerFont(TTFont(name, str(folder.joinpath(file))))
