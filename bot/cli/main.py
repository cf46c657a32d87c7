"""The `zabota` command."""

import typer

from bot.cli import assistant, chat, doctor, up

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

if __name__ == "__main__":
    app()
