// The authorize page: asks once a second how the link stands, shows it, and goes on by itself.
// The page's secret is in the document and travels in bodies only; there are no cookies and nothing is stored.
"use strict";

(() => {
  const page = document.getElementById("page");
  const at = (id) => document.getElementById(id);
  const token = page.dataset.token;
  const client = page.dataset.client;
  // A pushed request opens once: loading the page again leads nowhere, so it offers the way back instead.
  const once = "once" in page.dataset;
  const SECTIONS = ["waiting", "claimed", "approved", "asking", "asked", "busy", "done", "over"];
  const STATUS = {
    waiting: "Leia o código com o aplicativo Link ID",
    claimed: "Aprove no celular",
    approved: "Aprovado no celular",
    asking: "Chamando o seu celular…",
    asked: "Aprove no celular",
    busy: "Esperando a vez",
    done: "Identificação confirmada",
    over: "Não foi desta vez",
  };
  const ENDED = {
    refused: "O pedido foi recusado no celular.",
    second_scan: "Outro celular leu o mesmo código, e por segurança o pedido terminou. Confira se ninguém mais vê esta tela e tente de novo.",
    checks_spent: "Foram três códigos de conferência errados.",
    dead: "O tempo acabou.",
    denied: "Você recusou este pedido no celular. Nada foi assinado.",
    late: "O tempo acabou e nada foi assinado.",
    impossible: "Este certificado não pode assinar este pedido.",
  };
  const BUSY = {
    pending: "Outro pedido espera resposta no seu celular. Abra o aplicativo Link ID e responda a ele; este vem em seguida.",
    refused: "Você recusou um pedido deste aplicativo há pouco. Por segurança, ele precisa esperar antes de pedir de novo.",
    unanswered: "Pedidos deste aplicativo ficaram sem resposta. Por segurança, ele precisa esperar antes de pedir de novo.",
  };
  let shown = page.dataset.state;
  let stopped = false;

  function show(section, status) {
    if (section === shown) return;
    shown = section;
    for (const id of SECTIONS) at(id).hidden = id !== section;
    at("status").textContent = status || STATUS[section];
    at("left").hidden = ["done", "over", "asking", "busy"].includes(section);
    at("cancel").hidden = section === "done";
    if (section === "approved") at("check").focus();
    if (section === "over") at("again").focus();
  }

  function stop(section, status) {
    stopped = true;
    show(section, status);
  }

  function over(reason, final = false) {
    document.querySelector("#over .reason").textContent = reason;
    at("cancel").textContent = `Voltar para ${client}`;
    at("again").hidden = once || final;
    if (once || final) at("cancel").className = "button primary";
    stop("over");
    if (once || final) at("cancel").focus();
  }

  function leave(address, status) {
    at("onward").href = address;
    stop("done", status);
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

  // The phone approved the signatures: the server makes a code of it, once.
  async function finish() {
    const answer = await call("finish", {});
    if (answer.ok) leave(answer.body.redirect, "Aprovado no celular");
    else if (answer.status === 404 || answer.status === 410) over(answer.body.message, true);
  }

  function showAsked(link) {
    if (shown === "asked") return;
    at("verification").textContent = link.verification_code;
    at("request-qr").setAttribute("viewBox", link.qr.view_box);
    at("request-qr").firstElementChild.setAttribute("d", link.qr.path);
    at("same").href = link.address;
    // A screen reader hears the code when it appears; digit by digit, since it is compared and not counted.
    at("spoken").textContent = `Confira no celular o código ${[...link.verification_code].join(" ")}.`;
    show("asked");
  }

  // Another request is answered in moments and then it is this one's turn; a pause after refusals is longer than a page.
  function showBusy(link) {
    const reason = BUSY[link.why] || BUSY.pending;
    const minutes = Math.ceil(Number(link.retry_after) / 60);
    if (link.why !== "pending" && minutes > 1) return over(`${reason} Tente daqui a ${minutes} minutos.`, true);
    document.querySelector("#busy .reason").textContent = reason;
    show("busy");
  }

  async function render(link) {
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
      case "asked":
        showAsked(link);
        break;
      case "busy":
        showBusy(link);
        break;
      case "done": // the answer that said so was lost on the way
        leave(link.redirect, shown === "asked" ? STATUS.approved : STATUS.done);
        break;
      case "granted":
        await finish();
        break;
      case "denied":
      case "late":
        over(ENDED[link.state]);
        break;
      case "impossible":
        over(link.why || ENDED.impossible, true);
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
        if (answer.ok) {
          await render(answer.body);
          if (answer.body.retry_after) pause = 1000 * Math.min(Number(answer.body.retry_after), 3);
        }
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
      if (answer.ok && answer.body.redirect) return leave(answer.body.redirect);
      if (answer.ok) return show("asking");
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

  // A page that knows whose phone to call begins at once.
  setTimeout(look, shown === "asking" ? 0 : 1000);
})();
