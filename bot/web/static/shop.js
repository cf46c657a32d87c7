/** Buttons that put a question into the chat. */

for (const button of document.querySelectorAll("[data-ask]")) {
  button.addEventListener("click", () => document.querySelector("zabota-chat").open(button.dataset.ask));
}
