"""Every pair of sides, every rule: the decision is right, and no value disappears in silence."""

from hypothesis import given, settings
from hypothesis import strategies as st

from crm_bridge.adapters import Field, Values
from crm_bridge.sync.merge import Agreement, merge, recognise
from crm_bridge.sync.rules import FieldRule, Owner, Policy, SyncRules

HELD = frozenset({Field.PHONE, Field.EMAIL})
sides = st.fixed_dictionaries({field: st.sampled_from(["", "a", "b", "c"]) for field in sorted(HELD)})
rules = st.builds(
    lambda owner, policy: SyncRules(fields={Field.PHONE: FieldRule(owner=owner, conflict=policy)}),
    st.sampled_from(Owner),
    st.sampled_from(Policy),
)
unsent = st.frozensets(st.sampled_from(sorted(HELD)))
pasts = st.one_of(st.just(Agreement()), st.builds(Agreement, sides, sides, unsent))


def same(values: Values) -> Values:
    return values


@settings(max_examples=200)
@given(local=sides, remote=sides, before=pasts, rules=rules)
def test_every_field_is_agreed_taken_sent_or_before_a_person(
    local: Values, remote: Values, before: Agreement, rules: SyncRules
) -> None:
    merged = merge(local, remote, before, rules, HELD, same)
    for field in rules.kept(HELD):
        done = [field in merged.agreed, field in merged.take, field in merged.send]
        held = any(clash.field is field and clash.winner is None for clash in merged.clashes)
        untouched = (
            before.knows(field)
            and field not in before.unsent
            and ((local[field], remote[field]) == (before.local[field], before.remote[field]))
        )
        assert sum(done) + held + (untouched and not any(done)) == 1


@settings(max_examples=200)
@given(local=sides, remote=sides, before=pasts, rules=rules)
def test_an_edit_that_is_overwritten_is_on_record(
    local: Values, remote: Values, before: Agreement, rules: SyncRules
) -> None:
    merged = merge(local, remote, before, rules, HELD, same)
    recorded = {clash.field for clash in merged.clashes}
    for field in merged.take:
        edited = local[field] != before.local[field] if before.knows(field) else bool(local[field])
        assert not edited or field in recorded
    for field in merged.send:
        edited = remote[field] != before.remote[field] if before.knows(field) else bool(remote[field])
        assert not edited or field in recorded


@settings(max_examples=200)
@given(local=sides, remote=sides, before=pasts, rules=rules)
def test_what_was_decided_is_not_decided_again(
    local: Values, remote: Values, before: Agreement, rules: SyncRules
) -> None:
    """Neither when the write has not been made yet, nor when it has."""
    merged = merge(local, remote, before, rules, HELD, same)
    here = {**local, **merged.take}
    undecided = {field: local[field] for field in merged.held if field in before.unsent}
    pending = {field.value: [value, value] for field, value in (undecided | merged.send).items()}
    after = Agreement({**merged.local, **merged.take}, merged.remote)
    unwritten = merge(here, remote, recognise(after, remote, pending), rules, HELD, same)
    assert (unwritten.take, unwritten.send) == ({}, merged.send)
    assert [clash for clash in unwritten.clashes if clash.winner] == []
    there = {**remote, **merged.send}
    written = merge(here, there, recognise(after, there, pending), rules, HELD, same)
    assert (written.take, written.send) == ({}, {})


def test_a_crm_that_cannot_tell_two_values_apart_sees_no_difference() -> None:
    """«Анна Мария» «Петрова» and «Анна» «Мария Петрова» are one name in Odoo."""

    def shorten(values: Values) -> Values:
        return {field: value[:1] for field, value in values.items()}

    merged = merge({Field.PHONE: "abc"}, {Field.PHONE: "a"}, Agreement(), SyncRules(), HELD, shorten)
    assert Field.PHONE in merged.agreed
    assert (merged.local[Field.PHONE], merged.remote[Field.PHONE]) == ("abc", "a")
