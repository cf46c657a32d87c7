"""Who the company is on paper."""

from pydantic import BaseModel, ConfigDict, Field

from crm_bridge.company.words import Words


class Requisites(BaseModel):
    """What stands on receipts and invoices."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    legal_name: Words
    address: Words
    inn: str = Field(pattern=r"^\d{10}(\d{2})?$")
    kpp: str | None = Field(default=None, pattern=r"^\d{9}$")
    ogrn: str = Field(pattern=r"^\d{13}(\d{2})?$")
    bank: Words
    bik: str = Field(pattern=r"^\d{9}$")
    account: str = Field(pattern=r"^\d{20}$")
    correspondent: str = Field(pattern=r"^\d{20}$")
    vat: Words  # how value-added tax stands on a document
    phone: str
    email: str
    pay_within_days: int = Field(gt=0)  # an invoice
