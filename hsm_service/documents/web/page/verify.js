// Drag and drop, and words while one waits. Without this script the form works as it is.
"use strict";

(() => {
  const MAX = 25 * 1024 * 1024;
  const at = (id) => document.getElementById(id);
  const form = at("form");
  const drop = at("drop");
  const chosen = at("document");
  const error = at("error");

  function tooLarge() {
    const large = [chosen, at("original")].some((input) => input.files[0] && input.files[0].size > MAX);
    error.textContent = large ? "O arquivo é grande demais: no máximo 25 MB." : "";
    return large;
  }

  chosen.addEventListener("change", tooLarge);
  at("original").addEventListener("change", tooLarge);

  form.addEventListener("submit", (event) => {
    if (tooLarge()) {
      event.preventDefault();
      return;
    }
    at("send").setAttribute("aria-disabled", "true");
    at("status").textContent = "Verificando… isto leva alguns segundos.";
  });

  // A file dropped beside the frame would be opened by the browser in place of this page.
  for (const name of ["dragover", "drop"]) {
    document.addEventListener(name, (event) => event.preventDefault());
  }
  let inside = 0;
  drop.addEventListener("dragenter", () => {
    inside += 1;
    drop.classList.add("over");
  });
  drop.addEventListener("dragleave", () => {
    inside -= 1;
    if (inside === 0) drop.classList.remove("over");
  });
  drop.addEventListener("drop", (event) => {
    inside = 0;
    drop.classList.remove("over");
    if (event.dataTransfer.files.length !== 1) {
      error.textContent = "Solte um arquivo de cada vez.";
      return;
    }
    chosen.files = event.dataTransfer.files;
    if (!tooLarge()) form.requestSubmit();
  });

  // Back from the result: the button works again.
  window.addEventListener("pageshow", () => {
    at("send").removeAttribute("aria-disabled");
    at("status").textContent = "";
  });
})();
