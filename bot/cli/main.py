"""The `zabota` command."""

import typer

from bot.cli import assistant, chat, crm, doctor, nlu, privacy, proactive, studio, sync, up, user

app = typer.Typer(
    help="Zabota: customer service that a company runs on its own machines.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    add_completion=False,
)
app.command("up")(up.up)
app.command("train")(assistant.train)
app.command("chat")(chat.chat)
app.command("doctor")(doctor.doctor)
app.add_typer(nlu.app, name="nlu", help="Measure and check how messages are understood.")
crm.app.command("sync")(sync.sync)
app.add_typer(crm.app, name="crm", help="Customers: import, export, duplicates, synchronisation.")
app.add_typer(proactive.app, name="proactive")
bench = typer.Typer(help="Figures beside their goals.", no_args_is_help=True)
bench.command("proactive")(proactive.bench)
app.add_typer(bench, name="bench")
app.add_typer(privacy.app, name="privacy", help="What customers may ask for: their data, and its erasure.")
app.add_typer(studio.app, name="studio", help="Retrain the assistant; a worse model never goes live.")
app.add_typer(user.app, name="user", help="Accounts of people who work here.")

if __name__ == "__main__":
    app()
