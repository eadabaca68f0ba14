// Waits for the phone's answer about a signature session, and goes on by itself.
// The page's secret is in the document and travels in bodies only; there are no cookies and nothing is stored.
"use strict";

(() => {
  const page = document.getElementById("page");
  const at = (id) => document.getElementById(id);

  function stop(status, reason, address) {
    at("status").textContent = status;
    at("waiting").hidden = true;
    at("done").hidden = false;
    document.querySelector("#done .reason").textContent = reason;
    at("onward").hidden = !address;
    if (address) at("onward").href = address;
  }

  function leave(status, address) {
    stop(status, `Voltando para ${page.dataset.client}…`, address);
    location.replace(address);
  }

  async function look() {
    let pause = 1000;
    try {
      if (document.visibilityState === "visible") {
        const response = await fetch(page.dataset.wait, {
          method: "POST",
          headers: { "Content-Type": "application/json" },
          body: JSON.stringify({ page: page.dataset.token }),
          cache: "no-store",
          credentials: "omit",
          redirect: "error",
          signal: AbortSignal.timeout(10000),
        });
        const body = await response.json();
        at("offline").hidden = true;
        if (response.ok && body.state === "done") return leave("Sessão aprovada", body.redirect);
        if (response.ok && body.state === "over") return leave("Não foi desta vez", body.redirect);
        if (!response.ok && response.status < 500 && response.status !== 429) return stop("Não foi desta vez", body.message, "");
        if (!response.ok) pause = 3000;
      }
    } catch {
      at("offline").hidden = false;
      pause = 2000;
    }
    setTimeout(look, pause);
  }

  setTimeout(look, 1000);
})();
