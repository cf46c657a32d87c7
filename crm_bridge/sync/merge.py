"""What becomes of two sides of one person. Pure: values in, decisions out.

A side changed a field when it differs from what it was at the last agreement. One side changed: the other
follows. Both changed: the rule decides, and the loser is put on record. A field that only one side may change
is put back when the other changed it, and that is put on record too.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from crm_bridge.adapters.values import Field, Values
from crm_bridge.sync.rules import Owner, SyncRules
from crm_bridge.sync.tables import Side, Why


@dataclass(frozen=True, slots=True)
class Agreement:
    """What each side held when they last agreed. Empty before they met.

    `unsent`: fields that were decided in our favour, and the CRM has not been seen to hold our value yet.
    """

    local: Values = field(default_factory=dict)
    remote: Values = field(default_factory=dict)
    unsent: frozenset[Field] = frozenset()

    def knows(self, name: Field) -> bool:
        return name in self.local and name in self.remote


@dataclass(frozen=True, slots=True)
class Clash:
    """Two values that cannot both stand. `winner` is None when a person must decide."""

    field: Field
    ours: str
    theirs: str
    why: Why
    winner: Side | None


@dataclass(slots=True)
class Merged:
    """What to do, and what is agreed on once the taken values are stored.

    A value to send stays a change of ours until the CRM was seen to hold it.
    """

    take: dict[Field, str] = field(default_factory=dict)  # to be stored here
    send: dict[Field, str] = field(default_factory=dict)  # to be written to the CRM
    local: dict[Field, str] = field(default_factory=dict)
    remote: dict[Field, str] = field(default_factory=dict)
    clashes: list[Clash] = field(default_factory=list)
    agreed: list[Field] = field(default_factory=list)  # both sides say the same
    held: list[Field] = field(default_factory=list)  # each side keeps its own until a person decides


def merge(
    local: Values,
    remote: Values,
    before: Agreement,
    rules: SyncRules,
    held: frozenset[Field],
    project: Callable[[Values], Values],
) -> Merged:
    """Compare the two sides field by field.

    Args:
        held: the fields that the CRM holds.
        project: how the CRM would show our values; two values are the same when it would not tell them apart.
    """
    merged = Merged(local=dict(before.local), remote=dict(before.remote))
    shown = project(local)
    for name in sorted(rules.kept(held)):
        ours, theirs = local.get(name, ""), remote.get(name, "")
        if shown.get(name, "") == theirs:
            merged.local[name], merged.remote[name] = ours, theirs
            merged.agreed.append(name)
        else:
            _decide(merged, name, ours, theirs, before, rules)
    return merged


def _decide(merged: Merged, name: Field, ours: str, theirs: str, before: Agreement, rules: SyncRules) -> None:
    """One field on which the sides differ."""
    if not before.knows(name):
        _first_meeting(merged, name, ours, theirs, rules)
        return
    we_changed = ours != before.local[name] or name in before.unsent
    they_changed = theirs != before.remote[name]
    rule = rules.of(name)
    if name in before.unsent and not they_changed:
        _send(merged, name, ours, theirs)  # it was decided already
    elif we_changed and they_changed:
        _settle(merged, Clash(name, ours, theirs, Why.BOTH_CHANGED, rule.winner()))
    elif we_changed and rule.owner is Owner.CRM:
        _settle(merged, Clash(name, ours, theirs, Why.OWNED, Side.CRM))
    elif they_changed and rule.owner is Owner.ZABOTA:
        _settle(merged, Clash(name, ours, theirs, Why.OWNED, Side.ZABOTA))
    elif we_changed:
        _send(merged, name, ours, theirs)
    elif they_changed:
        _take(merged, name, theirs)


def _first_meeting(merged: Merged, name: Field, ours: str, theirs: str, rules: SyncRules) -> None:
    """Nothing is known of the past. An empty value is no opinion, whoever owns the field."""
    if not ours:
        _take(merged, name, theirs)
    elif not theirs:
        merged.local[name] = ""
        _send(merged, name, ours, theirs)
    else:
        _settle(merged, Clash(name, ours, theirs, Why.FIRST_MEETING, rules.of(name).winner()))


def _settle(merged: Merged, clash: Clash) -> None:
    merged.clashes.append(clash)
    if clash.winner is Side.CRM:
        _take(merged, clash.field, clash.theirs)
    elif clash.winner is Side.ZABOTA:
        merged.local.setdefault(clash.field, "")
        _send(merged, clash.field, clash.ours, clash.theirs)
    else:
        merged.held.append(clash.field)


def _take(merged: Merged, name: Field, theirs: str) -> None:
    merged.take[name] = theirs
    merged.remote[name] = theirs  # `local` follows when the value was stored


def _send(merged: Merged, name: Field, ours: str, theirs: str) -> None:
    merged.send[name] = ours
    merged.remote[name] = theirs  # seen; if it is ours to overrule, it is on record


def recognise(
    before: Agreement, remote: Values, pending: Mapping[str, list[str]], *, written: bool = False
) -> Agreement:
    """What we wrote ourselves and now read is no change of theirs: count it as agreed.

    Args:
        pending: {field: [our value, how the CRM shows it]}, put down before it was written.
        written: it is certain that it was written. What is there now instead is a change of theirs.
    """
    local, theirs, unsent = dict(before.local), dict(before.remote), set[Field]()
    for key, (ours, shown) in pending.items():
        name = Field(key)
        if written or remote.get(name) == shown:
            local[name], theirs[name] = ours, shown
        else:
            unsent.add(name)
    return Agreement(local, theirs, frozenset(unsent))
