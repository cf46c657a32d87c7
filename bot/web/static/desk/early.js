// Runs before the page is drawn: a press that comes before the other scripts is kept for them, not lost.
let pressed = null;
const keep = (event) => {
  if (!event.target.closest("[hx-post]")) return;
  pressed = event.target;
  event.preventDefault();
};
document.addEventListener("click", keep);
document.addEventListener("DOMContentLoaded", () =>
  setTimeout(() => {
    document.removeEventListener("click", keep);
    pressed?.click();
  }),
);
