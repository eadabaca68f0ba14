// Waits for the phone's answer about a signature session, and goes on by itself.
// The page's secret is in the document and travels in bodies only; there are no cookies and nothing is stored.
"use strict";

(() => {
  const page = document.getElementById("page");
  const at = (id) => document.getElementById(id);

  let stopped = false;

  function call(path) {
    return fetch(`${page.dataset.calls}/${path}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ page: page.dataset.token }),
      cache: "no-store",
      credentials: "omit",
      redirect: "error",
      signal: AbortSignal.timeout(10000),
    });
  }

  function stop(status, reason, address) {
    stopped = true;
    at("cancel").hidden = true;
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
    if (stopped) return;
    let pause = 1000;
    try {
      if (document.visibilityState === "visible") {
        const response = await call("wait");
        const body = await response.json();
        at("offline").hidden = true;
        if (stopped) return;
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

  at("cancel").addEventListener("click", async () => {
    at("cancel").disabled = true;
    try {
      const response = await call("leave");
      const body = await response.json();
      if (response.ok) return leave("Cancelado", body.redirect);
      at("cancel").disabled = false; // approved or over meanwhile: the next look says which
    } catch {
      at("offline").hidden = false;
      at("cancel").disabled = false;
    }
  });

  setTimeout(look, 1000);
})();
