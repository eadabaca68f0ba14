// The authorize page: asks once a second how the link stands, shows it, and goes on by itself.
// The page's secret is in the document and travels in bodies only; there are no cookies and nothing is stored.
"use strict";

(() => {
  const page = document.getElementById("page");
  const at = (id) => document.getElementById(id);
  const token = page.dataset.token;
  const client = page.dataset.client;
  const SECTIONS = ["waiting", "claimed", "approved", "done", "over"];
  const STATUS = {
    waiting: "Leia o código com o aplicativo Link ID",
    claimed: "Aprove no celular",
    approved: "Aprovado no celular",
    done: "Identificação confirmada",
    over: "Não foi desta vez",
  };
  const ENDED = {
    refused: "O pedido foi recusado no celular.",
    second_scan: "Outro celular leu o mesmo código, e por segurança o pedido terminou. Confira se ninguém mais vê esta tela e tente de novo.",
    checks_spent: "Foram três códigos de conferência errados.",
    dead: "O tempo acabou.",
  };
  let shown = page.dataset.state;
  let stopped = false;

  function show(section, status) {
    if (section === shown) return;
    shown = section;
    for (const id of SECTIONS) at(id).hidden = id !== section;
    at("status").textContent = status || STATUS[section];
    at("left").hidden = section === "done" || section === "over";
    at("cancel").hidden = section === "done";
    if (section === "approved") at("check").focus();
    if (section === "over") at("again").focus();
  }

  function stop(section, status) {
    stopped = true;
    show(section, status);
  }

  function over(reason) {
    document.querySelector("#over .reason").textContent = reason;
    at("cancel").textContent = `Voltar para ${client}`;
    stop("over");
  }

  function leave(address) {
    at("onward").href = address;
    stop("done");
    location.replace(address);
  }

  async function call(path, body) {
    const response = await fetch(`/oauth2/authorize/${path}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ page: token, ...body }),
      cache: "no-store",
      credentials: "omit",
      redirect: "error",
      signal: AbortSignal.timeout(10000),
    });
    return { ok: response.ok, status: response.status, body: await response.json() };
  }

  function showTimeLeft(seconds) {
    const minutes = Math.floor(seconds / 60);
    const rest = String(seconds % 60).padStart(2, "0");
    at("left").textContent = `Vale por mais ${minutes}:${rest}`;
    at("left").classList.toggle("soon", seconds <= 30);
  }

  function render(link) {
    showTimeLeft(link.expires_in);
    switch (link.state) {
      case "waiting":
        show("waiting");
        at("qr").setAttribute("viewBox", link.qr.view_box);
        at("qr").firstElementChild.setAttribute("d", link.qr.path);
        if (at("code").textContent !== link.code) at("code").textContent = link.code;
        break;
      case "claimed":
        document.querySelector("#claimed .phone").textContent = link.phone || "";
        show("claimed");
        break;
      case "approved":
        show("approved");
        break;
      case "refused":
        over(ENDED.refused);
        break;
      default:
        over(ENDED[link.ended_by] || ENDED.dead);
    }
  }

  async function look() {
    if (stopped) return;
    let pause = 1000;
    try {
      // A page nobody looks at need not ask; it asks again as soon as somebody does.
      if (document.visibilityState === "visible") {
        const answer = await call("state", {});
        at("offline").hidden = true;
        if (stopped) return;
        if (answer.ok) render(answer.body);
        else if (answer.status === 404 || answer.status === 410) over(answer.body.message);
        else pause = 1000 * Number(answer.body.retry_after || 3);
      }
    } catch {
      at("offline").hidden = false;
      pause = 2000;
    }
    setTimeout(look, pause);
  }

  at("approved").addEventListener("submit", async (event) => {
    event.preventDefault();
    const field = at("check");
    const button = event.target.querySelector("button");
    const typed = field.value.replace(/\D/g, "");
    at("check-error").textContent = "";
    if (typed.length !== 3) {
      at("check-error").textContent = "São três números.";
      field.focus();
      return;
    }
    button.disabled = true;
    try {
      const answer = await call("check", { code: typed });
      if (answer.ok) return leave(answer.body.redirect);
      if (answer.status === 410) return over(answer.body.message);
      const left = answer.body.tries_left;
      at("check-error").textContent = left
        ? `${answer.body.message} ${left === 1 ? "Resta 1 tentativa." : `Restam ${left} tentativas.`}`
        : answer.body.message;
      field.select();
    } catch {
      at("check-error").textContent = "Sem conexão. Tente de novo.";
    } finally {
      button.disabled = false;
    }
  });

  at("cancel").addEventListener("click", async () => {
    at("cancel").disabled = true;
    stopped = true;
    try {
      const answer = await call("cancel", {});
      if (answer.ok) location.replace(answer.body.redirect);
      else over(answer.body.message);
    } catch {
      at("offline").hidden = false;
      stopped = false;
      look();
    } finally {
      at("cancel").disabled = false;
    }
  });

  at("again").addEventListener("click", () => location.reload());

  setTimeout(look, 1000);
})();
